package policy

import (
	"context"
	"fmt"
	"reflect"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/authentication/user"

	"minke/api"
	"minke/apiserver/admission"
	"minke/apiserver/authz"
)

// Reference lets only those refer to parameters who may read them: a policy
// shows them to whoever it refuses. It belongs to the API and is always on.
type Reference struct{ Config }

var _ admission.Validator = Reference{}

// reference is what a policy or a binding refers to.
type reference struct {
	kind *admissionregistrationv1.ParamKind
	ref  *admissionregistrationv1.ParamRef
	// policies and policy name the policy of a binding.
	policies, policy string
}

func referenceOf(obj api.Object) reference {
	switch o := obj.(type) {
	case *admissionregistrationv1.ValidatingAdmissionPolicy:
		return reference{kind: o.Spec.ParamKind}
	case *admissionregistrationv1.MutatingAdmissionPolicy:
		return reference{kind: o.Spec.ParamKind}
	case *admissionregistrationv1.ValidatingAdmissionPolicyBinding:
		return reference{ref: o.Spec.ParamRef, policies: "validatingadmissionpolicies", policy: o.Spec.PolicyName}
	case *admissionregistrationv1.MutatingAdmissionPolicyBinding:
		return reference{ref: o.Spec.ParamRef, policies: "mutatingadmissionpolicies", policy: o.Spec.PolicyName}
	}
	return reference{}
}

// Validate implements admission.Validator.
func (p Reference) Validate(ctx context.Context, a *admission.Attributes) error {
	now := referenceOf(a.Object)
	if now.kind == nil && now.ref == nil || reflect.DeepEqual(now, referenceOf(a.Old)) {
		return nil
	}
	var at *field.Path
	var err error
	if now.kind != nil {
		at, err = field.NewPath("spec", "paramKind"), p.kind(ctx, a, now.kind)
	} else {
		at, err = field.NewPath("spec", "paramRef"), p.params(ctx, a, now.ref, p.kindOf(ctx, now.policies, now.policy))
	}
	if err != nil {
		return apierrors.NewInvalid(a.Resource.Kind.GroupKind(), a.Name, field.ErrorList{field.Forbidden(at, err.Error())})
	}
	return nil
}

// kind asks whether the user may read every object of a kind.
func (p Reference) kind(ctx context.Context, a *admission.Attributes, kind *admissionregistrationv1.ParamKind) error {
	question := p.about(kind)
	question.Verb, question.Name, question.Namespace = "get", "*", "*"
	if allowed, _ := p.Authorizer.Allows(ctx, a.User, question); allowed {
		return nil
	}
	return fmt.Errorf(`user %v must have "get" permission on all objects of the referenced paramKind (kind=%s, apiVersion=%s)`, shown(a), kind.Kind, kind.APIVersion)
}

// params asks whether the user may read what a binding refers to.
func (p Reference) params(ctx context.Context, a *admission.Attributes, ref *admissionregistrationv1.ParamRef, kind *admissionregistrationv1.ParamKind) error {
	question := p.about(kind)
	question.Verb, question.Name, question.Namespace = "get", ref.Name, ref.Namespace
	if ref.Name == "" {
		question.Verb = "list"
	}
	if allowed, _ := p.Authorizer.Allows(ctx, a.User, question); allowed {
		return nil
	}
	return fmt.Errorf(`user %v does not have %q permission on the object referenced by paramRef`, shown(a), question.Verb)
}

// about is a question about a kind's resource; about every resource when it is
// not known.
func (p Reference) about(kind *admissionregistrationv1.ParamKind) authz.Attributes {
	question := authz.Attributes{Group: "*", Version: "*", Resource: "*"}
	if kind == nil {
		return question
	}
	if gv, err := schema.ParseGroupVersion(kind.APIVersion); err == nil {
		question.Group, question.Version = gv.Group, gv.Version
		if r := p.Reader.ResourceOf(kindOf(kind)); r != nil {
			question.Resource = r.Plural
		}
	}
	return question
}

// kindOf returns the kind of a policy's parameters; nil if that is not known.
func (p Reference) kindOf(ctx context.Context, policies, name string) *admissionregistrationv1.ParamKind {
	obj, err := p.Reader.Get(ctx, admissionregistrationv1.SchemeGroupVersion.WithResource(policies), "", name)
	if err != nil {
		return nil // whoever may read everything may go on
	}
	return referenceOf(obj.(api.Object)).kind
}

// shown is the user as Kubernetes shows one in these refusals.
func shown(a *admission.Attributes) user.Info {
	if a.User == nil {
		return &user.DefaultInfo{}
	}
	return &user.DefaultInfo{Name: a.User.Name, UID: a.User.UID, Groups: a.User.Groups, Extra: a.User.Extra}
}
