package apiserver

import (
	"fmt"
	"math"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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
//	                 graceful or finalizers            nothing holds it
//	alive ───────────────────────────────────> marked ─────────────────> gone
//	  │                                         │  ↺ only a shorter grace
//	  └── neither ──────────────────────────────┴──── grace 0, no finalizers ──> gone
func judge(r *api.Resource, obj api.Object, o *metav1.DeleteOptions, now time.Time) verdict {
	graceful := false
	if obj.GetDeletionTimestamp() != nil {
		if !shorten(obj, o) {
			if setCollectorFinalizers(r, obj, o) {
				return marks
			}
			return pending(obj)
		}
		graceful = true
	} else if seconds := graceOf(r, obj, o); seconds != nil {
		mark(obj, now, *seconds)
		graceful = true
	}
	setCollectorFinalizers(r, obj, o)
	held := len(obj.GetFinalizers()) > 0 || heldNamespace(obj)
	switch {
	case graceful && *obj.GetDeletionGracePeriodSeconds() > 0:
		return marks
	case held:
		if obj.GetDeletionTimestamp() == nil {
			mark(obj, now, 0)
		}
		zero := int64(0)
		obj.SetDeletionGracePeriodSeconds(&zero)
		if _, ok := obj.(*corev1.Namespace); ok {
			obj.SetDeletionGracePeriodSeconds(nil) // as Kubernetes' own way of deleting them
		}
		return marks
	}
	return removes
}

// pending judges an object whose deletion began before and is not hastened.
func pending(obj api.Object) verdict {
	if obj.GetDeletionGracePeriodSeconds() == nil && len(obj.GetFinalizers()) == 0 && !heldNamespace(obj) {
		return removes
	}
	return waits
}

// graceOf asks the resource whether the object stays, and for how long. A
// negative number asks with "as the object says".
func graceOf(r *api.Resource, obj api.Object, o *metav1.DeleteOptions) *int64 {
	if r.Graceful == nil {
		return nil
	}
	seconds := int64(-1)
	if o.GracePeriodSeconds != nil {
		seconds = *o.GracePeriodSeconds
	}
	if !r.Graceful(obj, &seconds) {
		return nil
	}
	return &seconds
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
	if ns, ok := obj.(*corev1.Namespace); ok {
		ns.Status.Phase = corev1.NamespaceTerminating
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
	switch {
	case p == nil:
	case p.UID != nil && *p.UID != obj.GetUID():
		return apierrors.NewConflict(c.end.group, obj.GetName(), fmt.Errorf(
			"the UID in the precondition (%s) does not match the UID in record (%s). The object might have been deleted and then recreated", *p.UID, obj.GetUID()))
	case p.ResourceVersion != nil && *p.ResourceVersion != obj.GetResourceVersion():
		return apierrors.NewConflict(c.end.group, obj.GetName(), fmt.Errorf(
			"the ResourceVersion in the precondition (%s) does not match the ResourceVersion in record (%s). The object might have been modified", *p.ResourceVersion, obj.GetResourceVersion()))
	}
	return nil
}
