package subresource

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"minke/api"
)

var budgets = policyv1.SchemeGroupVersion.WithResource("poddisruptionbudgets")

// maxDisruptedPods bounds the evictions that the disruption controller has yet
// to see.
const maxDisruptedPods = 2000

// spend takes one disruption from the pod's budget, if there is one.
func (s *Server) spend(ctx context.Context, pod *corev1.Pod, dry bool) error {
	budget, err := s.budgetOf(pod)
	if err != nil || budget == nil {
		return err
	}
	if !isReady(pod) && unhealthyMayGo(budget) {
		return nil
	}
	take := func(o api.Object) error { return s.decrement(o.(*policyv1.PodDisruptionBudget), pod.Name) }
	if dry {
		return take(budget.DeepCopy())
	}
	_, err = s.Updater.Update(ctx, budgets, budget.Namespace, budget.Name, take)
	return err
}

// budgetOf returns the budget that selects the pod, or nil.
func (s *Server) budgetOf(pod *corev1.Pod) (*policyv1.PodDisruptionBudget, error) {
	all, _, err := s.Reader.Snapshot(budgets, pod.Namespace)
	if err != nil {
		return nil, fmt.Errorf("list budgets of %s: %w", pod.Namespace, err)
	}
	var found *policyv1.PodDisruptionBudget
	for obj := range all {
		b := obj.(*policyv1.PodDisruptionBudget)
		selector, err := metav1.LabelSelectorAsSelector(b.Spec.Selector)
		if err != nil || !selector.Matches(labels.Set(pod.Labels)) {
			continue
		}
		if found != nil {
			return nil, &apierrors.StatusError{ErrStatus: metav1.Status{
				Status: metav1.StatusFailure, Code: http.StatusInternalServerError, Reason: metav1.StatusReasonInternalError,
				Message: "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
			}}
		}
		found = b
	}
	return found, nil
}

func isReady(pod *corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// unhealthyMayGo tells whether a pod that is not ready may be evicted without
// touching the budget (KEP-3017).
func unhealthyMayGo(b *policyv1.PodDisruptionBudget) bool {
	if p := b.Spec.UnhealthyPodEvictionPolicy; p != nil && *p == policyv1.AlwaysAllow {
		return true
	}
	return b.Status.CurrentHealthy >= b.Status.DesiredHealthy && b.Status.DesiredHealthy > 0
}

// decrement takes one disruption from b for the pod, or refuses.
func (s *Server) decrement(b *policyv1.PodDisruptionBudget, pod string) error {
	forbid := func(text string) error {
		return apierrors.NewForbidden(budgets.GroupResource(), b.Name, errors.New(text))
	}
	switch {
	case b.Status.ObservedGeneration < b.Generation:
		return tooMany(10, fmt.Sprintf("The disruption budget %s is still being processed by the server.", b.Name))
	case b.Status.DisruptionsAllowed < 0:
		return forbid("pdb disruptions allowed is negative")
	case len(b.Status.DisruptedPods) > maxDisruptedPods:
		return forbid("DisruptedPods map too big - too many evictions not confirmed by PDB controller")
	case b.Status.DisruptionsAllowed == 0:
		return tooMany(0, fmt.Sprintf("The disruption budget %s needs %d healthy pods and has %d currently", b.Name, b.Status.DesiredHealthy, b.Status.CurrentHealthy))
	}
	b.Status.DisruptionsAllowed--
	if b.Status.DisruptionsAllowed == 0 {
		meta.SetStatusCondition(&b.Status.Conditions, metav1.Condition{
			Type: policyv1.DisruptionAllowedCondition, Status: metav1.ConditionFalse,
			Reason: policyv1.InsufficientPodsReason, ObservedGeneration: b.Status.ObservedGeneration,
			LastTransitionTime: metav1.NewTime(s.Now()),
		})
	}
	if b.Status.DisruptedPods == nil {
		b.Status.DisruptedPods = map[string]metav1.Time{}
	}
	b.Status.DisruptedPods[pod] = metav1.NewTime(s.Now())
	return nil
}

func tooMany(seconds int, cause string) error {
	err := apierrors.NewTooManyRequests("Cannot evict pod as it would violate the pod's disruption budget.", seconds)
	err.ErrStatus.Details.Causes = append(err.ErrStatus.Details.Causes, metav1.StatusCause{
		Type: policyv1.DisruptionBudgetCause, Message: cause,
	})
	return err
}
