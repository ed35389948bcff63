package runtime

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// broadcaster hands events to subscribers.
type broadcaster struct {
	mu   sync.Mutex // guards subs
	subs map[chan *runtimeapi.ContainerEventResponse]struct{}
}

func (b *broadcaster) subscribe(size int) chan *runtimeapi.ContainerEventResponse {
	c := make(chan *runtimeapi.ContainerEventResponse, size)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.subs == nil {
		b.subs = map[chan *runtimeapi.ContainerEventResponse]struct{}{}
	}
	b.subs[c] = struct{}{}
	return c
}

func (b *broadcaster) leave(c chan *runtimeapi.ContainerEventResponse) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.subs[c]; ok {
		delete(b.subs, c)
		close(c)
	}
}

func (b *broadcaster) publish(e *runtimeapi.ContainerEventResponse) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for c := range b.subs {
		select {
		case c <- e:
		default:
			delete(b.subs, c)
			close(c)
		}
	}
}

func (b *broadcaster) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for c := range b.subs {
		delete(b.subs, c)
		close(c)
	}
}

func (b *broadcaster) watched() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.subs) > 0
}

// Events tells of every container's and sandbox's change of state from now on,
// until ctx ends. size bounds what may wait. A subscriber that falls behind
// finds the channel closed while ctx is not done: it has missed something, and
// lists and subscribes again.
func (r *Runtime) Events(ctx context.Context, size int) <-chan *runtimeapi.ContainerEventResponse {
	c := r.events.subscribe(size)
	context.AfterFunc(ctx, func() { r.events.leave(c) })
	return c
}

// GetContainerEvents is Events for CRI clients.
func (r *Runtime) GetContainerEvents(_ *runtimeapi.GetEventsRequest, stream grpc.ServerStreamingServer[runtimeapi.ContainerEventResponse]) error {
	for e := range r.Events(stream.Context(), 1000) {
		if err := stream.Send(e); err != nil {
			return err
		}
	}
	return stream.Context().Err()
}

// changed publishes what happened to a container, or to a sandbox, whose ID
// then stands for its pause container, as clients of CRI know it.
func (r *Runtime) changed(id, sandboxID string, t runtimeapi.ContainerEventType) {
	if !r.events.watched() {
		return
	}
	e := &runtimeapi.ContainerEventResponse{ContainerId: id, ContainerEventType: t, CreatedAt: time.Now().UnixNano()}
	r.mu.RLock()
	if s := r.sandboxes[sandboxID]; s != nil {
		e.PodSandboxStatus = s.status()
		for _, c := range r.containers {
			if c.SandboxID == sandboxID {
				e.ContainersStatuses = append(e.ContainersStatuses, c.status())
			}
		}
	}
	r.mu.RUnlock()
	r.events.publish(e)
}
