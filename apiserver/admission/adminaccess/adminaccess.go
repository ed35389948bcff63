// Package adminaccess keeps administrative access to devices, which are in use by
// others perhaps, to namespaces that an administrator has labelled (KEP-5018).
package adminaccess

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/apiserver/admission"
)

// Reader reads stored objects.
type Reader interface {
	Get(ctx context.Context, resource schema.GroupVersionResource, namespace, name string) (runtime.Object, error)
}

// Plugin is the admission plug-in.
type Plugin struct{ Reader Reader }

var _ admission.Checker = (*Plugin)(nil)

// Check implements admission.Checker.
func (p *Plugin) Check(ctx context.Context, a *admission.Attributes) field.ErrorList {
	at := asked(a)
	if at == nil {
		return nil
	}
	obj, err := p.Reader.Get(ctx, corev1.SchemeGroupVersion.WithResource("namespaces"), "", a.Namespace)
	if err != nil {
		return field.ErrorList{field.InternalError(at, fmt.Errorf("could not retrieve namespace to verify admin access: %w", err))}
	}
	if obj.(*corev1.Namespace).Labels[resourcev1.DRAAdminNamespaceLabelKey] != "true" {
		return field.ErrorList{field.Forbidden(at, fmt.Sprintf("admin access to devices requires the `%s: true` label on the containing namespace", resourcev1.DRAAdminNamespaceLabelKey))}
	}
	return nil
}

// asked is where a write asks for such access, or nil. A specification does not
// change, so that it is looked at once; what was allocated with it stays so.
func asked(a *admission.Attributes) *field.Path {
	switch {
	case a.Operation == admission.Create && a.Subresource == "":
		switch o := a.Object.(type) {
		case *resourcev1.ResourceClaim:
			return requested(o.Spec.Devices.Requests)
		case *resourcev1.ResourceClaimTemplate:
			return requested(o.Spec.Spec.Devices.Requests)
		}
	case a.Operation == admission.Update && a.Subresource == "status":
		now, ok := a.Object.(*resourcev1.ResourceClaim)
		old, was := a.Old.(*resourcev1.ResourceClaim)
		if ok && was && allocated(old.Status.Allocation) == nil {
			return allocated(now.Status.Allocation)
		}
	}
	return nil
}

// requested names the request by the path that it has in a claim, in a template
// too: so does Kubernetes.
func requested(requests []resourcev1.DeviceRequest) *field.Path {
	for i, r := range requests {
		if e := r.Exactly; e != nil && e.AdminAccess != nil && *e.AdminAccess {
			return field.NewPath("spec", "devices", "requests").Index(i).Child("adminAccess")
		}
	}
	return nil
}

func allocated(a *resourcev1.AllocationResult) *field.Path {
	if a == nil {
		return nil
	}
	for i, r := range a.Devices.Results {
		if r.AdminAccess != nil && *r.AdminAccess {
			return field.NewPath("status", "allocation", "devices", "results").Index(i).Child("adminAccess")
		}
	}
	return nil
}
