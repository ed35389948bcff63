// Package ownerreferences keeps users from having the garbage collector delete
// for them what they may not delete: an object's owners are set by who may
// delete it, and an owner's deletion is blocked by who may set its finalizers.
package ownerreferences

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api"
	"minke/apiserver/admission"
	"minke/apiserver/authz"
)

// Plugin is the admission plug-in OwnerReferencesPermissionEnforcement.
type Plugin struct {
	Authorizer authz.Authorizer
	// Resources finds the resources of a kind, built in or custom.
	Resources func(schema.GroupVersionKind) []*api.Resource
}

var _ admission.Validator = (*Plugin)(nil)

// Validate implements admission.Validator.
func (p *Plugin) Validate(ctx context.Context, a *admission.Attributes) error {
	if a.Object == nil || a.User == nil || a.Operation != admission.Create && a.Operation != admission.Update {
		return nil
	}
	if a.Resource.GroupResource() == (schema.GroupResource{Resource: "pods"}) && a.Subresource == "status" {
		return nil
	}
	var before []metav1.OwnerReference
	if a.Old != nil {
		before = a.Old.GetOwnerReferences()
	}
	after := a.Object.GetOwnerReferences()
	if same(before, after) {
		return nil
	}
	refuse := func(format string, args ...any) error {
		return apierrors.NewForbidden(a.Resource.GroupResource(), a.Name, fmt.Errorf(format, args...))
	}
	// Who creates an object could as well not have created it: of what is to be
	// collected later he needs no right.
	deletion := authz.Attributes{
		Verb: "delete", Group: a.Resource.Kind.Group, Version: a.Resource.Kind.Version, Resource: a.Resource.Plural,
		Subresource: a.Subresource, Namespace: a.Namespace, Name: a.Name,
	}
	if a.Operation == admission.Update {
		if decision, reason, err := authz.Decide(ctx, p.Authorizer, a.User, deletion); decision != authz.Allow {
			return refuse("cannot set an ownerRef on a resource you can't delete: %v, %v", reason, err)
		}
	}
	refs := blocking(before, after)
	if len(refs) == 0 {
		return nil
	}
	anything := authz.Attributes{Verb: "update", Group: "*", Version: "*", Resource: "*", Subresource: "finalizers", Name: "*"}
	if allowed, _ := p.Authorizer.Allows(ctx, a.User, anything); allowed {
		return nil
	}
	for _, ref := range refs {
		finalizers, err := p.finalizers(a, ref)
		if err != nil {
			return refuse("cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion %s Kind %s: %w", ref.APIVersion, ref.Kind, err)
		}
		for _, q := range finalizers {
			if decision, reason, err := authz.Decide(ctx, p.Authorizer, a.User, q); decision != authz.Allow {
				return refuse("cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: %v, %v", reason, err)
			}
		}
	}
	return nil
}

// finalizers asks whether the finalizers of what ref names may be set. A kind
// may be served as several resources; all must be allowed.
func (p *Plugin) finalizers(a *admission.Attributes, ref metav1.OwnerReference) ([]authz.Attributes, error) {
	version, err := schema.ParseGroupVersion(ref.APIVersion)
	if err != nil {
		return nil, err
	}
	kind := version.WithKind(ref.Kind)
	var out []authz.Attributes
	for _, r := range p.Resources(kind) {
		q := authz.Attributes{
			Verb: "update", Group: kind.Group, Version: kind.Version, Resource: r.Plural, Subresource: "finalizers", Name: ref.Name,
		}
		if r.Namespaced {
			q.Namespace = a.Namespace
		}
		out = append(out, q)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no matches for kind %q in version %q", ref.Kind, ref.APIVersion)
	}
	return out, nil
}

func same(before, after []metav1.OwnerReference) bool {
	if len(before) != len(after) {
		return false
	}
	for i := range before {
		if !equality.Semantic.DeepEqual(before[i], after[i]) {
			return false
		}
	}
	return true
}

// blocking returns the references that come to block their owner's deletion.
func blocking(before, after []metav1.OwnerReference) (out []metav1.OwnerReference) {
	blocks := func(r metav1.OwnerReference) bool { return r.BlockOwnerDeletion != nil && *r.BlockOwnerDeletion }
	blocked := map[any]bool{}
	for _, r := range before {
		if blocks(r) {
			blocked[r.UID] = true
		}
	}
	for _, r := range after {
		if blocks(r) && !blocked[r.UID] {
			out = append(out, r)
		}
	}
	return out
}
