// Package resourcequota refuses what would use more of a namespace than its
// ResourceQuotas allow, and counts what it lets pass.
package resourcequota

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api"
	"minke/apiserver/admission"
)

// Reader reads stored objects, which are shared and never changed.
type Reader interface {
	Snapshot(resource schema.GroupVersionResource, namespace string) (iter.Seq[runtime.Object], string, error)
}

// Updater changes a stored object; change runs again after each conflict.
type Updater interface {
	Update(ctx context.Context, resource schema.GroupVersionResource, namespace, name string, change func(api.Object) error) (api.Object, error)
}

// Plugin is the admission plug-in. It comes last in the chain, so that nothing
// that another one refuses is counted. What is counted for a write that fails
// after all, or is deleted later, the resource quota controller takes off.
type Plugin struct {
	Reader  Reader
	Updater Updater
}

var _ admission.Validator = (*Plugin)(nil)

var quotas = corev1.SchemeGroupVersion.WithResource("resourcequotas")

// Validate implements admission.Validator.
func (p *Plugin) Validate(ctx context.Context, a *admission.Attributes) error {
	if !counts(a) {
		return nil
	}
	all, _, err := p.Reader.Snapshot(quotas, a.Namespace)
	if err != nil {
		return fmt.Errorf("list quotas of %s: %w", a.Namespace, err)
	}
	var matching []*corev1.ResourceQuota
	for obj := range all {
		if q := obj.(*corev1.ResourceQuota); matches(q, a.Object) {
			matching = append(matching, q)
		}
	}
	if len(matching) == 0 {
		return nil
	}
	wanted := delta(usageOf(a.Resource, a.Object), usageOf(a.Resource, a.Old))
	if len(wanted) == 0 {
		return nil
	}
	forbid := func(err error) error { return apierrors.NewForbidden(a.Resource.GroupResource(), a.Name, err) }
	for _, q := range matching {
		if err := constraints(q, a.Object); err != nil {
			return forbid(err)
		}
		if _, err := spend(q, wanted); err != nil {
			return forbid(err)
		}
	}
	if a.DryRun {
		return nil
	}
	return p.spendAll(ctx, matching, wanted, forbid)
}

// counts tells whether the write may change what is used.
func counts(a *admission.Attributes) bool {
	if !a.Resource.Namespaced || a.Object == nil {
		return false
	}
	if a.Operation == admission.Create {
		return a.Subresource == ""
	}
	if a.Operation != admission.Update {
		return false
	}
	switch a.Object.(type) {
	case *corev1.Pod:
		return a.Subresource == "resize"
	case *corev1.Service, *corev1.PersistentVolumeClaim:
		return a.Subresource == ""
	}
	return false
}

// spendAll adds to what is used of each quota. Between two concurrent writes
// the quota's own revision decides.
func (p *Plugin) spendAll(ctx context.Context, matching []*corev1.ResourceQuota, wanted corev1.ResourceList, forbid func(error) error) error {
	for _, q := range matching {
		if tracked, _ := spend(q, wanted); tracked == nil {
			continue
		}
		_, err := p.Updater.Update(ctx, quotas, q.Namespace, q.Name, func(o api.Object) error {
			current := o.(*corev1.ResourceQuota)
			used, err := spend(current, wanted)
			if err != nil {
				return forbid(err)
			}
			if used != nil {
				current.Status.Used = used
			}
			return nil
		})
		if apierrors.IsNotFound(err) {
			// A quota that is gone bounds nothing.
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// spend returns what is used of q with wanted, nil when q tracks none of it, or
// why q does not allow it.
func spend(q *corev1.ResourceQuota, wanted corev1.ResourceList) (corev1.ResourceList, error) {
	used := q.Status.Used.DeepCopy()
	asked, limited, before := corev1.ResourceList{}, corev1.ResourceList{}, corev1.ResourceList{}
	tracked, over := false, false
	var unknown []string
	for name, hard := range q.Status.Hard {
		more, ok := wanted[name]
		if !ok {
			continue
		}
		have, known := used[name]
		if !known {
			unknown = append(unknown, string(name))
			continue
		}
		tracked = true
		sum := have.DeepCopy()
		sum.Add(more)
		if sum.Cmp(hard) > 0 {
			over = true
			asked[name], before[name], limited[name] = more, have, hard
		}
		used[name] = sum
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		return nil, fmt.Errorf("status unknown for quota: %s, resources: %s", q.Name, strings.Join(unknown, ","))
	}
	if over {
		return nil, fmt.Errorf("exceeded quota: %s, requested: %s, used: %s, limited: %s", q.Name, text(asked), text(before), text(limited))
	}
	if !tracked {
		return nil, nil
	}
	return used, nil
}

// text writes a list as "cpu=1,memory=2Gi".
func text(list corev1.ResourceList) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(list)) {
		value := list[name]
		parts = append(parts, string(name)+"="+value.String())
	}
	return strings.Join(parts, ",")
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
