// Package podcontrol is what controllers that own pods have in common: which
// pods are theirs, adoption and release, what was asked for and not yet seen,
// and when a pod counts as ready and available.
package podcontrol

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/client"
)

// Names of the indexes that AddIndexes keeps.
const (
	// ByController maps a controller's UID to the pods it owns.
	ByController = "controller"
	// Orphans maps a namespace to the pods that no controller owns.
	Orphans = "orphans"
)

// AddIndexes keeps ByController and Orphans on the informer.
func AddIndexes[T client.Object](objs client.Informer[T]) {
	objs.AddIndex(ByController, func(obj T) []string {
		if ref := metav1.GetControllerOfNoCopy(obj); ref != nil {
			return []string{string(ref.UID)}
		}
		return nil
	})
	objs.AddIndex(Orphans, func(obj T) []string {
		if metav1.GetControllerOfNoCopy(obj) == nil {
			return []string{obj.GetNamespace()}
		}
		return nil
	})
}

// Owned returns the objects that owner controls.
func Owned[T client.Object](objs client.Informer[T], owner client.Object) []T {
	return objs.Indexed(ByController, string(owner.GetUID()))
}

// Finished tells whether the pod has run to its end.
func Finished(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// Active tells whether the pod runs, or will, and is not being deleted.
func Active(pod *corev1.Pod) bool {
	return !Finished(pod) && pod.DeletionTimestamp == nil
}

// Condition returns the pod's condition of the type, or nil.
func Condition(pod *corev1.Pod, kind corev1.PodConditionType) *corev1.PodCondition {
	for i := range pod.Status.Conditions {
		if pod.Status.Conditions[i].Type == kind {
			return &pod.Status.Conditions[i]
		}
	}
	return nil
}

// Ready tells whether the pod's Ready condition is true.
func Ready(pod *corev1.Pod) bool {
	c := Condition(pod, corev1.PodReady)
	return c != nil && c.Status == corev1.ConditionTrue
}

// Available tells whether the pod has been ready for minReadySeconds and, when
// it is ready but has not, how long that still takes.
func Available(pod *corev1.Pod, minReadySeconds int32, now time.Time) (bool, time.Duration) {
	c := Condition(pod, corev1.PodReady)
	if c == nil || c.Status != corev1.ConditionTrue {
		return false, 0
	}
	if minReadySeconds == 0 {
		return true, 0
	}
	left := c.LastTransitionTime.Add(time.Duration(minReadySeconds) * time.Second).Sub(now)
	return left <= 0, max(left, 0)
}

// FromTemplate returns the pod that owner, of the kind, wants by template.
func FromTemplate(template *corev1.PodTemplateSpec, owner client.Object, kind schema.GroupVersionKind) *corev1.Pod {
	t := template.DeepCopy()
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: owner.GetNamespace(), GenerateName: prefix(owner.GetName()),
			Labels: t.Labels, Annotations: t.Annotations, Finalizers: t.Finalizers,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(owner, kind)},
		},
		Spec: t.Spec,
	}
}

// prefix makes a generateName that leaves room for the generated part.
func prefix(name string) string {
	const most = 63 - 5 - 1
	if len(name) > most {
		name = name[:most]
	}
	return name + "-"
}

// SlowStart calls fn n times in batches of 1, 2, 4, … and stops after a batch
// with a failure, so that a pod that can never be created is not tried n times.
// It returns the number of successes and the first error.
func SlowStart(n int, fn func() error) (int, error) {
	done := 0
	for batch := min(n, 1); batch > 0; batch = min(2*batch, n-done) {
		errs := make(chan error, batch)
		for range batch {
			go func() { errs <- fn() }()
		}
		var first error
		for range batch {
			if err := <-errs; err != nil {
				first = err
			} else {
				done++
			}
		}
		if first != nil {
			return done, first
		}
	}
	return done, nil
}
