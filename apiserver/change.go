package apiserver

import (
	"fmt"
	"slices"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api"
	"minke/apiserver/admission"
	"minke/store/cache"
)

// change is a write to an object that exists: update, patch or scale.
type change struct {
	options *writeOptions
	// way holds the rules of the subresource, if ofSub.
	way   api.Subresource[api.Object]
	ofSub bool
	// compute returns what shall replace old. The result is given away, so
	// that it must be another one each time.
	compute func(old *cache.Item) (api.Object, error)
	// missing returns what to create when there is nothing; nil if a missing
	// object is an error.
	missing func() (api.Object, error)
	// derived tells that compute works on the state as it stands, so that the
	// result needs no resourceVersion to be safe.
	derived bool
	// scale is set when nothing changes but the number of replicas.
	scale *scaling
	// live is the object as it was, with its managedFields spelled out; nil
	// when the write is not tracked.
	live api.Object
}

// apply makes the change to the current object. A change that does not insist
// on a revision is computed anew when somebody was faster.
func (c *call) apply(ch *change) (item *cache.Item, created bool, err error) {
	missing := func() (*cache.Item, error) { created = true; return c.createMissing(ch) }
	item, err = c.attempts(ch.options.dryRun, missing, func(old *cache.Item) (*cache.Item, bool, error) {
		created, ch.live = false, nil
		obj, err := ch.compute(old)
		if err != nil {
			return nil, false, err
		}
		once := obj.GetResourceVersion() == metaOf(old).GetResourceVersion()
		if obj, err = c.prepare(ch, obj, old); err != nil {
			return nil, once, err
		}
		item, err := c.replace(ch, obj, old)
		return item, once, err
	})
	return item, created, err
}

func (c *call) createMissing(ch *change) (*cache.Item, error) {
	if ch.missing == nil {
		return nil, c.notFound()
	}
	obj, err := ch.missing()
	if err != nil {
		return nil, err
	}
	if conditional(obj) {
		return nil, c.notFound()
	}
	if err := c.mayCreate(); err != nil {
		return nil, err
	}
	return c.createObject(obj, ch.options)
}

// mayCreate asks whether the user may create what it was let in to update.
func (c *call) mayCreate() error {
	if err := c.open(); err != nil {
		return err
	}
	if c.cfg.Authorize == nil {
		return nil
	}
	create := *c.info
	create.Verb = "create"
	return c.cfg.Authorize(c.ctx, c.user, &create)
}

// prepare checks preconditions, lets admission complete obj and validates it.
func (c *call) prepare(ch *change, obj api.Object, old *cache.Item) (api.Object, error) {
	before := old.Object().(api.Object)
	if err := c.checkPreconditions(obj, before, ch.derived); err != nil {
		return nil, err
	}
	obj, err := c.track(ch, obj, old)
	if err != nil {
		return nil, err
	}
	obj.SetSelfLink("")
	obj.SetResourceVersion(before.GetResourceVersion())
	a := c.attributes(admission.Update, obj, before, ch.options.dryRun)
	a.Options = ch.options.update()
	if obj, err = c.admitChange(ch, a); err != nil {
		return nil, err
	}
	c.dropDoubleOwners(obj, true)
	obj.SetGeneration(before.GetGeneration()) // it is the resource's to raise
	if ch.ofSub {
		ch.way.Prepare(obj, before)
	} else {
		c.end.PrepareForUpdate(obj, before)
	}
	keepIdentity(obj, before)
	if ch.live != nil {
		keepTimes(obj, ch.live, before)
	}
	errs := validation.ValidateObjectMetaAccessorUpdate(whoManages(obj), whoManages(before), field.NewPath("metadata"))
	if !slices.Equal(obj.GetFinalizers(), before.GetFinalizers()) {
		errs = append(errs, validation.ValidateFinalizers(obj.GetFinalizers(), field.NewPath("metadata", "finalizers"))...)
		errs = append(errs, c.kubeFinalizers(obj)...)
	}
	if c.end.use != nil { // whose own rules contain these, in Kubernetes
		errs = append(errs, errs...)
	}
	errs = append(errs, c.check(a)...)
	if ch.ofSub {
		errs = append(errs, ch.way.ValidateUpdate(obj, before)...)
	} else {
		errs = append(errs, c.end.validateUpdate(obj, before)...)
	}
	if err := c.invalid(before.GetName(), errs); err != nil {
		return nil, err
	}
	if !ch.ofSub {
		c.warnAll(c.end.Warnings(obj, before))
	}
	return obj, c.cfg.Admission.Validate(c.ctx, a)
}

// admitChange lets admission complete the object of a change and returns it.
// Of a scaled object it sees the Scale.
func (c *call) admitChange(ch *change, a *admission.Attributes) (api.Object, error) {
	obj, before := a.Object, a.Old
	if ch.scale != nil {
		a.Version.Kind, a.Object, a.Old = scaleKind, c.scaleOf(obj), c.scaleOf(before)
		a.Object.SetManagedFields(ch.scale.now)
		a.Old.SetManagedFields(ch.scale.before)
	}
	c.work.Event("About to check admission control")
	if err := c.admit(a); err != nil {
		return nil, err
	}
	if scale, ok := a.Object.(*autoscalingv1.Scale); ok && ch.scale != nil {
		c.end.Scale.Set(obj, scale.Spec.Replicas)
		if err := c.scaleManagers(ch, obj, scale); err != nil {
			return nil, err
		}
	} else {
		obj = a.Object
	}
	if len(c.cfg.Admission) > 0 {
		c.end.Default(obj)
	}
	obj.SetResourceVersion(before.GetResourceVersion())
	return obj, nil
}

func (c *call) checkPreconditions(obj, before api.Object, derived bool) error {
	// What a patch makes of it is validated like the rest of the metadata.
	if uid := obj.GetUID(); uid != "" && uid != before.GetUID() && c.info.Verb != "patch" {
		return apierrors.NewConflict(c.end.asked(), before.GetName(), fmt.Errorf(
			"StorageError: invalid object, Code: 4, Key: %s, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: %v, UID in object meta: %v",
			c.key(), uid, before.GetUID()))
	}
	if !conditional(obj) {
		if c.end.ConditionalUpdateOnly && !derived {
			kind := schema.GroupKind{Group: c.end.group.Group, Kind: c.end.group.Resource} // as Kubernetes has it
			return apierrors.NewInvalid(kind, before.GetName(), field.ErrorList{field.Invalid(field.NewPath("metadata", "resourceVersion"), 0, "must be specified for an update")})
		}
		return nil
	}
	if _, err := parseRevision(obj.GetResourceVersion()); err != nil {
		return c.invalid(before.GetName(), field.ErrorList{field.Invalid(field.NewPath("metadata", "resourceVersion"), obj.GetResourceVersion(), "must be a number")})
	}
	if obj.GetResourceVersion() != before.GetResourceVersion() {
		return c.modified()
	}
	return nil
}

// keepIdentity takes back what no update may change.
func keepIdentity(obj, before api.Object) {
	if obj.GetUID() == "" {
		obj.SetUID(before.GetUID())
	}
	obj.SetCreationTimestamp(before.GetCreationTimestamp())
	if t := before.GetDeletionTimestamp(); t != nil {
		obj.SetDeletionTimestamp(t)
	}
	if s := before.GetDeletionGracePeriodSeconds(); s != nil && obj.GetDeletionGracePeriodSeconds() == nil {
		obj.SetDeletionGracePeriodSeconds(s)
	}
}

// replace stores obj in place of old, or removes old when obj was the last
// thing that held it.
func (c *call) replace(ch *change, obj api.Object, old *cache.Item) (*cache.Item, error) {
	released := releasedBy(obj)
	if ch.options.dryRun {
		return c.unsaved(old, obj), nil
	}
	obj.SetResourceVersion("")
	if released {
		gone, err := c.drop(old)
		if err != nil {
			return nil, err
		}
		obj.SetResourceVersion(metaOf(gone).GetResourceVersion())
		return cache.NewItem(old.Key, obj, gone.Revision), nil
	}
	beside, err := c.beside(obj, old.Object().(api.Object))
	if err != nil {
		return nil, err
	}
	ctx, span := c.traceStore("GuaranteedUpdate", old.Key)
	item, err := c.stored(obj, func(obj api.Object) (*cache.Item, error) { return c.end.cache.Update(ctx, old, obj, beside...) })
	c.traceStored(span, err)
	return item, err
}

// releasedBy tells whether obj is being deleted and nothing holds it any more.
func releasedBy(obj api.Object) bool {
	if obj.GetDeletionTimestamp() == nil || len(obj.GetFinalizers()) > 0 {
		return false
	}
	grace := obj.GetDeletionGracePeriodSeconds()
	return !heldNamespace(obj) && (grace == nil || *grace == 0)
}
