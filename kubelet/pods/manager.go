// Package pods brings the node's pods to life and to their end. Each pod has a
// worker that runs while the pod has work: kicked by changes of the pod in the
// API, of its containers in the runtime, of its probes' answers and of the
// objects it refers to. A worker compares what the pod wants with what the
// runtime lists, takes the next steps, and publishes the status; it keeps
// nothing that a kubelet killed at any line would miss.
package pods

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"minke/kubelet/cgroup"
	"minke/kubelet/cri"
	"minke/kubelet/image"
	"minke/kubelet/keyed"
	"minke/kubelet/probe"
	"minke/kubelet/spec"
	"minke/kubelet/status"
	"minke/kubelet/volume"
	"minke/tracing"
)

// Recorder takes events about a pod, or about one of its containers.
type Recorder interface {
	Record(pod *corev1.Pod, container, kind, reason, message string)
}

// Config is what the workers work with.
type Config struct {
	Runtime cri.Runtime
	// RuntimeName is the scheme of container IDs.
	RuntimeName string
	Puller      *image.Puller
	Spec        *spec.Builder
	Volumes     *volume.Manager
	Cgroups     cgroup.Tree
	Probes      *probe.Manager
	Status      *status.Manager
	Recorder    Recorder
	// Secret reads a pull secret.
	Secret func(ctx context.Context, pod *corev1.Pod, name string) (*corev1.Secret, error)
	// Handler returns the runtime handler of a RuntimeClass.
	Handler func(ctx context.Context, class string) (string, error)
	// Forget drops what is kept for the pod elsewhere.
	Forget func(uid types.UID)
	// Node returns the node as the API has it, or nil.
	Node func() *corev1.Node
	// ContainerLogs holds the links that log collectors follow, as
	// /var/log/containers; empty for none.
	ContainerLogs string
	// Tracer makes a span of each step; nil for none.
	Tracer *tracing.Tracer
}

// Manager owns the workers.
type Manager struct {
	Config
	runs    *keyed.Runner[types.UID]
	log     *slog.Logger
	backoff image.Backoff
	// began is when this kubelet started: containers older than that are adopted.
	began time.Time
	ctx   context.Context
	kills sync.WaitGroup
	// admission is held from a pod's check to its being counted.
	admission sync.Mutex

	mu      sync.Mutex // guards workers, and the marked fields of each
	workers map[types.UID]*worker
}

// New returns a manager without workers.
func New(ctx context.Context, c Config) *Manager {
	m := &Manager{Config: c, ctx: ctx, workers: map[types.UID]*worker{}, began: time.Now(),
		log:     slog.Default().With("part", "kubelet"),
		backoff: image.Backoff{First: 10 * time.Second, Max: 300 * time.Second}}
	m.runs = keyed.New(m.step)
	return m
}

// Update tells of a pod that exists in the API.
func (m *Manager) Update(pod *corev1.Pod) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := m.workers[pod.UID]
	if w == nil {
		w = newWorker(pod)
		m.workers[pod.UID] = w
	} else if w.pod != pod && onlyOwnStatus(w.pod, pod) {
		w.pod = pod
		return // what the kubelet wrote itself is no news
	}
	w.pod = pod
	if pod.DeletionTimestamp != nil {
		w.interrupt()
	}
	m.runs.Kick(pod.UID)
}

// onlyOwnStatus tells whether the two differ in nothing but what the kubelet
// itself writes.
func onlyOwnStatus(a, b *corev1.Pod) bool {
	if a.Generation != b.Generation || (a.DeletionTimestamp == nil) != (b.DeletionTimestamp == nil) ||
		!equality.Semantic.DeepEqual(a.DeletionGracePeriodSeconds, b.DeletionGracePeriodSeconds) ||
		!maps.Equal(a.Labels, b.Labels) || !maps.Equal(a.Annotations, b.Annotations) {
		return false
	}
	if a.Generation == 0 && !equality.Semantic.DeepEqual(a.Spec, b.Spec) {
		return false
	}
	return equality.Semantic.DeepEqual(status.Foreign(a), status.Foreign(b))
}

// Delete tells of a pod that is gone from the API.
func (m *Manager) Delete(pod *corev1.Pod) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := m.workers[pod.UID]
	if w == nil {
		return
	}
	w.gone = true
	w.interrupt()
	m.runs.Kick(pod.UID)
}

// Kick makes the pod's worker look again.
func (m *Manager) Kick(uid types.UID) { m.runs.Kick(uid) }

// Evict ends the pod with what o says.
func (m *Manager) Evict(uid types.UID, o status.Override, grace int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if w := m.workers[uid]; w != nil && w.evict == nil {
		w.evict, w.evictGrace = &o, grace
		w.interrupt()
		m.runs.Kick(uid)
	}
}

// Start lets the workers work until ctx ends. All pods of the node must be
// known by then: what the runtime runs of others is ended.
func (m *Manager) Start(ctx context.Context) error {
	if err := m.adoptOrphans(ctx); err != nil {
		return err
	}
	m.runs.Start(ctx)
	return nil
}

// Stop waits for the workers, whose context must have ended.
func (m *Manager) Stop() {
	m.runs.Stop()
	m.kills.Wait()
}

// Pods returns the pods that the API has, in no order.
func (m *Manager) Pods() []*corev1.Pod {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []*corev1.Pod
	for _, w := range m.workers {
		if !w.gone {
			out = append(out, w.pod)
		}
	}
	return out
}

// active returns the admitted pods that may still use the node's resources,
// without the one called except.
func (m *Manager) active(except types.UID) []*corev1.Pod {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []*corev1.Pod
	for uid, w := range m.workers {
		if uid != except && w.admitted && w.stage != terminated {
			out = append(out, w.pod)
		}
	}
	return out
}

func (m *Manager) event(pod *corev1.Pod, container, kind, reason, message string) {
	if m.Recorder != nil {
		m.Recorder.Record(pod, container, kind, reason, message)
	}
}
