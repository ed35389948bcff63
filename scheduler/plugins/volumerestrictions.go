package plugins

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"minke/client"
	"minke/scheduler/cluster"
)

// VolumeRestrictions keeps a claim with the access mode ReadWriteOncePod to one
// pod at a time (KEP-2485).
type VolumeRestrictions struct {
	Claims client.Informer[*corev1.PersistentVolumeClaim]
}

// Name implements Plugin.
func (VolumeRestrictions) Name() string { return "VolumeRestrictions" }

// Helps implements Filter.
func (VolumeRestrictions) Helps() Event { return PodRemoved | VolumesChanged }

// Prepare implements Filter.
func (v VolumeRestrictions) Prepare(snapshot *cluster.Snapshot, pod *cluster.Pod) (Prepared, *Refusal) {
	var single []string
	for _, name := range claimNames(pod.Pod) {
		claim, ok := v.Claims.Get(pod.Namespace, name)
		if ok && slices.Contains(claim.Spec.AccessModes, corev1.ReadWriteOncePod) {
			single = append(single, name)
		}
	}
	if len(single) == 0 {
		return Prepared{}, nil
	}
	for _, node := range snapshot.Nodes {
		for _, other := range node.Pods {
			if other.Namespace != pod.Namespace {
				continue
			}
			for _, name := range claimNames(other.Pod) {
				if slices.Contains(single, name) {
					return Prepared{}, refuse("node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode")
				}
			}
		}
	}
	return Prepared{}, nil
}

// claimNames returns the names of the claims that pod names itself.
func claimNames(pod *corev1.Pod) []string {
	var names []string
	for i := range pod.Spec.Volumes {
		if claim := pod.Spec.Volumes[i].PersistentVolumeClaim; claim != nil {
			names = append(names, claim.ClaimName)
		}
	}
	return names
}
