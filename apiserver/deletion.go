package apiserver

import (
	"fmt"
	"math"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api"
)

// verdict is what a deletion does to an object.
type verdict int

const (
	// removes: the object goes now.
	removes verdict = iota
	// marks: the object stays, changed: its deletion has begun.
	marks
	// waits: the deletion has begun before and nothing changes.
	waits
)

// judge decides on the deletion of obj, a copy that it marks as needed:
//
//	                    grace or finalizers               nothing holds it
//	alive ──────────────────────────────────────> marked ─────────────────> gone
//	  │                                             │  ↺ only a shorter grace
//	  └── neither, and no beginning of its own ─────┴── grace 0, no finalizers ──> gone
//
// A kind with a beginning of its own (BeginDelete) is marked by its first deletion and
// judged by the second. While an object has its grace, deletions change nothing
// else of it, finalizers neither.
func judge(r *api.Resource, obj api.Object, o *metav1.DeleteOptions, now time.Time) verdict {
	if r.BeginDelete != nil && obj.GetDeletionTimestamp() == nil {
		end := metav1.Time{Time: now.UTC().Truncate(time.Second)}
		obj.SetDeletionTimestamp(&end)
		r.BeginDelete(obj, o)
		return marks
	}
	if heldNamespace(obj) {
		return waits
	}
	left := obj.GetDeletionGracePeriodSeconds()
	graceful := r.Grace != nil
	switch {
	case !graceful:
	case obj.GetDeletionTimestamp() == nil:
		mark(obj, now, r.Grace(obj, o.GracePeriodSeconds))
	case left == nil || *left == 0:
		graceful = false
	case !shorten(obj, o):
		return waits // see pending
	}
	changed := setCollectorFinalizers(r, obj, o)
	held := len(obj.GetFinalizers()) > 0
	switch {
	case graceful && (held || *obj.GetDeletionGracePeriodSeconds() > 0):
		return marks
	case !held:
		return removes
	case obj.GetDeletionTimestamp() == nil:
		mark(obj, now, 0)
	case changed || left == nil || *left != 0:
		endGrace(obj, left)
	default:
		return waits
	}
	return marks
}

// endGrace takes the grace from an object whose deletion has begun.
func endGrace(obj api.Object, left *int64) {
	if g := obj.GetGeneration(); left == nil && g > 0 {
		obj.SetGeneration(g + 1)
	}
	zero := int64(0)
	obj.SetDeletionGracePeriodSeconds(&zero)
}

// pending tells that the deletion of obj, a kind with a grace, has begun and goes on
// as it does.
func pending(obj api.Object, o *metav1.DeleteOptions) bool {
	left := obj.GetDeletionGracePeriodSeconds()
	return obj.GetDeletionTimestamp() != nil && left != nil && *left != 0 &&
		(o.GracePeriodSeconds == nil || *o.GracePeriodSeconds >= *left)
}

// shorten lowers the grace of a deletion that has begun, if the options ask
// for less. It never grows.
func shorten(obj api.Object, o *metav1.DeleteOptions) bool {
	left := obj.GetDeletionGracePeriodSeconds()
	if o.GracePeriodSeconds == nil || left == nil || *o.GracePeriodSeconds >= *left {
		return false
	}
	began := obj.GetDeletionTimestamp().Add(-span(*left))
	seconds := *o.GracePeriodSeconds
	end := metav1.Time{Time: began.Add(span(seconds))}
	obj.SetDeletionTimestamp(&end)
	obj.SetDeletionGracePeriodSeconds(&seconds)
	return true
}

// mark begins the deletion.
func mark(obj api.Object, now time.Time, seconds int64) {
	end := metav1.Time{Time: now.UTC().Truncate(time.Second).Add(span(seconds))}
	obj.SetDeletionTimestamp(&end)
	obj.SetDeletionGracePeriodSeconds(&seconds)
	if g := obj.GetGeneration(); g > 0 {
		obj.SetGeneration(g + 1)
	}
}

// span is a number of seconds as a duration, at most some 68 years: beyond it
// times overflow, or leave the years that JSON can hold.
func span(seconds int64) time.Duration {
	return time.Duration(min(seconds, math.MaxInt32)) * time.Second
}

func heldNamespace(obj api.Object) bool {
	ns, ok := obj.(*corev1.Namespace)
	return ok && len(ns.Spec.Finalizers) > 0
}

// setCollectorFinalizers makes the garbage collector's finalizers what the
// options ask for, and tells whether that changed anything.
func setCollectorFinalizers(r *api.Resource, obj api.Object, o *metav1.DeleteOptions) bool {
	before := obj.GetFinalizers()
	var after []string
	for _, f := range before {
		if f != metav1.FinalizerOrphanDependents && f != metav1.FinalizerDeleteDependents {
			after = append(after, f)
		}
	}
	if orphans(r, before, o) {
		after = append(after, metav1.FinalizerOrphanDependents)
	}
	if foreground(before, o) {
		after = append(after, metav1.FinalizerDeleteDependents)
	}
	if slices.Equal(before, after) {
		return false
	}
	obj.SetFinalizers(after)
	return true
}

// orphans tells whether dependents shall live on: what the options say, else
// what an earlier deletion said, else the resource's default.
func orphans(r *api.Resource, before []string, o *metav1.DeleteOptions) bool {
	switch {
	case o.OrphanDependents != nil:
		return *o.OrphanDependents
	case o.PropagationPolicy != nil:
		return *o.PropagationPolicy == metav1.DeletePropagationOrphan
	case slices.Contains(before, metav1.FinalizerOrphanDependents):
		return true
	case slices.Contains(before, metav1.FinalizerDeleteDependents):
		return false
	}
	return r.DefaultOrphan
}

// foreground tells whether the object shall stay until its dependents are gone.
func foreground(before []string, o *metav1.DeleteOptions) bool {
	switch {
	case o.OrphanDependents != nil:
		return false
	case o.PropagationPolicy != nil:
		return *o.PropagationPolicy == metav1.DeletePropagationForeground
	case slices.Contains(before, metav1.FinalizerOrphanDependents):
		return false
	}
	return slices.Contains(before, metav1.FinalizerDeleteDependents)
}

// checkDeletion compares the preconditions with the object.
func (c *call) checkDeletion(obj api.Object, p *metav1.Preconditions) error {
	if c.end.BeginDelete != nil && p != nil {
		return c.checkBeginning(obj, p)
	}
	// Kubernetes names the kind here, as if it were the resource.
	kind := schema.GroupResource{Group: c.end.group.Group, Resource: c.end.kind.Kind}
	switch {
	case p == nil:
	case p.UID != nil && *p.UID != obj.GetUID():
		return apierrors.NewConflict(kind, obj.GetName(), fmt.Errorf(
			"the UID in the precondition (%s) does not match the UID in record (%s). The object might have been deleted and then recreated", *p.UID, obj.GetUID()))
	case p.ResourceVersion != nil && *p.ResourceVersion != obj.GetResourceVersion():
		return apierrors.NewConflict(kind, obj.GetName(), fmt.Errorf(
			"the ResourceVersion in the precondition (%s) does not match the ResourceVersion in record (%s). The object might have been modified", *p.ResourceVersion, obj.GetResourceVersion()))
	}
	return nil
}

// checkBeginning is checkDeletion for kinds whose deletion has a beginning.
func (c *call) checkBeginning(obj api.Object, p *metav1.Preconditions) error {
	differs := func(what, wanted, is string) error {
		//lint:ignore ST1005 these are the words of Kubernetes
		return apierrors.NewConflict(c.end.group, obj.GetName(), fmt.Errorf("Precondition failed: %s in precondition: %s, %s in object meta: %s", what, wanted, what, is))
	}
	switch {
	case p.UID != nil && *p.UID != obj.GetUID():
		return differs("UID", string(*p.UID), string(obj.GetUID()))
	case p.ResourceVersion != nil && *p.ResourceVersion != obj.GetResourceVersion():
		return differs("ResourceVersion", *p.ResourceVersion, obj.GetResourceVersion())
	}
	return nil
}
