package podresize

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/apiserver/admission"
	"minke/apiserver/admission/admissiontest"
)

func TestResize(t *testing.T) {
	node := func(name, os string) *corev1.Node {
		return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelOSStable: os}},
			Status: corev1.NodeStatus{Allocatable: corev1.ResourceList{"cpu": resource.MustParse("2"), "memory": resource.MustParse("1Gi")}}}
	}
	stored := admissiontest.Of(node("linux", "linux"), node("windows", "windows"))
	pod := func(on, cpu, memory string, generation int64) *corev1.Pod {
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "y", Name: "p", Generation: generation}, Spec: corev1.PodSpec{
			NodeName: on, Containers: []corev1.Container{{Resources: corev1.ResourceRequirements{
				Requests: corev1.ResourceList{"cpu": resource.MustParse(cpu), "memory": resource.MustParse(memory)}}}},
		}}
	}
	for _, c := range []struct {
		name string
		pod  *corev1.Pod
		want string
	}{
		{"fits", pod("linux", "2", "1Gi", 2), ""},
		{"too much cpu", pod("linux", "3", "1Gi", 2), "cpu, requested: 3000, allocatable: 2000"},
		{"too much of both", pod("linux", "3", "2Gi", 2), "cpu, requested: 3000, allocatable: 2000; memory, requested: 2147483648, allocatable: 1073741824"},
		{"nothing changed", pod("linux", "3", "1Gi", 1), ""},
		{"not placed", pod("", "3", "1Gi", 2), ""},
		{"windows", pod("windows", "1", "1Gi", 2), "only supported on linux nodes"},
		{"node is gone", pod("gone", "1", "1Gi", 2), `node "gone" not found`},
	} {
		a := admissiontest.Write(admission.Update, c.pod, pod("linux", "1", "1Gi", 1))
		a.Subresource = "resize"
		got := admissiontest.Outcome(admissiontest.Run(&Plugin{Reader: stored}, a))
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
