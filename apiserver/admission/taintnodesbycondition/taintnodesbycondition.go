// Package taintnodesbycondition keeps pods away from a node that is new, until
// the node controller finds it ready.
package taintnodesbycondition

import (
	"context"

	corev1 "k8s.io/api/core/v1"

	"minke/apiserver/admission"
)

// Plugin is the admission plug-in.
type Plugin struct{}

var _ admission.Mutator = Plugin{}

// Admit implements admission.Mutator.
func (Plugin) Admit(_ context.Context, a *admission.Attributes) error {
	node, ok := a.Object.(*corev1.Node)
	if !ok || a.Operation != admission.Create || a.Subresource != "" {
		return nil
	}
	taint := corev1.Taint{Key: corev1.TaintNodeNotReady, Effect: corev1.TaintEffectNoSchedule}
	for _, t := range node.Spec.Taints {
		if t.MatchTaint(&taint) {
			return nil
		}
	}
	node.Spec.Taints = append(node.Spec.Taints, taint)
	return nil
}
