// Package clustertrustbundlepublisher publishes the certificate authority of the API
// server as the ClusterTrustBundle of the signer
// kubernetes.io/kube-apiserver-serving (KEP-3257).
package clustertrustbundlepublisher

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	certificatesv1 "k8s.io/api/certificates/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/client"
	"minke/client/reconcile"
)

const (
	component = "kube-apiserver-serving-clustertrustbundle-publisher"
	// signer is what the bundle is of.
	signer = "kubernetes.io/kube-apiserver-serving"
)

// Controller publishes the bundle: one, whose name tells its content. Others of the
// signer are taken away.
type Controller struct {
	pem     string
	name    string
	bundles client.Resource[*certificatesv1.ClusterTrustBundle]
	view    client.Informer[*certificatesv1.ClusterTrustBundle]
	loop    *reconcile.Loop
}

// New returns a publisher of the certificate bundle pem.
func New(api client.Interface, informers *client.Informers, pem []byte) *Controller {
	digest := sha256.Sum256(pem)
	c := &Controller{
		pem:     string(pem),
		name:    fmt.Sprintf("%s:%x", strings.ReplaceAll(signer, "/", ":"), digest[:12]),
		bundles: client.Of(api, client.ClusterTrustBundles),
		view:    client.InformerOf(informers, client.ClusterTrustBundles, client.WithFields("spec.signerName="+signer)),
	}
	c.loop = reconcile.New(component, reconcile.Options{}, c.sync)
	look := func(*certificatesv1.ClusterTrustBundle) { c.loop.Add(client.Key{}) }
	c.view.Handle(client.Handler[*certificatesv1.ClusterTrustBundle]{
		Add: look, Delete: look, Update: func(_, b *certificatesv1.ClusterTrustBundle) { look(b) },
	})
	return c
}

// Run publishes until ctx ends.
func (c *Controller) Run(ctx context.Context) error {
	if err := reconcile.WaitFor(ctx, c.view.Synced()); err != nil {
		return fmt.Errorf("%s: %w", component, err)
	}
	c.loop.Add(client.Key{})
	c.loop.Run(ctx, 1)
	return nil
}

func (c *Controller) sync(ctx context.Context, _ client.Key) error {
	current, ok := c.view.Get("", c.name)
	var err error
	switch {
	case !ok:
		_, err = c.bundles.Create(ctx, &certificatesv1.ClusterTrustBundle{
			ObjectMeta: metav1.ObjectMeta{Name: c.name},
			Spec:       certificatesv1.ClusterTrustBundleSpec{SignerName: signer, TrustBundle: c.pem},
		})
	case current.Spec.TrustBundle != c.pem:
		next := current.DeepCopy()
		next.Spec.TrustBundle = c.pem
		_, err = c.bundles.Update(ctx, next)
	}
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("publish %s: %w", c.name, err)
	}
	var errs []error
	for _, b := range c.view.List("", nil) {
		if b.Name == c.name {
			continue
		}
		if err := c.bundles.Delete(ctx, "", b.Name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			errs = append(errs, fmt.Errorf("take away %s: %w", b.Name, err))
		}
	}
	return errors.Join(errs...)
}
