package nodedeclaredfeatures

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/version"

	"minke/apiserver/admission"
	"minke/apiserver/admission/admissiontest"
)

func TestUpdates(t *testing.T) {
	node := func(name string, features ...string) *corev1.Node {
		return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: corev1.NodeStatus{DeclaredFeatures: features}}
	}
	p := &Plugin{Version: version.MustParse("1.37.0"), Reader: admissiontest.Of(node("plain"),
		node("able", "InPlacePodLevelResourcesVerticalScaling", "InPlacePodVerticalScalingInitContainers", "SomethingNew"))}
	pod := func(on string, generation int64, level, initial string) *corev1.Pod {
		list := func(cpu string) corev1.ResourceRequirements {
			return corev1.ResourceRequirements{Requests: corev1.ResourceList{"cpu": resource.MustParse(cpu)}}
		}
		whole := list(level)
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: "p", Generation: generation}, Spec: corev1.PodSpec{NodeName: on,
			Resources: &whole, InitContainers: []corev1.Container{{Name: "i", Resources: list(initial)}}, Containers: []corev1.Container{{Name: "c"}}}}
	}
	fewer := pod("plain", 2, "1", "1")
	fewer.Spec.InitContainers = nil
	for _, c := range []struct {
		name, subresource string
		now               *corev1.Pod
		cause             string
	}{
		{"the pod's own resources", "resize", pod("plain", 2, "2", "1"), `pod update requires features InPlacePodLevelResourcesVerticalScaling which are not available on node "plain"`},
		{"an init container's", "resize", pod("plain", 2, "1", "2"), `features InPlacePodVerticalScalingInitContainers which`},
		{"both", "", pod("plain", 2, "2", "2"), `features InPlacePodLevelResourcesVerticalScaling, InPlacePodVerticalScalingInitContainers which`},
		{"both, where that is possible", "resize", pod("able", 2, "2", "2"), ""},
		{"nothing that needs anything", "", pod("plain", 2, "1", "1"), ""},
		{"the same generation", "", pod("plain", 1, "2", "2"), ""},
		{"the status", "status", pod("plain", 2, "2", "2"), ""},
		{"no node yet", "", pod("", 2, "2", "2"), ""},
		{"a node that is gone", "resize", pod("gone", 2, "2", "1"), `node "gone" not found`},
		{"fewer containers", "", fewer, ""},
	} {
		a := admissiontest.Write(admission.Update, c.now, pod(c.now.Spec.NodeName, 1, "1", "1"))
		a.Subresource = c.subresource
		err := admissiontest.Run(p, a)
		if (err == nil) != (c.cause == "") || err != nil && !strings.Contains(err.Error(), c.cause) {
			t.Errorf("%s: %v, want %q", c.name, err, c.cause)
		}
	}
	created := admissiontest.Create(pod("plain", 1, "2", "2"))
	if err := p.Validate(t.Context(), created); err != nil || created.Operation != admission.Create {
		t.Errorf("create: %v", err)
	}
}
