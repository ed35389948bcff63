package limitpodhardantiaffinity

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/apiserver/admission/admissiontest"
)

func TestTopologies(t *testing.T) {
	for _, c := range []struct {
		name    string
		keys    []string
		allowed bool
	}{
		{"none", nil, true},
		{"host", []string{corev1.LabelHostname}, true},
		{"zone", []string{corev1.LabelHostname, corev1.LabelTopologyZone}, false},
	} {
		anti := &corev1.PodAntiAffinity{}
		for _, key := range c.keys {
			anti.RequiredDuringSchedulingIgnoredDuringExecution = append(anti.RequiredDuringSchedulingIgnoredDuringExecution, corev1.PodAffinityTerm{TopologyKey: key})
		}
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "y", Name: "p"}, Spec: corev1.PodSpec{Affinity: &corev1.Affinity{PodAntiAffinity: anti}}}
		if err := admissiontest.Run(Plugin{}, admissiontest.Create(pod)); c.allowed != (err == nil) || !c.allowed && !apierrors.IsForbidden(err) {
			t.Errorf("%s: %v, want allowed %v", c.name, err, c.allowed)
		}
	}
}
