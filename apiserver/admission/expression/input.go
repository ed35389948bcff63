// Package expression gives the CEL expressions of admission webhooks and
// policies what they ask about one write, and decides whether match conditions
// hold.
package expression

import (
	"context"
	"reflect"

	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/cel/common"
	"k8s.io/apiserver/pkg/cel/library"

	"minke/api/cel"
	"minke/apiserver/admission"
	"minke/apiserver/authz"
)

// Input is what expressions may read of one write. It reads objects where they
// are, without converting them, and makes a variable's value when it is first
// named. It is not used by several goroutines, nor after its objects change.
type Input struct {
	attributes *admission.Attributes
	as         As
	authorizer authz.Authorizer
	made       map[string]any
	params     runtime.Object
	paramKind  schema.GroupVersionKind
	namespace  *corev1.Namespace
}

var _ cel.Variables = (*Input)(nil)

// As is the version in which a webhook or policy sees a write, which may be
// another one than that of the request. Object and Old may be nil.
type As struct {
	Kind        schema.GroupVersionKind
	Resource    schema.GroupVersionResource
	Object, Old runtime.Object
}

// Shown is a write in a version.
func Shown(ctx context.Context, a *admission.Attributes, v admission.Version) (As, error) {
	obj, old, err := a.Shown(ctx, v)
	return As{Kind: v.Kind, Resource: v.Resource, Object: obj, Old: old}, err
}

// NewInput returns the input of a write. The authorizer answers what
// expressions ask it about the write's user.
func NewInput(a *admission.Attributes, as As, by authz.Authorizer) *Input {
	return &Input{attributes: a, as: as, authorizer: by, made: map[string]any{}}
}

// With returns the same input with other params, of a kind, and the namespace
// of the object. Either may be nil.
func (in *Input) With(params runtime.Object, kind schema.GroupVersionKind, namespace *corev1.Namespace) *Input {
	out := *in
	out.params, out.paramKind, out.namespace = params, kind, namespace
	return &out
}

// Value implements cel.Variables.
func (in *Input) Value(name string) (any, bool) {
	switch name {
	case cel.Params:
		return valueOf(in.params, in.paramKind), true
	case cel.NamespaceObject:
		return common.SchemalessTypedToVal(visible(in.namespace)), true
	}
	if v, ok := in.made[name]; ok {
		return v, true
	}
	v, ok := in.value(name)
	if ok {
		in.made[name] = v
	}
	return v, ok
}

func (in *Input) value(name string) (any, bool) {
	switch name {
	case cel.Object:
		return valueOf(in.as.Object, in.as.Kind), true
	case cel.OldObject:
		return valueOf(in.as.Old, in.as.Kind), true
	case cel.Request:
		return common.SchemalessTypedToVal(in.request()), true
	case cel.Authorizer:
		return library.NewAuthorizerVal(userOf(in.attributes.User), asker{in.authorizer}), in.authorizer != nil
	case cel.RequestResourceAuthorizer:
		return library.NewResourceAuthorizerVal(userOf(in.attributes.User), asker{in.authorizer}, requestResource{in.attributes}), in.authorizer != nil
	}
	return nil, false
}

// valueOf gives an object to expressions; kind is what it is when it does not
// say so itself.
func valueOf(obj runtime.Object, kind schema.GroupVersionKind) any {
	switch o := obj.(type) {
	case nil:
		return common.SchemalessTypedToVal(nil)
	case *unstructured.Unstructured:
		return common.SchemalessTypedToVal(o.Object)
	}
	return common.SchemalessTypedToVal(Named(obj, kind))
}

// Named returns obj if it says what it is, else a shallow copy that says that it
// is of kind: obj may be shared.
func Named(obj runtime.Object, kind schema.GroupVersionKind) runtime.Object {
	from := reflect.ValueOf(obj)
	if !obj.GetObjectKind().GroupVersionKind().Empty() || kind.Empty() || from.Kind() != reflect.Pointer || from.IsNil() {
		return obj
	}
	out := reflect.New(from.Type().Elem())
	out.Elem().Set(from.Elem())
	copied := out.Interface().(runtime.Object)
	copied.GetObjectKind().SetGroupVersionKind(kind)
	return copied
}

// visible is what expressions may see of a namespace.
func visible(ns *corev1.Namespace) any {
	if ns == nil {
		return nil
	}
	out := &corev1.Namespace{ObjectMeta: ns.ObjectMeta, Spec: ns.Spec, Status: ns.Status}
	out.ManagedFields, out.OwnerReferences, out.SelfLink = nil, nil, ""
	return out
}

func (in *Input) request() *admissionv1.AdmissionRequest {
	a := in.attributes
	requestKind, requestResource := metav1.GroupVersionKind(a.Version.Kind), metav1.GroupVersionResource(a.Version.Resource)
	r := &admissionv1.AdmissionRequest{
		Kind: metav1.GroupVersionKind(in.as.Kind), Resource: metav1.GroupVersionResource(in.as.Resource), SubResource: a.Subresource,
		RequestKind: &requestKind, RequestResource: &requestResource, RequestSubResource: a.Subresource,
		Name: a.Name, Namespace: a.Namespace, Operation: admissionv1.Operation(a.Operation), DryRun: &a.DryRun,
	}
	if u := a.User; u != nil {
		r.UserInfo = authenticationv1.UserInfo{Username: u.Name, UID: u.UID, Groups: u.Groups, Extra: map[string]authenticationv1.ExtraValue{}}
		for key, values := range u.Extra {
			r.UserInfo.Extra[key] = values
		}
	}
	if a.Options != nil {
		r.Options.Object = a.Options
	} else if a.Delete != nil {
		r.Options.Object = a.Delete
	}
	return r
}
