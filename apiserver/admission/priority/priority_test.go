package priority

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/apiserver/admission"
	"minke/apiserver/admission/admissiontest"
)

func TestPods(t *testing.T) {
	never := corev1.PreemptNever
	class := &schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: "usual"}, Value: 7, GlobalDefault: true}
	high := &schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: "high"}, Value: 9, PreemptionPolicy: &never}
	one := int32(1)
	objs := admissiontest.Of(append(Bootstrap(), class, high)...)
	for _, c := range []struct {
		class string
		given *int32
		want  int32
		why   string
	}{
		{"", nil, 7, ""},
		{"high", nil, 9, ""},
		{"system-node-critical", nil, 2000001000, ""},
		{"nosuch", nil, 0, `pods "p" is forbidden: no PriorityClass with name nosuch was found`},
		{"high", &one, 0, `pods "p" is forbidden: the integer value of priority (1) must not be provided in pod spec; priority admission controller computed 9 from the given PriorityClass name`},
	} {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "y", Name: "p"}, Spec: corev1.PodSpec{PriorityClassName: c.class, Priority: c.given}}
		err := admissiontest.Run(&Plugin{Reader: objs}, admissiontest.Create(pod))
		if got := admissiontest.Outcome(err); got != c.why {
			t.Errorf("class %q: %q, want %q", c.class, got, c.why)
		}
		if err == nil && *pod.Spec.Priority != c.want {
			t.Errorf("class %q: priority %d, want %d", c.class, *pod.Spec.Priority, c.want)
		}
	}
	for name, want := range map[string]string{
		NodeCritical: `priorityclasses.scheduling.k8s.io "system-node-critical" is forbidden: this is a system priority class and cannot be deleted`,
		"usual":      "",
	} {
		a := admissiontest.Create(class)
		a.Operation, a.Object, a.Name = admission.Delete, nil, name
		if got := admissiontest.Outcome(admissiontest.Run(&Plugin{Reader: objs}, a)); got != want {
			t.Errorf("delete %s: %q, want %q", name, got, want)
		}
	}
	another := &schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: "another"}, GlobalDefault: true}
	if got := admissiontest.Outcome(admissiontest.Run(&Plugin{Reader: objs}, admissiontest.Create(another))); got != `priorityclasses.scheduling.k8s.io "another" is forbidden: PriorityClass usual is already marked as default. Only one default can exist` {
		t.Errorf("a second default: %q", got)
	}
}
