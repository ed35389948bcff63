package policy

import (
	"context"
	"errors"
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api"
)

// params finds the parameters of a policy.
type params struct {
	from Reader
	// resource is nil when the policy has none.
	resource *api.Resource
}

func kindOf(k *admissionregistrationv1.ParamKind) schema.GroupVersionKind {
	if k == nil {
		return schema.GroupVersionKind{}
	}
	return schema.FromAPIVersionAndKind(k.APIVersion, k.Kind)
}

func newParams(k *admissionregistrationv1.ParamKind, from Reader) (params, error) {
	if k == nil {
		return params{}, nil
	}
	resource := from.ResourceOf(kindOf(k))
	if resource == nil {
		return params{}, fmt.Errorf("failed to find resource referenced by paramKind: '%v'", kindOf(k))
	}
	return params{from, resource}, nil
}

// of returns what a binding refers to, with namespace that of the write. Nil
// among them stands for no parameters; nothing at all means that the binding
// does not apply.
func (p params) of(ctx context.Context, ref *admissionregistrationv1.ParamRef, namespace string) ([]runtime.Object, error) {
	if p.resource == nil || ref == nil {
		return []runtime.Object{nil}, nil
	}
	in, err := p.namespace(ref, namespace)
	if err != nil {
		return nil, err
	}
	var found []runtime.Object
	switch {
	case ref.Name != "" && ref.Selector != nil:
		return nil, errors.New("paramRef.name and paramRef.selector are mutually exclusive")
	case ref.Name != "":
		obj, err := p.from.Get(ctx, p.resource.GroupVersionResource(), in, ref.Name)
		if err != nil && !apierrors.IsNotFound(err) {
			return nil, err
		}
		if err == nil {
			found = append(found, obj)
		}
	case ref.Selector != nil:
		if found, err = p.selected(ref.Selector, in); err != nil {
			return nil, err
		}
	default:
		return nil, errors.New("one of name or selector must be provided")
	}
	if a := ref.ParameterNotFoundAction; len(found) == 0 && a != nil && *a == admissionregistrationv1.DenyAction {
		return nil, errors.New("no params found for policy binding with `Deny` parameterNotFoundAction")
	}
	return found, nil
}

// namespace returns where the parameters are; "" for those in none.
func (p params) namespace(ref *admissionregistrationv1.ParamRef, of string) (string, error) {
	switch {
	case !p.resource.Namespaced && ref.Namespace != "":
		return "", errors.New("paramRef.namespace must not be provided for a cluster-scoped `paramKind`")
	case !p.resource.Namespaced:
		return "", nil
	case ref.Namespace != "":
		return ref.Namespace, nil
	case of == "":
		return "", errors.New("cannot use namespaced paramRef in policy binding that matches cluster-scoped resources")
	}
	return of, nil
}

func (p params) selected(s *metav1.LabelSelector, namespace string) ([]runtime.Object, error) {
	selector, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		return nil, err
	}
	all, _, err := p.from.Snapshot(p.resource.GroupVersionResource(), namespace)
	if err != nil {
		return nil, err
	}
	var found []runtime.Object
	for obj := range all {
		if selector.Matches(labels.Set(obj.(api.Object).GetLabels())) {
			found = append(found, obj)
		}
	}
	return found, nil
}
