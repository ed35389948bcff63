package fake

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"minke/client"
)

// finished tells whether a deleted object has nothing left to wait for.
func finished(obj client.Object) bool {
	if obj.GetDeletionTimestamp() == nil || len(obj.GetFinalizers()) > 0 {
		return false
	}
	if ns, ok := obj.(*corev1.Namespace); ok {
		return len(ns.Spec.Finalizers) == 0
	}
	grace := obj.GetDeletionGracePeriodSeconds()
	return grace == nil || *grace == 0
}

func (s *Server) delete(t *table, obj client.Object, o *metav1.DeleteOptions) (runtime.Object, error) {
	if p := o.Preconditions; p != nil {
		if p.UID != nil && *p.UID != obj.GetUID() || p.ResourceVersion != nil && *p.ResourceVersion != obj.GetResourceVersion() {
			return nil, apierrors.NewConflict(t.group(), obj.GetName(), fmt.Errorf("the precondition does not hold"))
		}
	}
	next := obj.DeepCopyObject().(client.Object)
	next.SetFinalizers(deletionFinalizers(next.GetFinalizers(), o))
	grace := int64(0)
	if pod, ok := next.(*corev1.Pod); ok {
		grace = podGrace(pod, o.GracePeriodSeconds)
	}
	if next.GetDeletionTimestamp() == nil || grace < *next.GetDeletionGracePeriodSeconds() {
		at := metav1.NewTime(time.Now().Add(time.Duration(grace) * time.Second).Truncate(time.Second))
		next.SetDeletionTimestamp(&at)
		next.SetDeletionGracePeriodSeconds(&grace)
		next.SetGeneration(next.GetGeneration() + 1)
	}
	if ns, ok := next.(*corev1.Namespace); ok {
		ns.Status.Phase = corev1.NamespaceTerminating
	}
	if finished(next) {
		return s.remove(t, next), nil
	}
	return s.store(t, obj, next), nil
}

// podGrace follows the pod strategy: pods that nobody runs go at once.
func podGrace(pod *corev1.Pod, asked *int64) int64 {
	if pod.Spec.NodeName == "" || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return 0
	}
	if asked != nil {
		return *asked
	}
	if pod.Spec.TerminationGracePeriodSeconds != nil {
		return *pod.Spec.TerminationGracePeriodSeconds
	}
	return corev1.DefaultTerminationGracePeriodSeconds
}

func deletionFinalizers(finalizers []string, o *metav1.DeleteOptions) []string {
	if o.PropagationPolicy == nil {
		return finalizers
	}
	finalizers = slices.DeleteFunc(slices.Clone(finalizers), func(f string) bool {
		return f == metav1.FinalizerOrphanDependents || f == metav1.FinalizerDeleteDependents
	})
	switch *o.PropagationPolicy {
	case metav1.DeletePropagationOrphan:
		finalizers = append(finalizers, metav1.FinalizerOrphanDependents)
	case metav1.DeletePropagationForeground:
		finalizers = append(finalizers, metav1.FinalizerDeleteDependents)
	}
	return finalizers
}

func (s *Server) deleteCollection(t *table, r *client.Request) (runtime.Object, error) {
	selected, err := parse(r.List)
	if err != nil {
		return nil, err
	}
	for _, obj := range t.in(r.Namespace) {
		if !selected.matches(obj) {
			continue
		}
		if _, err := s.delete(t, obj, &r.Delete); err != nil {
			return nil, err
		}
	}
	return &metav1.Status{Status: metav1.StatusSuccess}, nil
}
