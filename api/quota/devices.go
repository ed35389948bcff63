package quota

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	resourceapi "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Devices is what the usage of a ResourceClaim depends on besides the claim
// (KEP-5004). Nil stands for a cluster without any of it.
type Devices struct {
	Classes []*resourceapi.DeviceClass
	// Pod finds a pod; nil when there is none.
	Pod func(namespace, name string) *corev1.Pod
	// Claims lists the claims of a namespace.
	Claims func(namespace string) []*resourceapi.ResourceClaim
}

// deviceName tells whether the name counts devices that claims ask for: by class,
// or as the extended resource that a class stands for.
func deviceName(name corev1.ResourceName, devices *Devices) bool {
	if strings.HasSuffix(string(name), corev1.ResourceClaimsPerClass) {
		return true
	}
	if devices == nil || !extendedName(name) {
		return false
	}
	of := strings.TrimPrefix(string(name), corev1.DefaultResourceRequestsPrefix)
	return slices.ContainsFunc(devices.Classes, func(c *resourceapi.DeviceClass) bool {
		return of == resourceapi.ResourceDeviceClassPrefix+c.Name || c.Spec.ExtendedResourceName != nil && *c.Spec.ExtendedResourceName == of
	})
}

// addDevices adds how many devices the claim may get of each class, at worst.
func addDevices(out corev1.ResourceList, claim *resourceapi.ResourceClaim, devices *Devices) {
	perClass := map[string]int64{}
	for i := range claim.Spec.Devices.Requests {
		r := &claim.Spec.Devices.Requests[i]
		if len(r.FirstAvailable) == 0 {
			if r.Exactly != nil {
				perClass[r.Exactly.DeviceClassName] += atMost(r.Exactly.AllocationMode, r.Exactly.Count)
			}
			continue
		}
		// One of the alternatives is taken: the most of each class counts.
		most := map[string]int64{}
		for _, sub := range r.FirstAvailable {
			most[sub.DeviceClassName] = max(most[sub.DeviceClassName], atMost(sub.AllocationMode, sub.Count))
		}
		for class, n := range most {
			perClass[class] += n
		}
	}
	var pod corev1.ResourceList
	if devices != nil {
		pod = chargedToPod(claim, devices)
	}
	for class, n := range perClass {
		out[corev1.ResourceName(class+corev1.ResourceClaimsPerClass)] = whole(n)
		if devices == nil || class == "" {
			continue
		}
		addRest(out, corev1.ResourceName(corev1.ResourceImplicitExtendedClaimsPerClass+class), n, pod)
		for _, c := range devices.Classes {
			if c.Name == class && c.Spec.ExtendedResourceName != nil && *c.Spec.ExtendedResourceName != "" {
				addRest(out, corev1.ResourceName(corev1.DefaultResourceRequestsPrefix+*c.Spec.ExtendedResourceName), n, pod)
			}
		}
	}
}

// addRest puts what is not counted for the pod already under an extended
// resource's name. Of classes that share a name the greatest counts.
func addRest(out corev1.ResourceList, name corev1.ResourceName, n int64, pod corev1.ResourceList) {
	rest := whole(n)
	rest.Sub(pod[name])
	if had := out[name]; rest.Sign() > 0 && rest.Cmp(had) > 0 {
		out[name] = rest
	}
}

// atMost is how many devices a request may get.
func atMost(mode resourceapi.DeviceAllocationMode, count int64) int64 {
	switch mode {
	case resourceapi.DeviceAllocationModeExactCount:
		return count
	case resourceapi.DeviceAllocationModeAll:
		return resourceapi.AllocationResultsMaxSize
	}
	// A mode of a later version: nobody allocates for it.
	return 0
}

// chargedToPod returns what is counted for the pod for whose extended resources
// the scheduler made the claim: that is not counted twice. It is nil unless the
// claim is proven to be that one.
func chargedToPod(claim *resourceapi.ResourceClaim, devices *Devices) corev1.ResourceList {
	owner := podOwner(claim)
	if owner == nil {
		return nil
	}
	pod := devices.Pod(claim.Namespace, owner.Name)
	if pod == nil || pod.UID != owner.UID {
		return nil
	}
	if status := pod.Status.ExtendedResourceClaimStatus; status != nil {
		if status.ResourceClaimName != claim.Name {
			return nil
		}
	} else if slices.ContainsFunc(devices.Claims(claim.Namespace), func(other *resourceapi.ResourceClaim) bool {
		o := podOwner(other)
		return o != nil && o.UID == owner.UID && earlier(other, claim)
	}) {
		return nil
	}
	return Usage(Pods, pod, nil)
}

// podOwner returns the pod for whose extended resources the claim says that it is.
func podOwner(claim *resourceapi.ResourceClaim) *metav1.OwnerReference {
	if claim.Annotations[resourceapi.ExtendedResourceClaimAnnotation] != "true" {
		return nil
	}
	if owner := metav1.GetControllerOfNoCopy(claim); owner != nil && owner.Kind == "Pod" && owner.APIVersion == "v1" {
		return owner
	}
	return nil
}

func earlier(a, b *resourceapi.ResourceClaim) bool {
	if c := a.CreationTimestamp.Time.Compare(b.CreationTimestamp.Time); c != 0 {
		return c < 0
	}
	return a.Name < b.Name
}
