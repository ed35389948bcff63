package kubelet

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"minke/kubelet/cri"
)

const (
	// relistPeriod is the safety net under the runtime's events, pollPeriod
	// takes the place of events where a runtime has none.
	relistPeriod = time.Minute
	pollPeriod   = time.Second
	eventBuffer  = 4096
)

// followRuntime kicks the workers of pods whose containers changed.
func (k *Kubelet) followRuntime(ctx context.Context) {
	source, ok := k.Runtime.(cri.Subscriber)
	if !ok {
		k.poll(ctx)
		return
	}
	for ctx.Err() == nil {
		k.followEvents(ctx, source.Events(ctx, eventBuffer))
	}
}

// followEvents reads one subscription to its end, and looks at everything when
// it begins: what came before it was not told.
func (k *Kubelet) followEvents(ctx context.Context, events <-chan *runtimeapi.ContainerEventResponse) {
	k.kickAll()
	k.settleEnds(ctx)
	relist := time.NewTicker(relistPeriod)
	defer relist.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-relist.C:
			k.kickAll()
			k.settleEnds(ctx)
		case e, ok := <-events:
			if !ok {
				return
			}
			k.event(ctx, e)
		}
	}
}

func (k *Kubelet) event(ctx context.Context, e *runtimeapi.ContainerEventResponse) {
	if e.ContainerEventType == runtimeapi.ContainerEventType_CONTAINER_STOPPED_EVENT || e.ContainerEventType == runtimeapi.ContainerEventType_CONTAINER_DELETED_EVENT {
		k.ends.close(e.ContainerId)
	}
	uid := e.GetPodSandboxStatus().GetMetadata().GetUid()
	for _, c := range e.ContainersStatuses {
		if uid == "" {
			uid = c.Labels[cri.LabelPodUID]
		}
	}
	if uid == "" {
		answer, err := k.Runtime.ContainerStatus(ctx, &runtimeapi.ContainerStatusRequest{ContainerId: e.ContainerId})
		if err != nil {
			k.kickAll() // whose it was cannot be asked any more
			return
		}
		uid = answer.Status.Labels[cri.LabelPodUID]
	}
	k.pods.Kick(types.UID(uid))
}

func (k *Kubelet) kickAll() {
	for _, pod := range k.pods.Pods() {
		k.pods.Kick(pod.UID)
	}
}

// settleEnds tells of the ends that no event told: those between two
// subscriptions, and those of before somebody asked for them.
func (k *Kubelet) settleEnds(ctx context.Context) {
	for _, id := range k.ends.awaited() {
		answer, err := k.Runtime.ContainerStatus(ctx, &runtimeapi.ContainerStatusRequest{ContainerId: id})
		if cri.IsNotFound(err) || err == nil && answer.GetStatus().GetState() == runtimeapi.ContainerState_CONTAINER_EXITED {
			k.ends.close(id)
		}
	}
}

// poll compares the runtime's lists, for runtimes that tell of nothing.
func (k *Kubelet) poll(ctx context.Context) {
	last := map[string]runtimeapi.ContainerState{}
	tick := time.NewTicker(pollPeriod)
	defer tick.Stop()
	for {
		answer, err := k.Runtime.ListContainers(ctx, &runtimeapi.ListContainersRequest{})
		if err != nil {
			k.log.Warn("list containers", "err", err)
		} else {
			last = k.compare(last, answer.Containers)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (k *Kubelet) compare(last map[string]runtimeapi.ContainerState, list []*runtimeapi.Container) map[string]runtimeapi.ContainerState {
	next := make(map[string]runtimeapi.ContainerState, len(list))
	for _, c := range list {
		next[c.Id] = c.State
		if before, known := last[c.Id]; known && before == c.State {
			continue
		}
		if c.State == runtimeapi.ContainerState_CONTAINER_EXITED {
			k.ends.close(c.Id)
		}
		k.pods.Kick(types.UID(c.Labels[cri.LabelPodUID]))
	}
	for id := range last {
		if _, still := next[id]; !still {
			k.ends.close(id)
		}
	}
	return next
}

// ends tells readers of logs when a container has ended.
type ends struct {
	mu      sync.Mutex // guards waiting
	waiting map[string]chan struct{}
}

func (e *ends) of(id string) <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.waiting == nil {
		e.waiting = map[string]chan struct{}{}
	}
	c := e.waiting[id]
	if c == nil {
		c = make(chan struct{})
		e.waiting[id] = c
	}
	return c
}

func (e *ends) awaited() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Collect(maps.Keys(e.waiting))
}

func (e *ends) close(id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if c := e.waiting[id]; c != nil {
		close(c)
		delete(e.waiting, id)
	}
}
