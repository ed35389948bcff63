// Package extendedresourcetoleration lets pods that ask for an extended resource
// tolerate the taint that keeps all others off the nodes which have it.
package extendedresourcetoleration

import (
	"context"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"minke/apiserver/admission"
)

// Plugin is the admission plug-in.
type Plugin struct{}

var _ admission.Mutator = Plugin{}

// Admit implements admission.Mutator.
func (Plugin) Admit(_ context.Context, a *admission.Attributes) error {
	pod, ok := a.Object.(*corev1.Pod)
	if !ok || a.Subresource != "" || a.Operation == admission.Delete {
		return nil
	}
	var wanted []string
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			for name := range list[i].Resources.Requests {
				if extended(string(name)) {
					wanted = append(wanted, string(name))
				}
			}
		}
	}
	slices.Sort(wanted)
	for _, name := range slices.Compact(wanted) {
		t := corev1.Toleration{Key: name, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule}
		if !slices.ContainsFunc(pod.Spec.Tolerations, func(have corev1.Toleration) bool { return have.MatchToleration(&t) }) {
			pod.Spec.Tolerations = append(pod.Spec.Tolerations, t)
		}
	}
	return nil
}

// extended tells resources that are not Kubernetes' own.
func extended(name string) bool {
	domain, _, ok := strings.Cut(name, "/")
	return ok && domain != "kubernetes.io" && !strings.HasSuffix(domain, ".kubernetes.io") && !strings.HasPrefix(name, "requests.")
}
