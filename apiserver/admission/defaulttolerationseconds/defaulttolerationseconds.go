// Package defaulttolerationseconds lets pods stay for five minutes on a node
// that is not ready or not reachable, unless they say otherwise.
package defaulttolerationseconds

import (
	"context"

	corev1 "k8s.io/api/core/v1"

	"minke/apiserver/admission"
)

// Plugin is the admission plug-in.
type Plugin struct {
	// NotReady and Unreachable are for how many seconds a pod stays; nil means
	// DefaultSeconds.
	NotReady, Unreachable *int64
}

var _ admission.Mutator = Plugin{}

// DefaultSeconds is how long a pod stays.
const DefaultSeconds = 300

// Admit implements admission.Mutator.
func (p Plugin) Admit(_ context.Context, a *admission.Attributes) error {
	pod, ok := a.Object.(*corev1.Pod)
	if !ok || a.Subresource != "" || a.Operation != admission.Create && a.Operation != admission.Update {
		return nil
	}
	for _, of := range []struct {
		taint   string
		seconds *int64
	}{{corev1.TaintNodeNotReady, p.NotReady}, {corev1.TaintNodeUnreachable, p.Unreachable}} {
		if !tolerates(pod, of.taint) {
			stay := int64(DefaultSeconds)
			if of.seconds != nil {
				stay = *of.seconds
			}
			pod.Spec.Tolerations = append(pod.Spec.Tolerations, corev1.Toleration{
				Key: of.taint, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: &stay,
			})
		}
	}
	return nil
}

func tolerates(pod *corev1.Pod, taint string) bool {
	for _, t := range pod.Spec.Tolerations {
		if (t.Key == taint || t.Key == "") && (t.Effect == corev1.TaintEffectNoExecute || t.Effect == "") {
			return true
		}
	}
	return false
}
