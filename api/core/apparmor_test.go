package core

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestAppArmorAnnotation: the annotation of old becomes the field, with a warning
// where the field was not set.
func TestAppArmorAnnotation(t *testing.T) {
	const warned = `metadata.annotations[container.apparmor.security.beta.kubernetes.io/c]: deprecated since v1.30; use the "appArmorProfile" field instead`
	local := func(name string) *corev1.AppArmorProfile {
		return &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeLocalhost, LocalhostProfile: &name}
	}
	unconfined := &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeUnconfined}
	for _, c := range []struct {
		annotation     string
		pod, own, want *corev1.AppArmorProfile
		warns          bool
	}{
		{"unconfined", nil, nil, unconfined, true},
		{"localhost/x", nil, nil, local("x"), true},
		{"localhost/ x", nil, nil, nil, true},
		{"nonsense", nil, nil, nil, true},
		{"localhost/x", local("x"), nil, nil, false},
		{"localhost/x", local("y"), nil, local("x"), true},
		{"localhost/x", nil, unconfined, unconfined, false},
	} {
		p := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{corev1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix + "c": c.annotation}},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c"}}},
		}
		if c.pod != nil {
			p.Spec.SecurityContext = &corev1.PodSecurityContext{AppArmorProfile: c.pod}
		}
		if c.own != nil {
			p.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{AppArmorProfile: c.own}
		}
		var want []string
		if c.warns {
			want = []string{warned}
		}
		if got := appArmorWarnings(p); !slices.Equal(got, want) {
			t.Errorf("%s: warnings %q, want %q", c.annotation, got, want)
		}
		podCreate(p)
		var got *corev1.AppArmorProfile
		if s := p.Spec.Containers[0].SecurityContext; s != nil {
			got = s.AppArmorProfile
		}
		if got.String() != c.want.String() {
			t.Errorf("%s: profile %v, want %v", c.annotation, got, c.want)
		}
	}
}

// TestPodLevelResources: what a pod as a whole leaves out follows from its
// containers (KEP-2837).
func TestPodLevelResources(t *testing.T) {
	list := func(cpu string) corev1.ResourceList {
		if cpu == "" {
			return nil
		}
		return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu)}
	}
	for _, c := range []struct{ name, podRequest, podLimit, request, limit, wantRequest, wantLimit string }{
		{"nothing", "", "", "1", "2", "", ""},
		{"request of the containers", "", "4", "1", "", "1", "4"},
		{"request of the limit", "", "4", "", "", "4", "4"},
		{"limit of the containers", "1", "", "1", "2", "1", "2"},
		{"limit no less than the request", "3", "", "1", "2", "3", "3"},
		{"no limit without the containers'", "3", "", "1", "", "3", ""},
	} {
		p := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Resources: corev1.ResourceRequirements{Requests: list(c.request), Limits: list(c.limit)}}}}}
		p.Spec.Resources = &corev1.ResourceRequirements{Requests: list(c.podRequest), Limits: list(c.podLimit)}
		podCreate(p)
		text := func(l corev1.ResourceList) string {
			if q, ok := l[corev1.ResourceCPU]; ok {
				return q.String()
			}
			return ""
		}
		if got, limit := text(p.Spec.Resources.Requests), text(p.Spec.Resources.Limits); got != c.wantRequest || limit != c.wantLimit {
			t.Errorf("%s: request %q and limit %q, want %q and %q", c.name, got, limit, c.wantRequest, c.wantLimit)
		}
	}
}
