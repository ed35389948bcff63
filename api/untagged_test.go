package api

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func TestUntagged(t *testing.T) {
	one, profile := intstr.FromInt32(1), "p"
	for _, c := range []struct {
		value any
		want  string
	}{
		{appsv1.DeploymentStrategy{Type: "X", RollingUpdate: &appsv1.RollingUpdateDeployment{MaxSurge: &one}},
			`a: Invalid value: {"Type":"X","RollingUpdate":{"MaxUnavailable":null,"MaxSurge":1}}: `},
		{&corev1.SeccompProfile{Type: "X", LocalhostProfile: &profile}, `a: Invalid value: {"Type":"X","LocalhostProfile":"p"}: `},
		{[]corev1.Taint{{Key: "k"}}, `a: Invalid value: [{"Key":"k","Value":"","Effect":"","TimeAdded":null}]: `},
	} {
		if got := field.Invalid(field.NewPath("a"), Untagged(c.value), "").Error(); got != c.want && got+": " != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}
