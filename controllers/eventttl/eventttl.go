// Package eventttl deletes Events some time after they were last written, as
// kube-apiserver lets etcd do (--event-ttl): nobody else ever does.
package eventttl

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/client"
)

// DefaultTTL is kube-apiserver's.
const DefaultTTL = time.Hour

// Controller deletes old Events.
type Controller struct {
	api client.Interface
	ttl time.Duration
	log *slog.Logger
}

// New returns the controller, which reads no Event before one can be old. A ttl
// of zero keeps all Events.
func New(api client.Interface, ttl time.Duration) *Controller {
	return &Controller{api: api, ttl: ttl, log: slog.Default().With("part", "controllers", "controller", "event-ttl")}
}

// Run deletes until ctx ends. It looks twelve times in an Event's life: that
// costs a walk over what is in memory anyway, and no Event needs a timer.
func (c *Controller) Run(ctx context.Context) error {
	if c.ttl <= 0 {
		return nil
	}
	tick := time.NewTicker(max(c.ttl/12, time.Second))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := c.sweep(ctx); err != nil && ctx.Err() == nil {
			c.log.Warn("old events cannot be deleted", "err", err)
		}
	}
}

// sweep deletes what is old now.
func (c *Controller) sweep(ctx context.Context) error {
	all, _, err := client.ListAny(ctx, c.api, client.Events.Resource, "", metav1.ListOptions{ResourceVersion: "0"})
	if err != nil {
		return fmt.Errorf("list events: %w", err)
	}
	before := time.Now().Add(-c.ttl)
	events := client.Of(c.api, client.Events)
	for _, e := range all {
		if !written(e).Before(before) {
			continue
		}
		// One that was written again meanwhile lives on.
		uid, version := e.GetUID(), e.GetResourceVersion()
		err := events.Delete(ctx, e.GetNamespace(), e.GetName(), metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid, ResourceVersion: &version}})
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			return fmt.Errorf("delete event %s: %w", client.KeyOf(e), err)
		}
	}
	return nil
}

// written tells when the server last stored the event. What the event itself
// says may be any time.
func written(e client.Object) time.Time {
	at := e.GetCreationTimestamp().Time
	for _, f := range e.GetManagedFields() {
		if f.Time != nil && f.Time.After(at) {
			at = f.Time.Time
		}
	}
	return at
}
