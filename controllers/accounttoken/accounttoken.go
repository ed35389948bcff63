// Package accounttoken fills Secrets of the type
// kubernetes.io/service-account-token: each gets a token of the account that it
// names, and goes with the account.
package accounttoken

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"minke/client"
	"minke/client/reconcile"
)

const component = "serviceaccount-token-controller"

// Issue makes the token of an account that is kept in the secret of that name.
type Issue func(account *corev1.ServiceAccount, secret string) (string, error)

// Controller fills the secrets.
type Controller struct {
	issue    Issue
	rootCA   []byte
	secrets  client.Resource[*corev1.Secret]
	accounts client.Resource[*corev1.ServiceAccount]
	view     client.Informer[*corev1.Secret]
	known    client.Informer[*corev1.ServiceAccount]
	loop     *reconcile.Loop
}

// New returns the controller; rootCA is the PEM by which the API is known.
func New(api client.Interface, informers *client.Informers, rootCA []byte, issue Issue) *Controller {
	c := &Controller{
		issue: issue, rootCA: rootCA,
		secrets: client.Of(api, client.Secrets), accounts: client.Of(api, client.ServiceAccounts),
		view:  client.InformerOf(informers, client.Secrets, client.WithFields("type="+string(corev1.SecretTypeServiceAccountToken))),
		known: client.InformerOf(informers, client.ServiceAccounts),
	}
	c.loop = reconcile.New(component, reconcile.Options{}, c.sync)
	c.view.Handle(client.Handler[*corev1.Secret]{
		Add:    func(s *corev1.Secret) { c.loop.Add(client.KeyOf(s)) },
		Update: func(_, s *corev1.Secret) { c.loop.Add(client.KeyOf(s)) },
	})
	wake := func(a *corev1.ServiceAccount) {
		for _, s := range c.view.List(a.Namespace, labels.Everything()) {
			if s.Annotations[corev1.ServiceAccountNameKey] == a.Name {
				c.loop.Add(client.KeyOf(s))
			}
		}
	}
	c.known.Handle(client.Handler[*corev1.ServiceAccount]{Add: wake, Delete: wake})
	return c
}

// Run fills secrets until ctx ends.
func (c *Controller) Run(ctx context.Context) error {
	if err := reconcile.WaitFor(ctx, c.view.Synced(), c.known.Synced()); err != nil {
		return fmt.Errorf("%s: %w", component, err)
	}
	c.loop.Run(ctx, 1)
	return nil
}

func (c *Controller) sync(ctx context.Context, key client.Key) error {
	secret, ok := c.view.Get(key.Namespace, key.Name)
	if !ok || secret.DeletionTimestamp != nil || secret.Type != corev1.SecretTypeServiceAccountToken {
		return nil
	}
	account, err := c.account(ctx, secret)
	if err != nil {
		return err
	}
	if account == nil {
		err := c.secrets.Delete(ctx, secret.Namespace, secret.Name, metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(secret.UID))})
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			return fmt.Errorf("delete secret %s: its service account is gone: %w", key, err)
		}
		return nil
	}
	next, err := c.filled(secret, account)
	if err != nil || next == nil {
		return err
	}
	if _, err := c.secrets.Update(ctx, next); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("fill secret %s: %w", key, err)
	}
	return nil
}

// account returns the one that the secret names, or nil when it is gone. The
// view may be behind, so the server has the last word.
func (c *Controller) account(ctx context.Context, secret *corev1.Secret) (*corev1.ServiceAccount, error) {
	name, uid := secret.Annotations[corev1.ServiceAccountNameKey], secret.Annotations[corev1.ServiceAccountUIDKey]
	same := func(a *corev1.ServiceAccount) bool { return uid == "" || string(a.UID) == uid }
	if a, ok := c.known.Get(secret.Namespace, name); ok && same(a) {
		return a, nil
	}
	a, err := c.accounts.Get(ctx, secret.Namespace, name)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("get service account %s/%s: %w", secret.Namespace, name, err)
	case !same(a):
		return nil, nil
	}
	return a, nil
}

// filled returns the secret with what it lacks, or nil when it lacks nothing.
func (c *Controller) filled(secret *corev1.Secret, account *corev1.ServiceAccount) (*corev1.Secret, error) {
	next := secret.DeepCopy()
	if next.Data == nil {
		next.Data = map[string][]byte{}
	}
	changed := false
	set := func(key string, value []byte) {
		if string(next.Data[key]) != string(value) {
			next.Data[key], changed = value, true
		}
	}
	if len(c.rootCA) > 0 {
		set(corev1.ServiceAccountRootCAKey, c.rootCA)
	}
	set(corev1.ServiceAccountNamespaceKey, []byte(secret.Namespace))
	if len(next.Data[corev1.ServiceAccountTokenKey]) == 0 {
		token, err := c.issue(account, secret.Name)
		if err != nil {
			return nil, err
		}
		set(corev1.ServiceAccountTokenKey, []byte(token))
	}
	if next.Annotations[corev1.ServiceAccountUIDKey] != string(account.UID) {
		next.Annotations[corev1.ServiceAccountUIDKey], changed = string(account.UID), true
	}
	if !changed {
		return nil, nil
	}
	return next, nil
}
