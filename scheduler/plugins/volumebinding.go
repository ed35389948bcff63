package plugins

import (
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"

	"minke/client"
	"minke/scheduler/cluster"
)

const (
	selectedNode  = "volume.kubernetes.io/selected-node"
	bindCompleted = "pv.kubernetes.io/bind-completed"
	noProvisioner = "kubernetes.io/no-provisioner"
)

// VolumeBinding keeps pods to the nodes that their volumes can reach. Of a
// claim that waits for its first consumer it has the volume made, or bound,
// for the chosen node, before the pod is bound.
type VolumeBinding struct {
	API     client.Interface
	Nodes   client.Informer[*corev1.Node]
	Claims  client.Informer[*corev1.PersistentVolumeClaim]
	Volumes client.Informer[*corev1.PersistentVolume]
	Classes client.Informer[*storagev1.StorageClass]

	mu      sync.Mutex // guards what follows
	changed chan struct{}
	// promised are the volumes chosen for claims whose binding is under way,
	// by volume: no other claim may choose them.
	promised map[string]client.Key
}

// Name implements Plugin.
func (*VolumeBinding) Name() string { return "VolumeBinding" }

// Helps implements Filter.
func (*VolumeBinding) Helps() Event { return NodeAdded | NodeLabels | VolumesChanged }

// Prepare implements Filter.
func (v *VolumeBinding) Prepare(_ *cluster.Snapshot, pod *cluster.Pod) (Prepared, *Refusal) {
	claims, refusal := v.claimsOf(pod.Pod)
	if refusal != nil || len(claims) == 0 {
		return Prepared{}, refusal
	}
	var bound []*corev1.PersistentVolume
	var waiting []*corev1.PersistentVolumeClaim
	for _, claim := range claims {
		switch {
		case isBound(claim):
			volume, ok := v.Volumes.Get("", claim.Spec.VolumeName)
			if !ok {
				return Prepared{}, refuseFinally("node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)")
			}
			bound = append(bound, volume)
		case v.waits(claim):
			waiting = append(waiting, claim)
		default:
			return Prepared{}, refuseFinally("pod has unbound immediate PersistentVolumeClaims")
		}
	}
	return Prepared{Check: func(node *cluster.Node) *Refusal {
		for _, volume := range bound {
			if !reaches(volume, node.Node) {
				return refuseFinally("node(s) didn't match PersistentVolume's node affinity")
			}
		}
		for _, claim := range waiting {
			if v.match(claim, node.Node) == nil && !v.provisions(claim, node.Node) {
				return refuseFinally("node(s) didn't find available persistent volumes to bind")
			}
		}
		return nil
	}}, nil
}

// claimsOf returns the claims that pod uses.
func (v *VolumeBinding) claimsOf(pod *corev1.Pod) ([]*corev1.PersistentVolumeClaim, *Refusal) {
	var claims []*corev1.PersistentVolumeClaim
	for i := range pod.Spec.Volumes {
		volume := &pod.Spec.Volumes[i]
		name := ""
		switch {
		case volume.PersistentVolumeClaim != nil:
			name = volume.PersistentVolumeClaim.ClaimName
		case volume.Ephemeral != nil:
			name = pod.Name + "-" + volume.Name
		default:
			continue
		}
		claim, ok := v.Claims.Get(pod.Namespace, name)
		switch {
		case !ok && volume.Ephemeral != nil:
			return nil, refuseFinally(fmt.Sprintf("waiting for ephemeral volume controller to create the persistentvolumeclaim %q", name))
		case !ok:
			return nil, refuseFinally(fmt.Sprintf("persistentvolumeclaim %q not found", name))
		case claim.Status.Phase == corev1.ClaimLost:
			return nil, refuseFinally(fmt.Sprintf("persistentvolumeclaim %q bound to non-existent persistentvolume %q", name, claim.Spec.VolumeName))
		case claim.DeletionTimestamp != nil:
			return nil, refuseFinally(fmt.Sprintf("persistentvolumeclaim %q is being deleted", name))
		}
		claims = append(claims, claim)
	}
	return claims, nil
}

func isBound(claim *corev1.PersistentVolumeClaim) bool {
	return claim.Spec.VolumeName != "" && (claim.Status.Phase == corev1.ClaimBound || claim.Annotations[bindCompleted] != "")
}

func className(claim *corev1.PersistentVolumeClaim) string {
	if claim.Spec.StorageClassName == nil {
		return ""
	}
	return *claim.Spec.StorageClassName
}

// waits tells whether the claim is to be bound when a pod is placed.
func (v *VolumeBinding) waits(claim *corev1.PersistentVolumeClaim) bool {
	class, ok := v.Classes.Get("", className(claim))
	return ok && claim.Spec.VolumeName == "" && class.VolumeBindingMode != nil && *class.VolumeBindingMode == storagev1.VolumeBindingWaitForFirstConsumer
}

func reaches(volume *corev1.PersistentVolume, node *corev1.Node) bool {
	if volume.Spec.NodeAffinity == nil || volume.Spec.NodeAffinity.Required == nil {
		return true
	}
	ok, err := nodeaffinity.NewLazyErrorNodeSelector(volume.Spec.NodeAffinity.Required).Match(node)
	return err == nil && ok
}

// provisions tells whether the claim's class can make a volume for node.
func (v *VolumeBinding) provisions(claim *corev1.PersistentVolumeClaim, node *corev1.Node) bool {
	if claim.Annotations[selectedNode] != "" && claim.Annotations[selectedNode] != node.Name {
		return false // it is being made for another node
	}
	class, ok := v.Classes.Get("", className(claim))
	if !ok || class.Provisioner == "" || class.Provisioner == noProvisioner {
		return false
	}
	if len(class.AllowedTopologies) == 0 {
		return true
	}
	for _, term := range class.AllowedTopologies {
		if allowed(term, node) {
			return true
		}
	}
	return false
}

func allowed(term corev1.TopologySelectorTerm, node *corev1.Node) bool {
	for _, e := range term.MatchLabelExpressions {
		found := false
		for _, value := range e.Values {
			found = found || node.Labels[e.Key] == value
		}
		if !found {
			return false
		}
	}
	return true
}

// match returns the smallest volume that is there already and would do.
func (v *VolumeBinding) match(claim *corev1.PersistentVolumeClaim, node *corev1.Node) *corev1.PersistentVolume {
	selector := labels.Everything()
	if claim.Spec.Selector != nil {
		selector = cluster.Selector(claim.Spec.Selector)
	}
	want := claim.Spec.Resources.Requests[corev1.ResourceStorage]
	var best *corev1.PersistentVolume
	for _, volume := range v.Volumes.List("", selector) {
		size := volume.Spec.Capacity[corev1.ResourceStorage]
		if size.Cmp(want) < 0 || !v.free(volume, claim) || !suits(volume, claim) || !reaches(volume, node) {
			continue
		}
		if best != nil {
			if other := best.Spec.Capacity[corev1.ResourceStorage]; size.Cmp(other) >= 0 {
				continue
			}
		}
		best = volume
	}
	return best
}

// free tells whether nobody else has the volume.
func (v *VolumeBinding) free(volume *corev1.PersistentVolume, claim *corev1.PersistentVolumeClaim) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if other, ok := v.promised[volume.Name]; ok && other != client.KeyOf(claim) {
		return false
	}
	if ref := volume.Spec.ClaimRef; ref != nil {
		return ref.Namespace == claim.Namespace && ref.Name == claim.Name && (ref.UID == "" || ref.UID == claim.UID)
	}
	return volume.DeletionTimestamp == nil && (volume.Status.Phase == corev1.VolumeAvailable || volume.Status.Phase == "")
}

func suits(volume *corev1.PersistentVolume, claim *corev1.PersistentVolumeClaim) bool {
	if volume.Spec.StorageClassName != className(claim) || mode(volume.Spec.VolumeMode) != mode(claim.Spec.VolumeMode) {
		return false
	}
	for _, want := range claim.Spec.AccessModes {
		found := false
		for _, have := range volume.Spec.AccessModes {
			found = found || have == want
		}
		if !found {
			return false
		}
	}
	return true
}

func mode(m *corev1.PersistentVolumeMode) corev1.PersistentVolumeMode {
	if m == nil {
		return corev1.PersistentVolumeFilesystem
	}
	return *m
}
