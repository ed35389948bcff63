// Package rootca publishes, in each namespace, the ConfigMap kube-root-ca.crt
// with the certificate by which pods know the API server.
package rootca

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/client"
	"minke/client/reconcile"
)

const (
	component   = "root-ca-certificate-publisher"
	name        = "kube-root-ca.crt"
	entry       = "ca.crt"
	description = "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. " +
		"No other usage is guaranteed across distributions of Kubernetes clusters."
)

// Controller publishes the certificate.
type Controller struct {
	pem        string
	configMaps client.Resource[*corev1.ConfigMap]
	view       client.Informer[*corev1.ConfigMap]
	namespaces client.Informer[*corev1.Namespace]
	loop       *reconcile.Loop
}

// New returns a publisher of the certificate bundle pem.
func New(api client.Interface, informers *client.Informers, pem []byte) *Controller {
	c := &Controller{
		pem:        string(pem),
		configMaps: client.Of(api, client.ConfigMaps),
		view:       client.InformerOf(informers, client.ConfigMaps, client.WithFields("metadata.name="+name)),
		namespaces: client.InformerOf(informers, client.Namespaces),
	}
	c.loop = reconcile.New(component, reconcile.Options{}, c.sync)
	c.namespaces.Handle(client.Handler[*corev1.Namespace]{
		Add:    func(ns *corev1.Namespace) { c.loop.Add(client.KeyOf(ns)) },
		Update: func(_, ns *corev1.Namespace) { c.loop.Add(client.KeyOf(ns)) },
	})
	wake := func(m *corev1.ConfigMap) { c.loop.Add(client.Key{Name: m.Namespace}) }
	c.view.Handle(client.Handler[*corev1.ConfigMap]{Delete: wake, Update: func(_, m *corev1.ConfigMap) { wake(m) }})
	return c
}

// Run publishes until ctx ends.
func (c *Controller) Run(ctx context.Context) error {
	if err := reconcile.WaitFor(ctx, c.namespaces.Synced(), c.view.Synced()); err != nil {
		return fmt.Errorf("%s: %w", component, err)
	}
	c.loop.Run(ctx, 1)
	return nil
}

func (c *Controller) sync(ctx context.Context, key client.Key) error {
	ns, ok := c.namespaces.Get("", key.Name)
	if !ok || ns.DeletionTimestamp != nil || ns.Status.Phase == corev1.NamespaceTerminating {
		return nil
	}
	current, ok := c.view.Get(ns.Name, name)
	var err error
	switch {
	case !ok:
		_, err = c.configMaps.Create(ctx, &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: ns.Name, Name: name, Annotations: map[string]string{"kubernetes.io/description": description}},
			Data:       map[string]string{entry: c.pem},
		})
	case current.Data[entry] != c.pem || len(current.Data) != 1 || len(current.BinaryData) > 0:
		next := current.DeepCopy()
		next.Data, next.BinaryData = map[string]string{entry: c.pem}, nil
		_, err = c.configMaps.Update(ctx, next)
	}
	if err == nil || apierrors.IsAlreadyExists(err) || apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return nil
	}
	return fmt.Errorf("write config map %s/%s: %w", ns.Name, name, err)
}
