package match

import (
	"context"
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api"
	"minke/apiserver/admission"
)

// Reader reads stored objects, here namespaces.
type Reader interface {
	Get(ctx context.Context, resource schema.GroupVersionResource, namespace, name string) (runtime.Object, error)
}

// matchObject tells whether the new or the old state has the labels. What has
// none, such as PodExecOptions, matches only what selects everything.
func (c *Criteria) matchObject(a *admission.Attributes) bool {
	return c.objects == nil || selects(c.objects, a.Object) || selects(c.objects, a.Old)
}

func selects(s labels.Selector, obj api.Object) bool {
	return obj != nil && s.Matches(labels.Set(obj.GetLabels()))
}

// matchNamespace tells whether the namespace of the write has the labels. What
// is in no namespace always matches.
func (c *Criteria) matchNamespace(ctx context.Context, from Reader, a *admission.Attributes) (bool, error) {
	if c.namespaces == nil {
		return true, nil
	}
	own := a.Resource.GroupVersionResource() == namespaces
	if a.Namespace == "" && !own {
		return true, nil
	}
	if own && a.Subresource == "" && a.Object != nil {
		return selects(c.namespaces, a.Object), nil // it is about to have these labels
	}
	name := a.Namespace
	if own {
		name = a.Name
	}
	obj, err := from.Get(ctx, namespaces, "", name)
	if err != nil {
		var status apierrors.APIStatus
		if apierrors.IsNotFound(err) || errors.As(err, &status) {
			return false, err
		}
		return false, apierrors.NewInternalError(err)
	}
	return c.namespaces.Matches(labels.Set(obj.(metav1.Object).GetLabels())), nil
}
