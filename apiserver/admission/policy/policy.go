// Package policy decides by what cluster administrators write in CEL:
// ValidatingAdmissionPolicies (KEP-3488) and MutatingAdmissionPolicies
// (KEP-3962), each put in effect by bindings.
//
//	write ─ match policy ─ match binding ─ params ─┬─ conditions ─ validations ─► deny, warn, audit
//	                                               └─ conditions ─ mutations ───► the object changes
//
// Policies and bindings are in effect at the very next write. They are read when
// they have changed, which costs a write two atomic loads to know, and compiled
// when first needed.
package policy

import (
	"context"
	"iter"
	"slices"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api"
	"minke/apiserver/admission"
	"minke/apiserver/admission/expression"
	"minke/apiserver/authz"
)

// Reader reads stored objects, which are shared and never changed.
type Reader interface {
	Get(ctx context.Context, resource schema.GroupVersionResource, namespace, name string) (runtime.Object, error)
	Snapshot(resource schema.GroupVersionResource, namespace string) (iter.Seq[runtime.Object], string, error)
	// Changes returns a function whose result is another one whenever the objects
	// of a resource have changed, zero before they were read.
	Changes(resource schema.GroupVersionResource) (func() uint64, error)
	// ResourceOf returns the resource whose objects are of a kind, custom ones
	// included; nil if none is served.
	ResourceOf(kind schema.GroupVersionKind) *api.Resource
}

// Config is what both plug-ins need.
type Config struct {
	Reader Reader
	// Authorizer answers what expressions ask it.
	Authorizer authz.Authorizer
}

var namespaces = corev1.SchemeGroupVersion.WithResource("namespaces")

// kinds of policies and bindings, to which no policy applies: whoever writes
// them must be able to take them back.
var exemptKinds = []string{"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"}

func exempt(a *admission.Attributes) bool {
	return a.Resource.Kind.Group == admissionregistrationv1.GroupName && slices.Contains(exemptKinds, a.Resource.Kind.Kind)
}

// namespaceOf returns the namespace that the object is in; nil if in none.
func (c Config) namespaceOf(ctx context.Context, a *admission.Attributes) (*corev1.Namespace, error) {
	if a.Namespace == "" || a.Resource.GroupVersionResource() == namespaces {
		return nil, nil
	}
	obj, err := c.Reader.Get(ctx, namespaces, "", a.Namespace)
	if err != nil {
		return nil, err
	}
	return obj.(*corev1.Namespace), nil
}

// inputs are the inputs of one state of a write, by version.
type inputs map[admission.Version]*expression.Input

func (in inputs) of(ctx context.Context, c Config, a *admission.Attributes, v admission.Version) (*expression.Input, error) {
	if known := in[v]; known != nil {
		return known, nil
	}
	as, err := expression.Shown(ctx, a, v)
	if err != nil {
		return nil, err
	}
	in[v] = expression.NewInput(a, as, c.Authorizer)
	return in[v], nil
}

// fails tells whether an error refuses the write.
func fails(f *admissionregistrationv1.FailurePolicyType) bool {
	return f == nil || *f != admissionregistrationv1.Ignore
}
