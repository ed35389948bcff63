package defaulttolerationseconds

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/apiserver/admission/admissiontest"
)

func TestPlugin(t *testing.T) {
	for _, c := range []struct {
		name string
		have []corev1.Toleration
		want int
	}{
		{"none", nil, 2},
		{"everything", []corev1.Toleration{{Operator: corev1.TolerationOpExists}}, 1},
		{"one of them", []corev1.Toleration{{Key: corev1.TaintNodeNotReady, Effect: corev1.TaintEffectNoExecute}}, 2},
		{"another effect", []corev1.Toleration{{Key: corev1.TaintNodeNotReady, Effect: corev1.TaintEffectNoSchedule}}, 3},
	} {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "y", Name: "p"}, Spec: corev1.PodSpec{Tolerations: c.have}}
		if err := admissiontest.Run(Plugin{}, admissiontest.Create(pod)); err != nil || len(pod.Spec.Tolerations) != c.want {
			t.Errorf("%s: %v (%v), want %d", c.name, pod.Spec.Tolerations, err, c.want)
		}
	}
}
