// Package eviction ends pods before the node runs out of what it cannot share:
// memory, disk, inodes. It looks at the node every ten seconds, ranks the pods
// by what they use beyond their requests, and ends at most one at a time. It
// also ends the pods that store more than their limits let them.
package eviction

import (
	"context"
	"fmt"
	"log/slog"
	"sort"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/types"
	resourcehelper "k8s.io/component-helpers/resource"
	"minke/kubelet/status"
)

const (
	period = 10 * time.Second
	// calm is how long a pressure shows after its cause is gone, so that it
	// does not flap.
	calm = 5 * time.Minute
)

// Signal is one figure of the node.
type Signal struct {
	Name string
	// Resource is what the signal speaks of, Condition the node's condition.
	Resource  corev1.ResourceName
	Condition corev1.NodeConditionType
	// Available and Capacity are in bytes or inodes; Least is the threshold.
	Available, Capacity, Least int64
}

// Config is what the manager works with.
type Config struct {
	// Signals reads the node's figures.
	Signals func() ([]Signal, error)
	Pods    func() []*corev1.Pod
	// Usage returns how much of the resource each pod uses, in bytes.
	Usage func(ctx context.Context, resource corev1.ResourceName) (map[types.UID]int64, error)
	// Disk returns what one pod uses of the disk.
	Disk func(ctx context.Context, pod *corev1.Pod) (Disk, error)
	// Evict ends a pod; Changed tells that the conditions did.
	Evict   func(uid types.UID, o status.Override, grace int64)
	Event   func(pod *corev1.Pod, reason, message string)
	Reclaim func(ctx context.Context) error
	Changed func()
	Now     func() time.Time
}

// Manager watches the node's figures.
type Manager struct {
	Config
	log   *slog.Logger
	next  time.Time                                   // when limits are looked at again at the earliest
	state chan map[corev1.NodeConditionType]time.Time // holds the one map, taken to use it
}

// New returns a manager.
func New(c Config) *Manager {
	m := &Manager{Config: c, log: slog.Default().With("part", "kubelet", "of", "eviction"), state: make(chan map[corev1.NodeConditionType]time.Time, 1)}
	m.state <- map[corev1.NodeConditionType]time.Time{}
	return m
}

// Run watches until ctx ends.
func (m *Manager) Run(ctx context.Context) {
	tick := time.NewTicker(period)
	defer tick.Stop()
	for {
		if err := m.look(ctx); err != nil && ctx.Err() == nil {
			m.log.Warn("look at the node's resources", "err", err)
		}
		if err := m.limits(ctx); err != nil && ctx.Err() == nil {
			m.log.Warn("look at what pods store", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// look reads the figures once and acts on the first one that is too low.
func (m *Manager) look(ctx context.Context) error {
	signals, err := m.Signals()
	if err != nil {
		return err
	}
	var low []Signal
	pressed := <-m.state
	before := len(pressed)
	for _, s := range signals {
		if s.Available < s.Least {
			low = append(low, s)
			pressed[s.Condition] = m.Now()
		}
	}
	for c, at := range pressed {
		if m.Now().Sub(at) > calm {
			delete(pressed, c)
		}
	}
	changed := len(pressed) != before
	m.state <- pressed
	if changed {
		m.Changed()
	}
	if len(low) == 0 {
		return nil
	}
	return m.relieve(ctx, low[0])
}

// relieve first frees what nobody uses, then ends one pod.
func (m *Manager) relieve(ctx context.Context, s Signal) error {
	m.log.Warn("the node runs low", "signal", s.Name, "available", s.Available, "threshold", s.Least)
	if s.Resource == corev1.ResourceEphemeralStorage && m.Reclaim != nil {
		if err := m.Reclaim(ctx); err != nil {
			m.log.Warn("free disk", "err", err)
		}
		again, err := m.Signals()
		if err != nil {
			return err
		}
		for _, now := range again {
			if now.Name == s.Name && now.Available >= now.Least {
				return nil
			}
		}
	}
	usage, err := m.Usage(ctx, s.Resource)
	if err != nil {
		return err
	}
	victims := Rank(m.Pods(), usage, s.Resource)
	if len(victims) == 0 {
		return fmt.Errorf("relieve %s: no pod can be evicted", s.Name)
	}
	m.end(victims[0], usage[victims[0].UID], s)
	return nil
}

func (m *Manager) end(pod *corev1.Pod, used int64, s Signal) {
	bytes := func(n int64) string { return resource.NewQuantity(n, resource.BinarySI).String() }
	request := resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{})[s.Resource]
	message := fmt.Sprintf("The node was low on resource: %s. Threshold quantity: %s, available: %s. The pod was using %s, request is %s. ",
		s.Resource, bytes(s.Least), bytes(s.Available), bytes(used), request.String())
	m.Event(pod, "Evicted", message)
	m.Evict(pod.UID, status.Override{Phase: corev1.PodFailed, Reason: "Evicted", Message: message,
		Condition: corev1.PodCondition{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: corev1.PodReasonTerminationByKubelet, Message: message}}, 1)
}

// Rank lists the pods that may be evicted, the first to go first: those that
// use more than they asked for, then by priority, then by how much more.
func Rank(pods []*corev1.Pod, usage map[types.UID]int64, name corev1.ResourceName) []*corev1.Pod {
	type candidate struct {
		pod  *corev1.Pod
		over int64
	}
	var list []candidate
	for _, p := range pods {
		if !endable(p) {
			continue
		}
		request := resourcehelper.PodRequests(p, resourcehelper.PodResourcesOptions{})[name]
		list = append(list, candidate{p, usage[p.UID] - request.Value()})
	}
	sort.SliceStable(list, func(i, j int) bool {
		a, b := list[i], list[j]
		if (a.over > 0) != (b.over > 0) {
			return a.over > 0
		}
		if x, y := priority(a.pod), priority(b.pod); x != y {
			return x < y
		}
		return a.over > b.over
	})
	out := make([]*corev1.Pod, len(list))
	for i, c := range list {
		out[i] = c.pod
	}
	return out
}

// endable tells whether a pod may be evicted: it has not ended yet, and the
// cluster does not depend on it.
func endable(p *corev1.Pod) bool {
	return !status.Terminal(p.Status.Phase) && p.DeletionTimestamp == nil && priority(p) < 2000000000
}

func priority(p *corev1.Pod) int32 {
	if p.Spec.Priority == nil {
		return 0
	}
	return *p.Spec.Priority
}

var texts = map[corev1.NodeConditionType][2]string{
	corev1.NodeMemoryPressure: {"KubeletHasInsufficientMemory", "kubelet has insufficient memory available"},
	corev1.NodeDiskPressure:   {"KubeletHasDiskPressure", "kubelet has disk pressure"},
}

// Conditions are the pressures of now.
func (m *Manager) Conditions() []corev1.NodeCondition {
	pressed := <-m.state
	defer func() { m.state <- pressed }()
	var out []corev1.NodeCondition
	for c := range pressed {
		out = append(out, corev1.NodeCondition{Type: c, Status: corev1.ConditionTrue, Reason: texts[c][0], Message: texts[c][1]})
	}
	return out
}
