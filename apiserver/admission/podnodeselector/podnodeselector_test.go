package podnodeselector

import (
	"maps"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/apiserver/admission/admissiontest"
)

func TestSelectors(t *testing.T) {
	namespace := func(name, selector string) *corev1.Namespace {
		n := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if selector != "" {
			n.Annotations = map[string]string{annotation: selector}
		}
		return n
	}
	p, err := New(admissiontest.Of(namespace("plain", ""), namespace("own", "env=test"), namespace("bad", "a in (b)"), namespace("listed", "")),
		[]byte("podNodeSelectorPluginConfig:\n  clusterDefaultNodeSelector: env=prod\n  listed: env=prod,disk=ssd\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, namespace string
		have, want      map[string]string
		refused         bool
	}{
		{"the cluster's", "plain", nil, map[string]string{"env": "prod"}, false},
		{"the namespace's", "own", map[string]string{"disk": "ssd"}, map[string]string{"env": "test", "disk": "ssd"}, false},
		{"conflict", "own", map[string]string{"env": "prod"}, nil, true},
		{"listed", "listed", map[string]string{"disk": "ssd"}, map[string]string{"env": "prod", "disk": "ssd"}, false},
		{"not listed", "listed", map[string]string{"rack": "1"}, nil, true},
		{"bad annotation", "bad", nil, nil, true},
	} {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: "p"}, Spec: corev1.PodSpec{NodeSelector: c.have}}
		err := admissiontest.Run(p, admissiontest.Create(pod))
		if c.refused != apierrors.IsForbidden(err) || !c.refused && (err != nil || !maps.Equal(pod.Spec.NodeSelector, c.want)) {
			t.Errorf("%s: %v (%v), want %v, refused %v", c.name, pod.Spec.NodeSelector, err, c.want, c.refused)
		}
	}
	if _, err := New(nil, []byte("podNodeSelectorPluginConfiguration: {}")); err == nil {
		t.Error("an unknown field of the configuration was accepted")
	}
}
