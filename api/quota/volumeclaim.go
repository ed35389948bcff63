package quota

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

const ofStorageClass = ".storageclass.storage.k8s.io/"

func claimName(name corev1.ResourceName) bool {
	return name == corev1.ResourceRequestsStorage ||
		strings.HasSuffix(string(name), ofStorageClass+string(corev1.ResourceRequestsStorage)) ||
		strings.HasSuffix(string(name), ofStorageClass+string(corev1.ResourcePersistentVolumeClaims))
}

// addClaim adds the claim's storage, of all classes and of its own.
func addClaim(out corev1.ResourceList, claim *corev1.PersistentVolumeClaim) {
	class := claim.Annotations[corev1.BetaStorageClassAnnotation]
	if _, ok := claim.Annotations[corev1.BetaStorageClassAnnotation]; !ok && claim.Spec.StorageClassName != nil {
		class = *claim.Spec.StorageClassName
	}
	if class != "" {
		out[corev1.ResourceName(class)+ofStorageClass+corev1.ResourcePersistentVolumeClaims] = whole(1)
	}
	size, ok := claim.Spec.Resources.Requests[corev1.ResourceStorage]
	if !ok {
		return
	}
	// An expansion that was given up keeps what it had got (KEP-1790).
	if allocated, ok := claim.Status.AllocatedResources[corev1.ResourceStorage]; ok && allocated.Cmp(size) > 0 {
		size = allocated
	}
	// A quota holds whole bytes only.
	size = size.DeepCopy()
	size.RoundUp(0)
	out[corev1.ResourceRequestsStorage] = size
	if class != "" {
		out[corev1.ResourceName(class)+ofStorageClass+corev1.ResourceRequestsStorage] = size
	}
}

// AttributesClasses are the VolumeAttributesClasses that the claim asks for, has,
// and is on the way to, sorted (KEP-3751): it counts for the quotas of all of them.
func AttributesClasses(claim *corev1.PersistentVolumeClaim) []string {
	var out []string
	for _, name := range []*string{claim.Spec.VolumeAttributesClassName, claim.Status.CurrentVolumeAttributesClassName} {
		if name != nil && *name != "" {
			out = append(out, *name)
		}
	}
	if m := claim.Status.ModifyVolumeStatus; m != nil && m.TargetVolumeAttributesClassName != "" {
		out = append(out, m.TargetVolumeAttributesClassName)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
