package cluster

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api"
)

// components tells how the parts of the control plane are, in the manner of
// old: the controllers and the scheduler, which run as long as the server does,
// and the store.
func (s *Server) components(ctx context.Context) []api.Object {
	_, _, err := s.store.Get(ctx, "/registry/health")
	return []api.Object{
		component("controller-manager", nil), component("scheduler", nil), component("etcd-0", err),
	}
}

func component(name string, err error) api.Object {
	healthy := corev1.ComponentCondition{Type: corev1.ComponentHealthy, Status: corev1.ConditionTrue, Message: "ok"}
	if err != nil {
		healthy.Status, healthy.Message, healthy.Error = corev1.ConditionFalse, "", err.Error()
	}
	return &corev1.ComponentStatus{ObjectMeta: metav1.ObjectMeta{Name: name}, Conditions: []corev1.ComponentCondition{healthy}}
}
