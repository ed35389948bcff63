// Package podcertificaterequestcleaner deletes PodCertificateRequests half an hour
// after they were made, whatever became of them (KEP-4317): a kubelet that still
// waits asks anew.
package podcertificaterequestcleaner

import (
	"context"
	"fmt"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/client"
	"minke/client/reconcile"
)

const (
	component = "podcertificaterequest-cleaner-controller"
	// keep is for how long a request is kept.
	keep = 30 * time.Minute
)

// Controller deletes old requests.
type Controller struct {
	requests client.Resource[*certificatesv1.PodCertificateRequest]
	view     client.Informer[*certificatesv1.PodCertificateRequest]
	loop     *reconcile.Loop
}

// New returns the controller.
func New(api client.Interface, informers *client.Informers) *Controller {
	c := &Controller{requests: client.Of(api, client.PodCertificateRequests), view: client.InformerOf(informers, client.PodCertificateRequests)}
	c.loop = reconcile.New(component, reconcile.Options{}, c.sync)
	c.view.Handle(client.Handler[*certificatesv1.PodCertificateRequest]{
		Add: func(r *certificatesv1.PodCertificateRequest) { c.loop.AddAfter(client.KeyOf(r), left(r)) },
	})
	return c
}

// Run deletes until ctx ends.
func (c *Controller) Run(ctx context.Context) error {
	if err := reconcile.WaitFor(ctx, c.view.Synced()); err != nil {
		return fmt.Errorf("%s: %w", component, err)
	}
	c.loop.Run(ctx, 1)
	return nil
}

func left(r *certificatesv1.PodCertificateRequest) time.Duration {
	return time.Until(r.CreationTimestamp.Add(keep))
}

func (c *Controller) sync(ctx context.Context, key client.Key) error {
	r, ok := c.view.Get(key.Namespace, key.Name)
	if !ok || r.DeletionTimestamp != nil {
		return nil
	}
	if wait := left(r); wait > 0 { // another one of that name
		c.loop.AddAfter(key, wait)
		return nil
	}
	uid := r.UID
	err := c.requests.Delete(ctx, r.Namespace, r.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}})
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return fmt.Errorf("delete old request %s: %w", key, err)
	}
	return nil
}
