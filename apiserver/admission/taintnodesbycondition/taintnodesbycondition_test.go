package taintnodesbycondition

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/apiserver/admission/admissiontest"
)

func TestPlugin(t *testing.T) {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}}
	for range 2 {
		if err := admissiontest.Run(Plugin{}, admissiontest.Create(node)); err != nil || len(node.Spec.Taints) != 1 {
			t.Errorf("taints %v (%v), want one", node.Spec.Taints, err)
		}
	}
}
