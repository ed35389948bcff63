package apiserver

import (
	"net/http"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api"
	"minke/apiserver/admission"
	"minke/apiserver/codec"
	"minke/apiserver/request"
	"minke/store/cache"
)

// delete removes one object, or begins its deletion.
func (c *call) delete() error {
	o, err := c.deleteOptions()
	if err != nil {
		return err
	}
	if unsafe(o) {
		return c.deleteUnreadable(o)
	}
	c.warnOrphans(o)
	item, v, err := c.remove(o)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if v != removes && o.OrphanDependents != nil && !*o.OrphanDependents {
		status = http.StatusAccepted
	}
	if v != removes || api.ReturnsDeleted(c.end.group.WithVersion(c.end.kind.Version)) {
		return c.writeItem(status, item)
	}
	obj := metaOf(item)
	return c.writeObject(status, &metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
		Status:   metav1.StatusSuccess,
		Details: &metav1.StatusDetails{Name: obj.GetName(), Group: c.end.kind.Group,
			Kind: c.end.group.Resource, UID: obj.GetUID()},
	}, statusKind)
}

// warnOrphans warns who may not know that dependents live on.
func (c *call) warnOrphans(o *metav1.DeleteOptions) {
	if o.PropagationPolicy == nil && o.OrphanDependents == nil {
		c.warn(c.end.OrphanWarning)
	}
}

// remove deletes the object that the request names. Others may change it
// meanwhile: then the decision is made anew.
func (c *call) remove(o *metav1.DeleteOptions) (*cache.Item, verdict, error) {
	v := waits
	item, err := c.attempts(len(o.DryRun) > 0, c.none, func(old *cache.Item) (item *cache.Item, once bool, err error) {
		item, v, err = c.removeOnce(old, o)
		if err == nil && v == waits {
			// Nothing is written, so nothing told whether old is current.
			if conflict := c.overtaken(old); conflict != nil {
				err = conflict
			}
		}
		return item, false, err
	})
	return item, v, err
}

func (c *call) removeOnce(old *cache.Item, o *metav1.DeleteOptions) (*cache.Item, verdict, error) {
	before := old.Object().(api.Object)
	if err := c.checkDeletion(before, o.Preconditions); err != nil {
		return nil, waits, err
	}
	if c.end.Grace != nil && pending(before, o) {
		return old, waits, nil // without asking admission, as in Kubernetes
	}
	dryRun := len(o.DryRun) > 0
	a := c.attributes(admission.Delete, nil, before, dryRun)
	a.Delete, a.Options = o, c.shownDelete(before, o)
	if c.info.Verb == "deletecollection" {
		a.Name = "" // Kubernetes names none
	}
	c.work.Event("About to check admission control")
	if err := c.cfg.Admission.Admit(c.ctx, a); err != nil {
		return nil, waits, err
	}
	if err := c.cfg.Admission.Validate(c.ctx, a); err != nil {
		return nil, waits, err
	}
	obj := before.DeepCopyObject().(api.Object)
	v := judge(c.end.Resource, obj, o, time.Now())
	switch {
	case v == waits:
		return old, v, nil
	case dryRun:
		return c.unsaved(old, obj), v, nil
	case v == marks:
		obj.SetResourceVersion("")
		ctx, span := c.traceStore("GuaranteedUpdate", old.Key)
		item, err := c.stored(obj, func(obj api.Object) (*cache.Item, error) { return c.end.cache.Update(ctx, old, obj) })
		c.traceStored(span, err)
		return item, v, err
	}
	item, err := c.drop(old)
	if err == nil && c.end.Grace != nil {
		// The answer is the object as a client would have seen it last.
		obj.SetResourceVersion(metaOf(item).GetResourceVersion())
		item = cache.NewItem(item.Key, obj, item.Revision)
	}
	return item, v, err
}

// shownDelete is what admission sees of the options: with their kind, and with the
// grace that obj gets.
func (c *call) shownDelete(obj api.Object, o *metav1.DeleteOptions) *metav1.DeleteOptions {
	shown := *o
	shown.TypeMeta = optionsType("DeleteOptions")
	if c.end.Grace != nil && obj.GetDeletionTimestamp() == nil {
		seconds := c.end.Grace(obj, o.GracePeriodSeconds)
		shown.GracePeriodSeconds = &seconds
	}
	return &shown
}

// deleteOptions reads them from the body, or else from the parameters.
func (c *call) deleteOptions() (*metav1.DeleteOptions, error) {
	obj, given, err := c.decodeOther(&metav1.DeleteOptions{}, schema.GroupVersionKind{Kind: "DeleteOptions"}, codec.Ignore)
	if err != nil {
		return nil, err
	}
	o, ok := obj.(*metav1.DeleteOptions)
	if !ok {
		return nil, fail(http.StatusBadRequest, metav1.StatusReasonBadRequest, "the body of a deletion must be DeleteOptions")
	}
	if !given {
		if err := c.deleteParameters(o); err != nil {
			return nil, err
		}
	}
	if err := invalidOptions("DeleteOptions", metavalidation.ValidateDeleteOptions(o)); err != nil {
		return nil, err
	}
	if s := o.GracePeriodSeconds; s != nil && *s < 0 {
		one := int64(1) // as Kubernetes: a negative grace is the shortest
		o.GracePeriodSeconds = &one
	}
	return o, nil
}

func (c *call) deleteParameters(o *metav1.DeleteOptions) error {
	q := c.query
	var err error
	if o.GracePeriodSeconds, err = c.optionalNumber("gracePeriodSeconds"); err != nil {
		return err
	}
	if q.Has("propagationPolicy") {
		policy := metav1.DeletionPropagation(q.Get("propagationPolicy"))
		o.PropagationPolicy = &policy
	}
	if q.Has("orphanDependents") {
		orphan := request.Flag(q, "orphanDependents")
		o.OrphanDependents = &orphan
	}
	if q.Has("uid") {
		o.Preconditions = metav1.NewUIDPreconditions(q.Get("uid"))
	}
	if q.Has("ignoreStoreReadErrorWithClusterBreakingPotential") {
		ignore := request.Flag(q, "ignoreStoreReadErrorWithClusterBreakingPotential")
		o.IgnoreStoreReadErrorWithClusterBreakingPotential = &ignore
	}
	o.DryRun = q["dryRun"]
	return nil
}
