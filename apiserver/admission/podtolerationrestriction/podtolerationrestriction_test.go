package podtolerationrestriction

import (
	"reflect"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/apiserver/admission/admissiontest"
)

func TestTolerations(t *testing.T) {
	namespace := func(name string, annotations map[string]string) *corev1.Namespace {
		return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: annotations}}
	}
	p, err := New(admissiontest.Of(
		namespace("plain", nil),
		namespace("own", map[string]string{defaults: `[{"key":"own","operator":"Exists"}]`, whitelist: `[{"key":"own","operator":"Exists"}]`}),
		namespace("free", map[string]string{defaults: `[]`, whitelist: `[]`}),
		namespace("bad", map[string]string{defaults: `{`}),
	), []byte("apiVersion: podtolerationrestriction.admission.k8s.io/v1alpha1\nkind: Configuration\n"+
		"default:\n- {key: a, operator: Exists}\nwhitelist:\n- {key: a, operator: Exists}\n- {key: b, value: x}\n"))
	if err != nil {
		t.Fatal(err)
	}
	exists := func(key string) corev1.Toleration {
		return corev1.Toleration{Key: key, Operator: corev1.TolerationOpExists}
	}
	equal := func(key, value string) corev1.Toleration { return corev1.Toleration{Key: key, Value: value} }
	for _, c := range []struct {
		name, namespace string
		have, want      []corev1.Toleration
		refused         bool
	}{
		{"the cluster's", "plain", nil, []corev1.Toleration{exists("a")}, false},
		{"covered", "plain", []corev1.Toleration{equal("a", "1"), equal("b", "x")}, []corev1.Toleration{equal("b", "x"), exists("a")}, false},
		{"not listed", "plain", []corev1.Toleration{equal("b", "y")}, nil, true},
		{"the namespace's", "own", nil, []corev1.Toleration{exists("own")}, false},
		{"everything", "own", []corev1.Toleration{exists("")}, nil, true},
		{"switched off", "free", []corev1.Toleration{exists("z")}, []corev1.Toleration{exists("z")}, false},
		{"bad annotation", "bad", nil, nil, true},
		{"asking for something", "free", nil, []corev1.Toleration{{Key: corev1.TaintNodeMemoryPressure, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule}}, false},
	} {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: "p"}, Spec: corev1.PodSpec{Tolerations: c.have}}
		if c.name == "asking for something" {
			pod.Spec.Containers = []corev1.Container{{Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1")}}}}
		}
		err := admissiontest.Run(p, admissiontest.Create(pod))
		if c.refused != apierrors.IsForbidden(err) || !c.refused && (err != nil || !reflect.DeepEqual(pod.Spec.Tolerations, c.want)) {
			t.Errorf("%s: %v (%v), want %v, refused %v", c.name, pod.Spec.Tolerations, err, c.want, c.refused)
		}
	}
}
