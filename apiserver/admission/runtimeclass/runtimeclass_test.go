package runtimeclass

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/apiserver/admission/admissiontest"
)

func TestPlugin(t *testing.T) {
	cpu := func(s string) corev1.ResourceList {
		return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(s)}
	}
	class := &nodev1.RuntimeClass{ObjectMeta: metav1.ObjectMeta{Name: "kata"}, Overhead: &nodev1.Overhead{PodFixed: cpu("1")},
		Scheduling: &nodev1.Scheduling{NodeSelector: map[string]string{"kata": "yes"}, Tolerations: []corev1.Toleration{{Key: "kata"}}}}
	name := func(s string) *string { return &s }
	for _, c := range []struct {
		name string
		spec corev1.PodSpec
		want string
	}{
		{"none", corev1.PodSpec{}, ""},
		{"overhead of its own", corev1.PodSpec{Overhead: cpu("1")}, `pods "p" is forbidden: pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead`},
		{"an empty overhead", corev1.PodSpec{Overhead: corev1.ResourceList{}}, `pods "p" is forbidden: pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead`},
		{"class", corev1.PodSpec{RuntimeClassName: name("kata")}, ""},
		{"no such class", corev1.PodSpec{RuntimeClassName: name("x")}, `pods "p" is forbidden: pod rejected: RuntimeClass "x" not found`},
		{"another overhead", corev1.PodSpec{RuntimeClassName: name("kata"), Overhead: cpu("2")}, `pods "p" is forbidden: pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead`},
		{"another selector", corev1.PodSpec{RuntimeClassName: name("kata"), NodeSelector: map[string]string{"kata": "no"}}, `pods "p" is forbidden: conflict: runtimeClass.scheduling.nodeSelector[kata] = yes; pod.spec.nodeSelector[kata] = no`},
	} {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "y", Name: "p"}, Spec: c.spec}
		if got := admissiontest.Outcome(admissiontest.Run(&Plugin{Reader: admissiontest.Of(class)}, admissiontest.Create(pod))); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		if c.name == "class" && (pod.Spec.Overhead.Cpu().String() != "1" || pod.Spec.NodeSelector["kata"] != "yes" || len(pod.Spec.Tolerations) != 1) {
			t.Errorf("pod %+v", pod.Spec)
		}
	}
}
