package garbagecollector

import (
	"context"
	"time"

	"minke/client"
)

// patience bounds one request that goes on to another API server: workers are few,
// and a server that hangs must not keep them from the rest.
const patience = 5 * time.Second

func bounded(ctx context.Context, resource client.APIResource) (context.Context, context.CancelFunc) {
	if resource.Elsewhere {
		return context.WithTimeout(ctx, patience)
	}
	return ctx, func() {}
}

// read gets one object from whoever holds it.
func (c *Controller) read(ctx context.Context, resource client.APIResource, key client.Key) (client.Object, error) {
	ctx, cancel := bounded(ctx, resource)
	defer cancel()
	return client.GetAny(ctx, resource.Reach(c.api), resource.Resource, key.Namespace, key.Name)
}
