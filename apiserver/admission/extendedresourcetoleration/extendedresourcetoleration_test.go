package extendedresourcetoleration

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/apiserver/admission/admissiontest"
)

func TestTolerations(t *testing.T) {
	for _, c := range []struct {
		name      string
		resources []corev1.ResourceName
		want      []string
	}{
		{"native", []corev1.ResourceName{"cpu", "hugepages-2Mi", "example.kubernetes.io/x"}, nil},
		{"extended", []corev1.ResourceName{"example.com/b", "example.com/a"}, []string{"example.com/a", "example.com/b"}},
		{"tolerated already", []corev1.ResourceName{"example.com/have"}, []string{}},
	} {
		requests := corev1.ResourceList{}
		for _, r := range c.resources {
			requests[r] = resource.MustParse("1")
		}
		have := corev1.Toleration{Key: "example.com/have", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule}
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "y", Name: "p"}, Spec: corev1.PodSpec{
			Tolerations: []corev1.Toleration{have},
			Containers:  []corev1.Container{{Resources: corev1.ResourceRequirements{Requests: requests}}},
		}}
		err := admissiontest.Run(Plugin{}, admissiontest.Create(pod))
		var got []string
		for _, toleration := range pod.Spec.Tolerations[1:] {
			got = append(got, toleration.Key)
		}
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v (%v), want %v", c.name, got, err, c.want)
		}
	}
}
