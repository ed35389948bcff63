package preview

import (
	corev1 "k8s.io/api/core/v1"

	"minke/api"
	"minke/api/feature"
)

// dropStatus makes the statuses of pods and claims drop what belongs to features
// that are off, unless they had it. Pods' change too often to be looked through as
// other objects are.
func dropStatus(r *api.Resource, gates feature.Gates) {
	health, devices, digests := gates.Enabled("CSIVolumeHealth"), gates.Enabled("DRANodeAllocatableResources"), gates.Enabled("ImageVolumeWithDigest")
	status, ok := r.Subresources["status"]
	if !ok {
		return
	}
	prepare := status.Prepare
	switch r.Kind {
	case corev1.SchemeGroupVersion.WithKind("Pod"):
		status.Prepare = func(obj, old api.Object) {
			s, before := &obj.(*corev1.Pod).Status, &old.(*corev1.Pod).Status
			if !health && before.VolumeHealth == nil {
				s.VolumeHealth = nil
			}
			if !devices && before.NodeAllocatableResourceClaimStatuses == nil {
				s.NodeAllocatableResourceClaimStatuses = nil
			}
			if !digests && !tellsDigest(before) {
				dropDigests(s)
			}
			prepare(obj, old)
		}
	case corev1.SchemeGroupVersion.WithKind("PersistentVolumeClaim"):
		status.Prepare = func(obj, old api.Object) {
			if !health && old.(*corev1.PersistentVolumeClaim).Status.HealthStatus == nil {
				obj.(*corev1.PersistentVolumeClaim).Status.HealthStatus = nil
			}
			prepare(obj, old)
		}
	default:
		return
	}
	r.Subresources["status"] = status
}

// mounts calls f with every volume that a container has mounted.
func mounts(s *corev1.PodStatus, f func(*corev1.VolumeMountStatus)) {
	for _, list := range [][]corev1.ContainerStatus{s.InitContainerStatuses, s.ContainerStatuses, s.EphemeralContainerStatuses} {
		for i := range list {
			for j := range list[i].VolumeMounts {
				f(&list[i].VolumeMounts[j])
			}
		}
	}
}

func tellsDigest(s *corev1.PodStatus) bool {
	found := false
	mounts(s, func(m *corev1.VolumeMountStatus) { found = found || m.VolumeStatus != nil })
	return found
}

func dropDigests(s *corev1.PodStatus) {
	mounts(s, func(m *corev1.VolumeMountStatus) { m.VolumeStatus = nil })
}
