// Package resourcequota recounts what each ResourceQuota has used. Admission
// adds what is created; this controller takes off what is gone.
package resourcequota

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/client"
	"minke/client/reconcile"
)

const (
	component = "resourcequota-controller"
	workers   = 4
	// settle is how long a creation may take to show in both the quota and
	// the view, before a recount could mistake it for gone.
	settle = time.Second
	// resync mends what events missed, as Kubernetes' full resync does.
	resync = 5 * time.Minute
)

// Controller recounts.
type Controller struct {
	quotas    client.Resource[*corev1.ResourceQuota]
	view      client.Informer[*corev1.ResourceQuota]
	informers *client.Informers
	loop      *reconcile.Loop
	counted   counted
}

// New returns the controller; resources are what can be counted at first.
func New(api client.Interface, informers *client.Informers, resources []client.APIResource) *Controller {
	c := &Controller{
		quotas: client.Of(api, client.ResourceQuotas), view: client.InformerOf(informers, client.ResourceQuotas),
		informers: informers, counted: counted{kinds: map[schema.GroupVersionResource]*kind{}},
	}
	c.loop = reconcile.New(component, reconcile.Options{LastDelay: time.Minute}, c.sync)
	c.view.Handle(client.Handler[*corev1.ResourceQuota]{
		Add:    func(q *corev1.ResourceQuota) { c.loop.Add(client.KeyOf(q)) },
		Update: func(old, q *corev1.ResourceQuota) { c.loop.AddAfter(client.KeyOf(q), delay(old, q)) },
	})
	c.track(resources)
	return c
}

// Run recounts until ctx ends. It begins when the built-in resources and those that
// weigh were listed; others are counted as soon as they were, and hold up nothing.
func (c *Controller) Run(ctx context.Context) error {
	synced := []<-chan struct{}{c.view.Synced()}
	for _, k := range c.counted.all() {
		if k.first {
			synced = append(synced, k.view.Synced())
		}
	}
	if err := reconcile.WaitFor(ctx, synced...); err != nil {
		return fmt.Errorf("%s: %w", component, err)
	}
	c.await(ctx)
	c.loop.Run(ctx, workers)
	return nil
}

// delay is how long the recount of a changed quota waits. Admission raises the
// usage before the object it is for is stored: a recount at once would miss
// that object and give its share away again.
func delay(old, quota *corev1.ResourceQuota) time.Duration {
	if equality.Semantic.DeepEqual(old.Spec, quota.Spec) && equality.Semantic.DeepEqual(quota.Spec.Hard, quota.Status.Hard) {
		return settle
	}
	return 0
}

// wake recounts the quotas of a namespace; "" means all.
func (c *Controller) wake(namespace string, after time.Duration) {
	for _, q := range c.view.List(namespace, nil) {
		c.loop.AddAfter(client.KeyOf(q), after)
	}
}

func (c *Controller) sync(ctx context.Context, key client.Key) error {
	q, ok := c.view.Get(key.Namespace, key.Name)
	if !ok || q.DeletionTimestamp != nil {
		return nil
	}
	c.loop.AddAfter(key, resync)
	status := corev1.ResourceQuotaStatus{Hard: corev1.ResourceList{}, Used: corev1.ResourceList{}}
	used := c.usage(q)
	for name, hard := range q.Spec.Hard {
		status.Hard[name] = hard.DeepCopy()
		if n, ok := used[name]; ok {
			status.Used[name] = n
		} else if known, ok := q.Status.Used[name]; ok {
			// It cannot be counted now: what is known stays. What nobody ever
			// counted is left out, and admission refuses its use.
			status.Used[name] = known
		}
	}
	if equality.Semantic.DeepEqual(status, q.Status) {
		return nil
	}
	next := q.DeepCopy()
	next.Status = status
	if _, err := c.quotas.UpdateStatus(ctx, next); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("write status of quota %s: %w", key, err)
	}
	return nil
}
