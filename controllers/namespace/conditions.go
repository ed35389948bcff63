package namespace

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// writeConditions shows on the namespace what holds it up.
func (c *Controller) writeConditions(ctx context.Context, ns *corev1.Namespace, r report) error {
	next := ns.DeepCopy()
	next.Status.Phase = corev1.NamespaceTerminating
	for _, condition := range []corev1.NamespaceCondition{
		failing(corev1.NamespaceDeletionDiscoveryFailure, "DiscoveryFailed", "All resources successfully discovered", "ResourcesDiscovered", r.discovery),
		failing(corev1.NamespaceDeletionGVParsingFailure, "GroupVersionParsingFailed", "All legacy kube types successfully parsed", "ParsedGroupVersions", nil),
		failing(corev1.NamespaceDeletionContentFailure, "ContentDeletionFailed", "All content successfully deleted, may be waiting on finalization", "ContentDeleted", r.failures),
		counting(corev1.NamespaceContentRemaining, "SomeResourcesRemain", "All content successfully removed", "ContentRemoved",
			"Some resources are remaining: ", " has %d resource instances", r.remaining),
		counting(corev1.NamespaceFinalizersRemaining, "SomeFinalizersRemain", "All content-preserving finalizers finished", "ContentHasNoFinalizers",
			"Some content in the namespace has finalizers remaining: ", " in %d resource instances", r.finalizers),
	} {
		set(next, condition)
	}
	if equality.Semantic.DeepEqual(next.Status, ns.Status) {
		return nil
	}
	if _, err := c.namespaces.UpdateStatus(ctx, next); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("write status of namespace %s: %w", ns.Name, err)
	}
	return nil
}

func failing(kind corev1.NamespaceConditionType, reason, fine, fineReason string, errs []error) corev1.NamespaceCondition {
	if len(errs) == 0 {
		return corev1.NamespaceCondition{Type: kind, Status: corev1.ConditionFalse, Reason: fineReason, Message: fine}
	}
	return corev1.NamespaceCondition{Type: kind, Status: corev1.ConditionTrue, Reason: reason, Message: errors.Join(errs...).Error()}
}

func counting(kind corev1.NamespaceConditionType, reason, fine, fineReason, intro, format string, counts map[string]int) corev1.NamespaceCondition {
	if len(counts) == 0 {
		return corev1.NamespaceCondition{Type: kind, Status: corev1.ConditionFalse, Reason: fineReason, Message: fine}
	}
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, key+fmt.Sprintf(format, counts[key]))
	}
	return corev1.NamespaceCondition{Type: kind, Status: corev1.ConditionTrue, Reason: reason, Message: intro + strings.Join(parts, ", ")}
}

func set(ns *corev1.Namespace, condition corev1.NamespaceCondition) {
	condition.LastTransitionTime = metav1.Now()
	i := slices.IndexFunc(ns.Status.Conditions, func(c corev1.NamespaceCondition) bool { return c.Type == condition.Type })
	if i < 0 {
		ns.Status.Conditions = append(ns.Status.Conditions, condition)
		return
	}
	if ns.Status.Conditions[i].Status == condition.Status {
		condition.LastTransitionTime = ns.Status.Conditions[i].LastTransitionTime
	}
	ns.Status.Conditions[i] = condition
}
