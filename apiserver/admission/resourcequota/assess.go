package resourcequota

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	resourceapi "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api/quota"
	"minke/apiserver/admission"
)

// charge is what a write takes of one quota.
type charge struct {
	quota  *corev1.ResourceQuota
	wanted corev1.ResourceList
}

// counts tells whether the write may change what is used.
func counts(a *admission.Attributes) bool {
	if !a.Resource.Namespaced || a.Object == nil || quota.Ignored(a.Resource.GroupResource()) {
		return false
	}
	switch {
	case a.Subresource == "" && a.Operation == admission.Create:
		return true
	case a.Operation != admission.Update:
		return false
	}
	switch a.Resource.GroupResource() {
	case quota.Pods:
		return a.Subresource == "resize" || a.Subresource == "" && !quota.SameScopes(a.Old, a.Object)
	case quota.VolumeClaims:
		return a.Subresource == "" || a.Subresource == "status" && claimChanged(a)
	case quota.Services, quota.ResourceClaims:
		return a.Subresource == ""
	}
	return false
}

// claimChanged tells whether a new status of a claim changes what it counts for.
func claimChanged(a *admission.Attributes) bool {
	return !quota.SameScopes(a.Old, a.Object) ||
		!quota.Equal(quota.Usage(quota.VolumeClaims, a.Old, nil), quota.Usage(quota.VolumeClaims, a.Object, nil))
}

// assess finds what the write takes of which quotas, or why it may not be made
// whatever is left of them.
func (p *Plugin) assess(all iter.Seq[*corev1.ResourceQuota], a *admission.Attributes, devices *quota.Devices) ([]charge, error) {
	of := a.Resource.GroupResource()
	var matching []*corev1.ResourceQuota
	var names []corev1.ResourceName
	var scopes []corev1.ScopedResourceSelectorRequirement
	for q := range all {
		for _, r := range quota.Scopes(q) {
			if quota.InScope(r, a.Object) {
				scopes = append(scopes, r)
			}
		}
		limited := limitedBy(q, of, devices)
		if len(limited) == 0 || !quota.Covers(q, a.Object) {
			continue
		}
		if err := constraints(limited, a.Object); err != nil {
			return nil, fmt.Errorf("failed quota: %s: %w", q.Name, err)
		}
		if slices.ContainsFunc(limited, func(name corev1.ResourceName) bool { _, known := q.Status.Used[name]; return !known }) {
			return nil, fmt.Errorf("status unknown for quota: %s, resources: %s", q.Name, join(limited))
		}
		matching, names = append(matching, q), append(names, limited...)
	}
	usage := quota.Usage(of, a.Object, devices)
	if negative := namesOf(usage, func(q resource.Quantity) bool { return q.Sign() < 0 }); len(negative) > 0 {
		return nil, fmt.Errorf("quota usage is negative for resource(s): %s", join(negative))
	}
	more := usage
	if a.Old != nil {
		more = delta(usage, quota.Usage(of, a.Old, devices))
	}
	var out []charge
	for _, q := range matching {
		wanted := more
		if a.Old != nil && !quota.Covers(q, a.Old) {
			// It was not counted here before.
			wanted = usage
		}
		if wanted = delta(wanted, nil); len(wanted) > 0 {
			out = append(out, charge{q, wanted})
		}
	}
	if len(out) == 0 && (len(matching) > 0 || len(delta(more, nil)) == 0) {
		return nil, nil
	}
	return out, p.covered(a, usage, names, scopes)
}

// covered refuses the use of what is limited by configuration and by no quota:
// names and scopes are those of the quotas.
func (p *Plugin) covered(a *admission.Attributes, usage corev1.ResourceList, names []corev1.ResourceName, scopes []corev1.ScopedResourceSelectorRequirement) error {
	var open []corev1.ResourceName
	var without []string
	for _, l := range p.Limited {
		if (schema.GroupResource{Group: l.APIGroup, Resource: l.Resource}) == a.Resource.GroupResource() {
			for _, name := range namesOf(usage, func(q resource.Quantity) bool { return q.Sign() > 0 }) {
				matches := func(part string) bool { return strings.Contains(string(name), part) }
				if slices.ContainsFunc(l.MatchContains, matches) && !slices.Contains(names, name) {
					open = append(open, name)
				}
			}
		}
		for _, r := range l.MatchScopes {
			same := func(s corev1.ScopedResourceSelectorRequirement) bool { return s.ScopeName == r.ScopeName }
			if quota.InScope(r, a.Object) && !slices.ContainsFunc(scopes, same) {
				without = append(without, fmt.Sprint(r))
			}
		}
	}
	if len(open) > 0 {
		return fmt.Errorf("insufficient quota to consume: %s", join(open))
	}
	if len(without) > 0 {
		return fmt.Errorf("insufficient quota to match these scopes: [%s]", strings.Join(without, " "))
	}
	return nil
}

// limitedBy are the names under which the quota limits something of the resource.
func limitedBy(q *corev1.ResourceQuota, of schema.GroupResource, devices *quota.Devices) []corev1.ResourceName {
	var out []corev1.ResourceName
	for name := range q.Status.Hard {
		if quota.Counts(of, name, devices) {
			out = append(out, name)
		}
	}
	return out
}

func namesOf(list corev1.ResourceList, which func(resource.Quantity) bool) []corev1.ResourceName {
	var out []corev1.ResourceName
	for name, q := range list {
		if which(q) {
			out = append(out, name)
		}
	}
	return out
}

// join writes names in their order, each once.
func join(names []corev1.ResourceName) string {
	var parts []string
	for _, name := range names {
		parts = append(parts, string(name))
	}
	slices.Sort(parts)
	return strings.Join(slices.Compact(parts), ",")
}

// delta is what now exceeds before; what became less is left to the controller.
func delta(now, before corev1.ResourceList) corev1.ResourceList {
	out := corev1.ResourceList{}
	for name, value := range now {
		more := value.DeepCopy()
		if was, ok := before[name]; ok {
			more.Sub(was)
		}
		if more.Sign() > 0 {
			out[name] = more
		}
	}
	return out
}

// devices reads what the usage of a resource claim depends on.
func (p *Plugin) devices(a *admission.Attributes) (*quota.Devices, error) {
	if a.Resource.GroupResource() != quota.ResourceClaims {
		return nil, nil
	}
	classes, err := listed[*resourceapi.DeviceClass](p.Reader, resourceapi.SchemeGroupVersion.WithResource("deviceclasses"), "")
	if err != nil {
		return nil, err
	}
	claims, err := listed[*resourceapi.ResourceClaim](p.Reader, resourceapi.SchemeGroupVersion.WithResource("resourceclaims"), a.Namespace)
	if err != nil {
		return nil, err
	}
	pods, err := listed[*corev1.Pod](p.Reader, corev1.SchemeGroupVersion.WithResource("pods"), a.Namespace)
	if err != nil {
		return nil, err
	}
	return &quota.Devices{
		Classes: slices.Collect(classes),
		Claims:  func(string) []*resourceapi.ResourceClaim { return slices.Collect(claims) },
		Pod: func(_, name string) *corev1.Pod {
			for pod := range pods {
				if pod.Name == name {
					return pod
				}
			}
			return nil
		},
	}, nil
}

// listed are the stored objects of a resource.
func listed[T runtime.Object](reader Reader, of schema.GroupVersionResource, namespace string) (iter.Seq[T], error) {
	all, _, err := reader.Snapshot(of, namespace)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", of.GroupResource(), err)
	}
	return func(yield func(T) bool) {
		for obj := range all {
			if typed, ok := obj.(T); ok && !yield(typed) {
				return
			}
		}
	}, nil
}
