package apiserver

import (
	"net/http"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api"
	"minke/apiserver/codec"
	"minke/apiserver/patch"
	"minke/store/cache"
)

var scaleKind = autoscalingv1.SchemeGroupVersion.WithKind("Scale")

// serveScale shows and sets an object's number of replicas.
func (c *call) serveScale() error {
	switch c.info.Verb {
	case "get":
		item, err := c.current()
		if err != nil {
			return err
		}
		return c.writeScale(item)
	case "update":
		return c.updateScale()
	case "patch":
		return c.patchScale()
	}
	return noMethod(c.end.group)
}

func (c *call) writeScale(item *cache.Item) error {
	return c.writeObject(http.StatusOK, c.scaleOf(item.Object().(api.Object)), scaleKind)
}

func (c *call) scaleOf(obj api.Object) *autoscalingv1.Scale {
	values := c.end.Scale.Get(obj)
	return &autoscalingv1.Scale{
		TypeMeta: metav1.TypeMeta{Kind: scaleKind.Kind, APIVersion: scaleKind.GroupVersion().String()},
		ObjectMeta: metav1.ObjectMeta{
			Name: obj.GetName(), Namespace: obj.GetNamespace(), UID: obj.GetUID(),
			ResourceVersion: obj.GetResourceVersion(), CreationTimestamp: obj.GetCreationTimestamp(),
		},
		Spec:   autoscalingv1.ScaleSpec{Replicas: values.Spec},
		Status: autoscalingv1.ScaleStatus{Replicas: values.Status, Selector: values.Selector},
	}
}

func (c *call) updateScale() error {
	o, err := c.writeOptions("UpdateOptions")
	if err != nil {
		return err
	}
	obj, given, err := c.decodeOther(&autoscalingv1.Scale{}, scaleKind)
	if err != nil {
		return err
	}
	scale, ok := obj.(*autoscalingv1.Scale)
	if !ok || !given {
		return apierrors.NewBadRequest("the body must be a Scale of autoscaling/v1")
	}
	return c.applyScale(o, func(*cache.Item) (*autoscalingv1.Scale, error) { return scale, nil })
}

func (c *call) patchScale() error {
	o, err := c.writeOptions("PatchOptions")
	if err != nil {
		return err
	}
	kind, err := c.patchType()
	if err != nil {
		return err
	}
	body, err := c.readBody()
	if err != nil {
		return err
	}
	if kind == types.ApplyYAMLPatchType {
		return unsupportedMedia(patch.Media)
	}
	return c.applyScale(o, func(old *cache.Item) (*autoscalingv1.Scale, error) {
		original, err := codec.EncodeJSON(c.scaleOf(old.Object().(api.Object)))
		if err != nil {
			return nil, err
		}
		patched, err := patch.Apply(kind, original, body, &autoscalingv1.Scale{})
		if err != nil {
			return nil, err
		}
		var scale autoscalingv1.Scale
		request := &codec.Body{Data: patched, Validation: o.validation}
		warnings, err := request.Decode(&scale, scaleKind)
		c.warnAll(warnings)
		return &scale, err
	})
}

// applyScale writes what compute makes of the object's Scale.
func (c *call) applyScale(o *writeOptions, compute func(*cache.Item) (*autoscalingv1.Scale, error)) error {
	ch := &change{options: o, derived: true, scales: true}
	ch.compute = func(old *cache.Item) (api.Object, error) {
		scale, err := compute(old)
		if err != nil {
			return nil, err
		}
		if err := c.checkScale(scale); err != nil {
			return nil, err
		}
		obj := old.Object().DeepCopyObject().(api.Object)
		if rv := scale.ResourceVersion; rv == obj.GetResourceVersion() {
			obj.SetResourceVersion("")
		} else {
			obj.SetResourceVersion(rv)
		}
		if scale.UID != "" {
			obj.SetUID(scale.UID)
		}
		c.end.Scale.Set(obj, scale.Spec.Replicas)
		return obj, nil
	}
	item, _, err := c.apply(ch)
	if err != nil {
		return err
	}
	return c.writeScale(item)
}

func (c *call) checkScale(scale *autoscalingv1.Scale) error {
	if scale.Name != "" && scale.Name != c.info.Name {
		return apierrors.NewBadRequest("the name of the object (" + scale.Name + ") does not match the name on the URL (" + c.info.Name + ")")
	}
	if scale.Spec.Replicas < 0 {
		return apierrors.NewInvalid(scaleKind.GroupKind(), c.info.Name, field.ErrorList{
			field.Invalid(field.NewPath("spec", "replicas"), scale.Spec.Replicas, "must be greater than or equal to 0")})
	}
	return nil
}
