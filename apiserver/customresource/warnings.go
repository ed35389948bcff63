package customresource

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"minke/api"
)

// plainFinalizers are those of Kubernetes, which belong to no domain.
var plainFinalizers = []string{metav1.FinalizerOrphanDependents, metav1.FinalizerDeleteDependents, string(corev1.FinalizerKubernetes)}

// warnings are about finalizers, which of custom resources may be any words; old is
// nil for a new object, and what it has is not warned of again.
func warnings(obj, old api.Object) []string {
	added := slices.Clone(obj.GetFinalizers())
	if old != nil {
		added = slices.DeleteFunc(added, func(f string) bool { return slices.Contains(old.GetFinalizers(), f) })
	}
	slices.Sort(added)
	var out []string
	for _, name := range slices.Compact(added) {
		warn := func(text string) { out = append(out, fmt.Sprintf("metadata.finalizers: %q: %s", name, text)) }
		for _, problem := range validation.IsQualifiedName(name) {
			warn(problem)
		}
		switch {
		case strings.Contains(name, "/") || slices.Contains(plainFinalizers, name):
		case strings.Contains(name, "."):
			warn("prefer a domain-qualified finalizer name including a path (/) to avoid accidental conflicts with other finalizer writers")
		default:
			warn("prefer a domain-qualified finalizer name to avoid accidental conflicts with other finalizer writers")
		}
	}
	return out
}
