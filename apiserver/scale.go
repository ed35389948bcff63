package apiserver

import (
	"errors"
	"fmt"
	"math"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api"
	"minke/apiserver/apply"
	"minke/apiserver/codec"
	"minke/apiserver/patch"
	"minke/store/cache"
)

var scaleKind = autoscalingv1.SchemeGroupVersion.WithKind("Scale")

// unsetReplicas is what a write sees of replicas that the object does not have.
const unsetReplicas = math.MinInt32

// serveScale shows and sets an object's number of replicas.
func (c *call) serveScale() error {
	switch c.info.Verb {
	case "get":
		item, err := c.current()
		if apierrors.IsNotFound(err) && !c.end.untyped() {
			return c.noScale(err)
		}
		if err != nil {
			return err
		}
		if c.end.Scale.Get(item.Object().(api.Object)).Unset {
			return apierrors.NewInternalError(fmt.Errorf("the spec replicas field %q does not exist", c.end.Scale.SpecPath))
		}
		return c.writeScale(item)
	case "update":
		return c.updateScale()
	case "patch":
		return c.patchScale()
	}
	return c.noVerb()
}

// noScale says of which object there is no Scale to read, as each kind does in
// Kubernetes.
func (c *call) noScale(missing error) error {
	switch at := c.scaleGroup(); at.Resource {
	case "replicationcontrollers/scale":
		at.Group = autoscalingv1.GroupName
		return apierrors.NewNotFound(at, c.info.Name)
	case "deployments/scale", "replicasets/scale":
		return apierrors.NewNotFound(at, c.info.Name)
	}
	return missing
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
	obj, given, err := c.decodeOther(&autoscalingv1.Scale{}, scaleKind, o.validation)
	if err != nil {
		return err
	}
	scale, ok := obj.(*autoscalingv1.Scale)
	if !ok || !given {
		return apierrors.NewBadRequest("the body must be a Scale of autoscaling/v1")
	}
	return c.applyScale(o, func(*autoscalingv1.Scale) (*autoscalingv1.Scale, error) { return scale.DeepCopy(), nil })
}

func (c *call) patchScale() error {
	p, err := c.readPatch()
	if err != nil {
		return err
	}
	if p.apply {
		return c.serverSideApplyScale(p.options, p.body, p.format)
	}
	return c.applyScale(p.options, func(live *autoscalingv1.Scale) (*autoscalingv1.Scale, error) {
		original, err := codec.EncodeJSON(live)
		if err != nil {
			return nil, err
		}
		patched, err := patch.Apply(p.kind, original, p.body, &autoscalingv1.Scale{})
		if err != nil {
			return nil, err
		}
		scale := &autoscalingv1.Scale{}
		return scale, c.decodePatched(scale, scaleKind, patched, p.body, p.options.validation)
	})
}

// serverSideApplyScale merges an applied Scale by the ownership of the object's
// replicas. It creates nothing.
func (c *call) serverSideApplyScale(o *writeOptions, body []byte, format codec.Format) error {
	if o.manager == "" {
		return managerRequired()
	}
	manager, err := scaleManager()
	if err != nil {
		return apierrors.NewInternalError(err)
	}
	applied, err := c.decodeApplied(body, format, o.validation, scaleKind)
	if err != nil {
		return err
	}
	o.applied = true
	return c.applyScale(o, func(live *autoscalingv1.Scale) (*autoscalingv1.Scale, error) {
		merged, err := manager.Apply(live, nil, applied, o.manager, o.force)
		if err != nil {
			return nil, applyError(err)
		}
		scale, ok := merged.(*autoscalingv1.Scale)
		if !ok {
			return nil, fmt.Errorf("apply Scale: the merge gave a %T", merged)
		}
		return scale, nil
	})
}

// applyScale writes what compute makes of the object's Scale, which it may change.
func (c *call) applyScale(o *writeOptions, compute func(live *autoscalingv1.Scale) (*autoscalingv1.Scale, error)) error {
	ch := &change{options: o, derived: true, scale: &scaling{}}
	ch.compute = func(old *cache.Item) (api.Object, error) { return c.scaled(ch, old, compute) }
	if !c.end.untyped() {
		ch.missing = func() (api.Object, error) {
			return nil, apierrors.NewNotFound(c.scaleGroup(), c.info.Name)
		}
	}
	item, _, err := c.apply(ch)
	if err != nil {
		return err
	}
	return c.writeScale(item)
}

// scaleGroup is what the refusals of a write call the Scales of a built-in kind.
func (c *call) scaleGroup() schema.GroupResource {
	return schema.GroupResource{Group: c.end.group.Group, Resource: c.end.group.Resource + "/scale"}
}

// scaled returns the object with the number of replicas that compute gives its Scale.
func (c *call) scaled(ch *change, old *cache.Item, compute func(*autoscalingv1.Scale) (*autoscalingv1.Scale, error)) (api.Object, error) {
	before, err := c.replicasManaged(ch, old)
	if err != nil {
		return nil, err
	}
	live := c.scaleOf(before)
	fields := apply.NewScaleFields(managersOf(before), c.end.kind.GroupVersion(), c.end.replicasPaths())
	if live.ManagedFields, err = fields.OfScale(); err != nil {
		return nil, applyError(err)
	}
	if c.end.Scale.Get(before).Unset {
		live.Spec.Replicas = unsetReplicas
	}
	scale, err := compute(live.DeepCopy())
	if err != nil {
		return nil, err
	}
	if err := c.checkName(scale); err != nil {
		return nil, err
	}
	if err := c.checkReplicas(scale); err != nil {
		return nil, err
	}
	if ch.live != nil && !ch.options.applied {
		if scale, err = c.trackScale(live, scale, ch.options); err != nil {
			return nil, err
		}
	}
	obj := before.DeepCopyObject().(api.Object)
	if rv := scale.ResourceVersion; rv == obj.GetResourceVersion() {
		obj.SetResourceVersion("")
	} else {
		obj.SetResourceVersion(rv)
	}
	switch uid := scale.UID; {
	case uid == "" || uid == obj.GetUID():
	case c.info.Verb == "update": // the write checks it for all resources
		obj.SetUID(uid)
	case !c.end.untyped(): // which do not look at it
		why := fmt.Sprintf("Precondition failed: UID in precondition: %v, UID in object meta: %v", uid, obj.GetUID())
		return nil, apierrors.NewConflict(c.scaleGroup(), c.info.Name, errors.New(why))
	}
	c.end.Scale.Set(obj, scale.Spec.Replicas)
	*ch.scale = scaling{fields: fields, before: live.ManagedFields, now: scale.ManagedFields}
	return obj, c.scaleManagers(ch, obj, scale)
}

func (c *call) checkReplicas(scale *autoscalingv1.Scale) error {
	switch n := scale.Spec.Replicas; {
	case n == unsetReplicas && c.end.untyped():
		return apierrors.NewBadRequest(fmt.Sprintf("the spec replicas field %q cannot be empty", c.end.Scale.SpecPath))
	case n < 0 && !c.end.untyped(): // custom resources are validated as a whole
		return apierrors.NewInvalid(scaleKind.GroupKind(), c.info.Name, field.ErrorList{
			field.Invalid(field.NewPath("spec", "replicas"), n, "must be greater than or equal to 0")})
	}
	return nil
}
