package objects

import (
	"context"
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"minke/client"
)

// All follows every object of a kind that the node may read, from the first time
// that a pod refers to one: which of them a pod means may be for a selector to say.
type All[T client.Object] struct {
	informers *client.Informers
	view      client.Informer[T]
	ctx       context.Context

	// mu guards what follows.
	mu      sync.Mutex
	started bool
	owners  map[types.UID]bool
}

// NewAll returns what follows nothing yet; ctx ends it. changed is called for each
// pod that refers to the kind when an object comes, changes or goes; with of, for
// the pod alone that the object belongs to. It must not block.
func NewAll[T client.Object](ctx context.Context, api client.Interface, kind client.Kind[T], of func(T) types.UID, changed func(owner types.UID), options ...client.InformerOption) *All[T] {
	a := &All[T]{informers: client.NewInformers(api), ctx: ctx, owners: map[types.UID]bool{}}
	a.view = client.InformerOf(a.informers, kind, options...)
	tell := func(obj T) {
		if of != nil {
			changed(of(obj))
			return
		}
		a.mu.Lock()
		owners := make([]types.UID, 0, len(a.owners))
		for owner := range a.owners {
			owners = append(owners, owner)
		}
		a.mu.Unlock()
		for _, owner := range owners {
			changed(owner)
		}
	}
	a.view.Handle(client.Handler[T]{Add: tell, Update: func(_, obj T) { tell(obj) }, Delete: tell})
	return a
}

// View returns all objects for the pod owner, which from then on is told of
// changes. It waits for the first answer of the API server.
func (a *All[T]) View(ctx context.Context, owner types.UID) (client.Informer[T], error) {
	a.mu.Lock()
	a.owners[owner] = true
	if !a.started {
		a.started = true
		a.informers.Start(a.ctx)
	}
	a.mu.Unlock()
	select {
	case <-a.view.Synced():
		return a.view, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("not yet read: %w", ctx.Err())
	case <-a.ctx.Done():
		return nil, a.ctx.Err()
	}
}

// Forget drops the references of owner.
func (a *All[T]) Forget(owner types.UID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.owners, owner)
}
