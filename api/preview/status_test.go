package preview

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"minke/api"
	"minke/api/core"
	"minke/api/feature"
)

// TestDropStatus: what belongs to a feature that is off is dropped of a status,
// unless the object had it.
func TestDropStatus(t *testing.T) {
	full := func() *corev1.Pod {
		return &corev1.Pod{Status: corev1.PodStatus{
			VolumeHealth:                         []corev1.PodVolumeHealth{{Name: "v"}},
			NodeAllocatableResourceClaimStatuses: []corev1.NodeAllocatableResourceClaimStatus{{ResourceClaimName: "c"}},
			ContainerStatuses:                    []corev1.ContainerStatus{{VolumeMounts: []corev1.VolumeMountStatus{{Name: "v", VolumeStatus: &corev1.VolumeStatus{}}}}},
		}}
	}
	for name, c := range map[string]struct {
		gates feature.Gates
		old   *corev1.Pod
		kept  bool
	}{
		"off":     {nil, &corev1.Pod{}, false},
		"in use":  {nil, full(), true},
		"gate on": {feature.Gates{"CSIVolumeHealth": true, "DRANodeAllocatableResources": true, "ImageVolumeWithDigest": true}, &corev1.Pod{}, true},
	} {
		var pods *api.Resource
		for _, r := range core.Resources() {
			if r.Plural == "pods" {
				pods = r
			}
		}
		DropFields([]*api.Resource{pods}, c.gates)
		p := full()
		pods.Subresources["status"].Prepare(p, c.old)
		s := &p.Status
		if got := s.VolumeHealth != nil; got != c.kept {
			t.Errorf("%s: health of volumes is kept: %v", name, got)
		}
		if got := s.NodeAllocatableResourceClaimStatuses != nil; got != c.kept {
			t.Errorf("%s: devices are kept: %v", name, got)
		}
		if got := s.ContainerStatuses[0].VolumeMounts[0].VolumeStatus != nil; got != c.kept {
			t.Errorf("%s: digests are kept: %v", name, got)
		}
	}
}
