package plugins

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/client"
	"minke/scheduler/cluster"
)

// DefaultBinder binds through the API's subresource pods/binding.
type DefaultBinder struct{ API client.Interface }

// Name implements Plugin.
func (DefaultBinder) Name() string { return "DefaultBinder" }

// Bind implements Binder.
func (b DefaultBinder) Bind(ctx context.Context, pod *cluster.Pod, node string) error {
	binding := &corev1.Binding{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Binding"},
		ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID},
		Target:     corev1.ObjectReference{Kind: "Node", Name: node},
	}
	if _, err := client.Of(b.API, client.Pods).Post(ctx, pod.Namespace, pod.Name, "binding", binding); err != nil {
		return fmt.Errorf("bind pod %s/%s to node %s: %w", pod.Namespace, pod.Name, node, err)
	}
	return nil
}
