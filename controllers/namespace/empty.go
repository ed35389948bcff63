package namespace

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/client"
)

// pause bounds how long a namespace waits until what remains in it is looked
// for again: nothing tells of objects that lose their finalizers.
const pause = 15 * time.Second

// report is what emptying a namespace came to.
type report struct {
	discovery []error
	failures  []error
	// remaining and finalizers count what is still there, by resource and by
	// finalizer.
	remaining, finalizers map[string]int
	// onlyPods tells that nothing but pods was touched, because they go first.
	onlyPods bool
}

// empty deletes what is in the namespace, pods first: they may need the rest,
// such as network policies, until they have stopped (KEP-5080).
func (c *Controller) empty(ctx context.Context, namespace string) report {
	r := report{remaining: map[string]int{}, finalizers: map[string]int{}}
	resources, err := c.resources(ctx)
	if err != nil {
		r.discovery = append(r.discovery, discoveryFailure(err))
	}
	c.emptyOf(ctx, &r, client.APIResource{Resource: client.Pods.Resource}, namespace)
	if r.remaining[client.Pods.Resource.GroupResource().String()] > 0 && len(r.failures) == 0 {
		r.onlyPods = true
		return r
	}
	for _, resource := range resources {
		if !resource.Cluster && resource.Resource != client.Pods.Resource && !client.Undiscovered(err, resource.Resource.GroupVersion()) {
			c.emptyOf(ctx, &r, resource, namespace)
		}
	}
	return r
}

// patience bounds what is done about one resource of another API server, which may
// not answer.
const patience = 15 * time.Second

// discoveryFailure words, as Kubernetes does, that not everything could be found.
func discoveryFailure(err error) error {
	var failed *client.DiscoveryError
	if errors.As(err, &failed) {
		//lint:ignore ST1005 the condition shows it as it is
		return fmt.Errorf("Discovery failed for some groups, %d failing: %w", len(failed.Groups), err)
	}
	return fmt.Errorf("list resources: %w", err)
}

func (c *Controller) emptyOf(ctx context.Context, r *report, of client.APIResource, namespace string) {
	api, resource := of.Reach(c.api), of.Resource
	if of.Elsewhere {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	objs, _, err := client.ListAny(ctx, api, resource, namespace, metav1.ListOptions{})
	switch {
	case apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err):
		// A kind that went away meanwhile, or that cannot be listed.
		return
	case err != nil:
		r.failures = append(r.failures, fmt.Errorf("list %s: %w", resource.Resource, err))
		return
	case len(objs) == 0:
		return
	}
	background := metav1.DeletePropagationBackground
	for _, obj := range objs {
		if obj.GetDeletionTimestamp() == nil {
			uid := obj.GetUID()
			_, err := api.Do(ctx, client.Request{
				Verb: "delete", Resource: resource, Namespace: namespace, Name: obj.GetName(),
				Delete: metav1.DeleteOptions{PropagationPolicy: &background, Preconditions: &metav1.Preconditions{UID: &uid}},
			})
			if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsMethodNotSupported(err) {
				r.failures = append(r.failures, fmt.Errorf("delete %s %s: %w", resource.Resource, obj.GetName(), err))
			}
		}
	}
	left, _, err := client.ListAny(ctx, api, resource, namespace, metav1.ListOptions{})
	if err != nil {
		r.failures = append(r.failures, fmt.Errorf("list %s: %w", resource.Resource, err))
	}
	for _, obj := range left {
		r.remaining[resource.GroupResource().String()]++
		for _, f := range obj.GetFinalizers() {
			r.finalizers[f]++
		}
	}
}
