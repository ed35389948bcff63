package pods

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"minke/kubelet/cri"
)

// adoptOrphans makes workers for pods that the runtime or the disk knows and
// the API does not: they vanished while no kubelet ran, and must end.
func (m *Manager) adoptOrphans(ctx context.Context) error {
	boxes, err := m.Runtime.ListPodSandbox(ctx, &runtimeapi.ListPodSandboxRequest{})
	if err != nil {
		return fmt.Errorf("list sandboxes: %w", err)
	}
	for _, b := range boxes.Items {
		if uid := b.Labels[cri.LabelPodUID]; uid != "" {
			m.orphan(types.UID(uid), b.Labels[cri.LabelPodNamespace], b.Labels[cri.LabelPodName])
		}
	}
	uids, err := m.Volumes.Pods()
	if err != nil {
		return fmt.Errorf("list pods' directories: %w", err)
	}
	for _, uid := range uids {
		m.orphan(uid, "", "")
	}
	return nil
}

func (m *Manager) orphan(uid types.UID, namespace, name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.workers[uid] != nil {
		return
	}
	w := newWorker(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: uid}})
	w.gone = true
	m.workers[uid] = w
	m.runs.Kick(uid)
}
