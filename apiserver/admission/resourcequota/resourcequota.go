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
	// Limited are used only where a quota covers it.
	Limited []LimitedResource
}

var _ admission.Validator = (*Plugin)(nil)

var quotas = corev1.SchemeGroupVersion.WithResource("resourcequotas")

// Validate implements admission.Validator.
func (p *Plugin) Validate(ctx context.Context, a *admission.Attributes) error {
	if !counts(a) {
		return nil
	}
	all, err := listed[*corev1.ResourceQuota](p.Reader, quotas, a.Namespace)
	if err != nil {
		return err
	}
	if len(p.Limited) == 0 && none(all) {
		return nil
	}
	devices, err := p.devices(a)
	if err != nil {
		return err
	}
	forbid := func(err error) error { return apierrors.NewForbidden(a.Resource.GroupResource(), a.Name, err) }
	charges, err := p.assess(all, a, devices)
	if err != nil {
		return forbid(err)
	}
	// A status tells what is so already: it is counted, and never refused.
	report := a.Subresource == "status"
	for _, c := range charges {
		if _, err := spend(c.quota, c.wanted); err != nil && !report {
			return forbid(err)
		}
	}
	if a.DryRun {
		return nil
	}
	return p.spendAll(ctx, charges, report, forbid)
}

func none(all iter.Seq[*corev1.ResourceQuota]) bool {
	for range all {
		return false
	}
	return true
}

// spendAll adds to what is used of each quota. Between two concurrent writes
// the quota's own revision decides.
func (p *Plugin) spendAll(ctx context.Context, charges []charge, report bool, forbid func(error) error) error {
	for _, c := range charges {
		if used, _ := spend(c.quota, c.wanted); used == nil {
			continue
		}
		_, err := p.Updater.Update(ctx, quotas, c.quota.Namespace, c.quota.Name, func(o api.Object) error {
			current := o.(*corev1.ResourceQuota)
			used, err := spend(current, c.wanted)
			if err != nil && !report {
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

// spend returns what is used of q with wanted, nil when q limits none of it, and
// why q does not allow it.
func spend(q *corev1.ResourceQuota, wanted corev1.ResourceList) (corev1.ResourceList, error) {
	used := q.Status.Used.DeepCopy()
	asked, limited, before := corev1.ResourceList{}, corev1.ResourceList{}, corev1.ResourceList{}
	tracked := false
	for name, hard := range q.Status.Hard {
		more, ok := wanted[name]
		if !ok {
			continue
		}
		if used == nil {
			used = corev1.ResourceList{}
		}
		tracked = true
		have := used[name]
		sum := have.DeepCopy()
		sum.Add(more)
		if sum.Cmp(hard) > 0 {
			asked[name], before[name], limited[name] = more, have, hard
		}
		used[name] = sum
	}
	if !tracked {
		return nil, nil
	}
	if len(asked) > 0 {
		return used, fmt.Errorf("exceeded quota: %s, requested: %s, used: %s, limited: %s", q.Name, text(asked), text(before), text(limited))
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
