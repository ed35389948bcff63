package node

import (
	"context"
	"fmt"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"minke/client"
)

const (
	leaseDuration = 40 // seconds
	leasePeriod   = 10 * time.Second
)

// RunLease renews the node's lease in kube-node-lease until ctx ends.
func (m *Manager) RunLease(ctx context.Context) {
	leases := client.Of(m.API, client.Leases)
	var last *coordinationv1.Lease
	for {
		lease, err := m.renew(ctx, leases, last)
		after := leasePeriod
		if last = lease; err != nil {
			if ctx.Err() == nil {
				m.log.Warn("renew lease", "node", m.Name, "err", err)
			}
			after = time.Second
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(after):
		}
	}
}

// renew updates the lease it has, or reads or makes it. It returns nil with an
// error, so that the next call reads anew.
func (m *Manager) renew(ctx context.Context, leases client.Resource[*coordinationv1.Lease], last *coordinationv1.Lease) (*coordinationv1.Lease, error) {
	var err error
	if last == nil {
		last, err = leases.Get(ctx, corev1.NamespaceNodeLease, m.Name)
		if apierrors.IsNotFound(err) {
			return leases.Create(ctx, m.lease(&coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: corev1.NamespaceNodeLease, Name: m.Name}}))
		}
		if err != nil {
			return nil, err
		}
	}
	answer, err := leases.Update(ctx, m.lease(last.DeepCopy()))
	if err != nil {
		return nil, fmt.Errorf("update lease %s: %w", m.Name, err)
	}
	return answer, nil
}

func (m *Manager) lease(l *coordinationv1.Lease) *coordinationv1.Lease {
	now, seconds, holder := metav1.NewMicroTime(time.Now()), int32(leaseDuration), m.Name
	l.Spec.HolderIdentity, l.Spec.LeaseDurationSeconds, l.Spec.RenewTime = &holder, &seconds, &now
	if node := m.Node(); node != nil && len(l.OwnerReferences) == 0 {
		l.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: node.Name, UID: node.UID}}
	}
	return l
}
