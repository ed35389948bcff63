package codec

import (
	"reflect"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

var podType = reflect.TypeFor[corev1.Pod]()

// TestWeigh: a message weighs what its lists and maps take.
func TestWeigh(t *testing.T) {
	for name, c := range map[string]struct {
		obj  runtime.Object
		want int
	}{
		"nothing": {&corev1.Pod{}, 0},
		"containers": {&corev1.Pod{Spec: corev1.PodSpec{Containers: make([]corev1.Container, 3)}},
			3 * int(reflect.TypeFor[corev1.Container]().Size())},
		"strings within": {&corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Args: []string{"", "a"}}}}},
			int(reflect.TypeFor[corev1.Container]().Size()) + 2*16},
		"labels": {&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"a": "b", "c": "d"}}}, 2 * 32},
		"lists in a map": {&authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			Extra: map[string]authorizationv1.ExtraValue{"a": {"b", "c", "d"}}}}, 16 + 24 + 3*16},
	} {
		message, err := EncodeMessage(c.obj)
		if err != nil {
			t.Fatal(err)
		}
		w := weigher{left: maxWeight}
		w.weigh(message, shapeOf(reflect.TypeOf(c.obj).Elem()), 0)
		if got := maxWeight - w.left; got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}
