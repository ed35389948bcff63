package persistentvolume

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

func className(claim *corev1.PersistentVolumeClaim) string {
	if claim.Spec.StorageClassName == nil {
		return ""
	}
	return *claim.Spec.StorageClassName
}

func (c *Controller) classOf(claim *corev1.PersistentVolumeClaim) (*storagev1.StorageClass, bool) {
	if className(claim) == "" {
		return nil, false
	}
	return c.classes.Get("", className(claim))
}

// waits tells whether the claim waits for its first pod to be scheduled.
func (c *Controller) waits(claim *corev1.PersistentVolumeClaim) bool {
	class, ok := c.classOf(claim)
	return ok && class.VolumeBindingMode != nil && *class.VolumeBindingMode == storagev1.VolumeBindingWaitForFirstConsumer &&
		claim.Annotations[selectedNode] == ""
}

// find returns the volume that was kept for the claim, else the smallest free
// one that suits it.
func (c *Controller) find(claim *corev1.PersistentVolumeClaim) *corev1.PersistentVolume {
	selector := labels.Everything()
	if claim.Spec.Selector != nil {
		s, err := metav1.LabelSelectorAsSelector(claim.Spec.Selector)
		if err != nil {
			return nil
		}
		selector = s
	}
	wanted := claim.Spec.Resources.Requests[corev1.ResourceStorage]
	var best *corev1.PersistentVolume
	for _, volume := range c.volumeView.List("", nil) {
		size := volume.Spec.Capacity[corev1.ResourceStorage]
		if volume.DeletionTimestamp != nil || size.Cmp(wanted) < 0 || !suits(volume, claim) {
			continue
		}
		if ref := volume.Spec.ClaimRef; ref != nil {
			if names(ref, claim) {
				return volume
			}
			continue
		}
		if c.waits(claim) || volume.Spec.StorageClassName != className(claim) || !selector.Matches(labels.Set(volume.Labels)) {
			continue
		}
		if best != nil {
			if least := best.Spec.Capacity[corev1.ResourceStorage]; least.Cmp(size) <= 0 {
				continue
			}
		}
		best = volume
	}
	return best
}

func suits(volume *corev1.PersistentVolume, claim *corev1.PersistentVolumeClaim) bool {
	if mode(volume.Spec.VolumeMode) != mode(claim.Spec.VolumeMode) {
		return false
	}
	for _, m := range claim.Spec.AccessModes {
		if !slices.Contains(volume.Spec.AccessModes, m) {
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
