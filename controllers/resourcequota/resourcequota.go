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
	"k8s.io/apimachinery/pkg/api/resource"

	"minke/client"
	"minke/client/reconcile"
	"minke/controllers/podcontrol"
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
	quotas client.Resource[*corev1.ResourceQuota]
	view   client.Informer[*corev1.ResourceQuota]
	pods   client.Informer[*corev1.Pod]
	// counted are the informers of all that can be counted, by the name in
	// "count/<name>".
	counted map[corev1.ResourceName]client.Informer[client.Object]
	loop    *reconcile.Loop
}

// New returns the controller; resources are what can be counted.
func New(api client.Interface, informers *client.Informers, resources []client.APIResource) *Controller {
	c := &Controller{
		quotas: client.Of(api, client.ResourceQuotas), view: client.InformerOf(informers, client.ResourceQuotas),
		pods: client.InformerOf(informers, client.Pods), counted: map[corev1.ResourceName]client.Informer[client.Object]{},
	}
	c.loop = reconcile.New(component, reconcile.Options{LastDelay: time.Minute}, c.sync)
	c.view.Handle(client.Handler[*corev1.ResourceQuota]{
		Add:    func(q *corev1.ResourceQuota) { c.loop.Add(client.KeyOf(q)) },
		Update: func(old, q *corev1.ResourceQuota) { c.loop.AddAfter(client.KeyOf(q), delay(old, q)) },
	})
	c.pods.Handle(client.Handler[*corev1.Pod]{Update: func(old, pod *corev1.Pod) {
		if podcontrol.Finished(old) != podcontrol.Finished(pod) || !equality.Semantic.DeepEqual(old.Spec.Containers, pod.Spec.Containers) {
			c.wake(pod.Namespace, 0)
		}
	}})
	for _, r := range resources {
		if r.Cluster || r.Kind == client.Events.Kind || r.Kind == client.Leases.Kind {
			continue
		}
		view := client.InformerOf(informers, client.Kind[client.Object]{Resource: r.Resource})
		c.counted[corev1.ResourceName("count/"+r.Resource.GroupResource().String())] = view
		view.Handle(client.Handler[client.Object]{
			Add:    func(obj client.Object) { c.wake(obj.GetNamespace(), settle) },
			Delete: func(obj client.Object) { c.wake(obj.GetNamespace(), 0) },
		})
	}
	return c
}

// Run recounts until ctx ends.
func (c *Controller) Run(ctx context.Context) error {
	synced := []<-chan struct{}{c.view.Synced(), c.pods.Synced()}
	for _, view := range c.counted {
		synced = append(synced, view.Synced())
	}
	if err := reconcile.WaitFor(ctx, synced...); err != nil {
		return fmt.Errorf("%s: %w", component, err)
	}
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

func (c *Controller) wake(namespace string, after time.Duration) {
	for _, q := range c.view.List(namespace, nil) {
		c.loop.AddAfter(client.KeyOf(q), after)
	}
}

func (c *Controller) sync(ctx context.Context, key client.Key) error {
	quota, ok := c.view.Get(key.Namespace, key.Name)
	if !ok || quota.DeletionTimestamp != nil {
		return nil
	}
	c.loop.AddAfter(key, resync)
	status := corev1.ResourceQuotaStatus{Hard: corev1.ResourceList{}, Used: corev1.ResourceList{}}
	used := c.usage(quota)
	for name, hard := range quota.Spec.Hard {
		status.Hard[name] = hard.DeepCopy()
		if n, ok := used[name]; ok {
			status.Used[name] = n
		} else if known, ok := quota.Status.Used[name]; ok {
			// Not ours to count: admission keeps it.
			status.Used[name] = known
		} else {
			status.Used[name] = *resource.NewQuantity(0, resource.DecimalSI)
		}
	}
	if equality.Semantic.DeepEqual(status, quota.Status) {
		return nil
	}
	next := quota.DeepCopy()
	next.Status = status
	if _, err := c.quotas.UpdateStatus(ctx, next); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("write status of quota %s: %w", key, err)
	}
	return nil
}
