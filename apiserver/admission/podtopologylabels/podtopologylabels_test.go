package podtopologylabels

import (
	"maps"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api"
	"minke/apiserver/admission/admissiontest"
)

func TestLabels(t *testing.T) {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n", Labels: map[string]string{
		corev1.LabelTopologyZone: "z", corev1.LabelTopologyRegion: "r", "rack": "7",
	}}}
	binding := func(to string, labels map[string]string) *corev1.Binding {
		return &corev1.Binding{ObjectMeta: metav1.ObjectMeta{Namespace: "y", Name: "p", Labels: labels}, Target: corev1.ObjectReference{Kind: "Node", Name: to}}
	}
	both := map[string]string{corev1.LabelTopologyZone: "z", corev1.LabelTopologyRegion: "r"}
	for _, c := range []struct {
		name string
		obj  api.Object
		want map[string]string
	}{
		{"binding", binding("n", nil), both},
		{"binding to nowhere", binding("other", nil), nil},
		{"what is there stays", binding("n", map[string]string{corev1.LabelTopologyZone: "mine"}),
			map[string]string{corev1.LabelTopologyZone: "mine", corev1.LabelTopologyRegion: "r"}},
		{"placed pod", &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "y", Name: "p"}, Spec: corev1.PodSpec{NodeName: "n"}}, both},
		{"pod", &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "y", Name: "p"}}, nil},
	} {
		err := admissiontest.Run(&Plugin{Reader: admissiontest.Of(node)}, admissiontest.Create(c.obj))
		if err != nil || !maps.Equal(c.obj.GetLabels(), c.want) {
			t.Errorf("%s: %v (%v), want %v", c.name, c.obj.GetLabels(), err, c.want)
		}
	}
}
