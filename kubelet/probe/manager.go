package probe

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"minke/kubelet/spec"
)

// Kind is one of the three probes of a container.
type Kind int

// The probes of a container.
const (
	Startup Kind = iota
	Liveness
	Readiness
)

func (k Kind) String() string { return [...]string{"Startup", "Liveness", "Readiness"}[k] }

// of returns the container's probe of that kind, or nil.
func (k Kind) of(c *corev1.Container) *corev1.Probe {
	return [...]*corev1.Probe{c.StartupProbe, c.LivenessProbe, c.ReadinessProbe}[k]
}

// Manager runs one worker for each probe of each running container.
type Manager struct {
	Prober *Prober
	// Changed is called when an answer changed; it must not block.
	Changed func(uid types.UID)
	// Record takes the Unhealthy events.
	Record func(pod *corev1.Pod, container, reason, message string)

	slots chan struct{}
	ctx   context.Context
	wg    sync.WaitGroup

	mu         sync.Mutex // guards containers
	containers map[string]*container
}

// container is one running container, by its ID.
type container struct {
	uid     types.UID
	cancel  [3]context.CancelFunc
	result  [3]Result
	started chan struct{} // closed when the startup probe has succeeded
}

// Result of a probe so far.
type Result int

// The results of a probe.
const (
	Unknown Result = iota
	Success
	Failure
)

// NewManager returns a manager whose workers end with ctx and which does at
// most limit probes at one time.
func NewManager(ctx context.Context, prober *Prober, limit int) *Manager {
	return &Manager{Prober: prober, ctx: ctx, slots: make(chan struct{}, limit), containers: map[string]*container{}}
}

// Running is one container that runs, as the pod's worker sees it.
type Running struct {
	Name, ID  string
	StartedAt time.Time
	// WasReady and WasStarted are what the API says of this very container: a
	// kubelet that comes back must not make a ready pod unready.
	WasReady, WasStarted bool
	// Adopted containers were started by an earlier kubelet; their probes are
	// spread over a period instead of all beginning now.
	Adopted bool
}

// Sync starts the workers of containers that run and ends those of others.
func (m *Manager) Sync(pod *corev1.Pod, podIP string, running []Running) {
	m.mu.Lock()
	defer m.mu.Unlock()
	alive := map[string]bool{}
	for _, r := range running {
		alive[r.ID] = true
		if m.containers[r.ID] == nil {
			m.start(pod, podIP, r)
		}
	}
	for id, c := range m.containers {
		if c.uid == pod.UID && !alive[id] {
			c.stop(Startup, Liveness, Readiness)
			delete(m.containers, id)
		}
	}
}

func (m *Manager) start(pod *corev1.Pod, podIP string, r Running) {
	spec := spec.FindContainer(pod, r.Name)
	if spec == nil {
		return
	}
	c := &container{uid: pod.UID, started: make(chan struct{})}
	m.containers[r.ID] = c
	c.result[Liveness] = Success
	if spec.StartupProbe == nil || r.WasStarted {
		c.result[Startup] = Success
		close(c.started)
	}
	switch {
	case spec.ReadinessProbe == nil:
		c.result[Readiness] = Success
	case r.WasReady:
		c.result[Readiness] = Success
	default:
		c.result[Readiness] = Failure
	}
	for _, kind := range []Kind{Startup, Liveness, Readiness} {
		p := kind.of(spec)
		if p == nil || kind == Startup && c.result[Startup] == Success {
			continue
		}
		ctx, cancel := context.WithCancel(m.ctx)
		c.cancel[kind] = cancel
		w := &worker{Manager: m, c: c, kind: kind, spec: p, pod: pod, running: r,
			target: Target{PodIP: podIP, Container: spec, ContainerID: r.ID}}
		m.wg.Add(1)
		go w.run(ctx)
	}
}

func (c *container) stop(kinds ...Kind) {
	for _, k := range kinds {
		if c.cancel[k] != nil {
			c.cancel[k]()
		}
	}
}

// Terminate ends all probes of the pod that could restart a container.
// Readiness goes on until its container ends.
func (m *Manager) Terminate(uid types.UID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.containers {
		if c.uid == uid {
			c.stop(Startup, Liveness)
		}
	}
}

// Forget ends all probes of the pod.
func (m *Manager) Forget(uid types.UID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, c := range m.containers {
		if c.uid == uid {
			c.stop(Startup, Liveness, Readiness)
			delete(m.containers, id)
		}
	}
}

// Wait returns when all workers have ended; the manager's context must have.
func (m *Manager) Wait() { m.wg.Wait() }

// Result returns what is known of a container's probe. A container without
// workers counts as started and alive, and not as ready.
func (m *Manager) Result(id string, kind Kind) Result {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.containers[id]
	if c == nil {
		return Unknown
	}
	return c.result[kind]
}

func (m *Manager) set(c *container, kind Kind, r Result) {
	m.mu.Lock()
	changed := c.result[kind] != r
	c.result[kind] = r
	if kind == Startup && r == Success && changed {
		close(c.started)
	}
	m.mu.Unlock()
	if changed {
		m.Changed(c.uid)
	}
}

type worker struct {
	*Manager
	c       *container
	kind    Kind
	spec    *corev1.Probe
	pod     *corev1.Pod
	target  Target
	running Running
}

// run repeats the probe: the first time when the container has started and its
// initial delay is over, without any jitter.
func (w *worker) run(ctx context.Context) {
	defer w.wg.Done()
	period := time.Duration(w.spec.PeriodSeconds) * time.Second
	if period <= 0 {
		period = 10 * time.Second
	}
	delay := time.Until(w.running.StartedAt.Add(time.Duration(w.spec.InitialDelaySeconds) * time.Second))
	switch {
	case w.running.Adopted:
		delay = max(delay, rand.N(period))
	case w.kind == Liveness:
		// A process that has not had the time to listen is not dead.
		delay = max(delay, min(period, firstLiveness))
	}
	if !sleep(ctx, delay) {
		return
	}
	if w.kind != Startup {
		select {
		case <-w.c.started:
		case <-ctx.Done():
			return
		}
	}
	w.repeat(ctx, period)
}

// firstLiveness is the least time from a container's start to its first
// liveness probe.
const firstLiveness = time.Second

// firstRetry is how soon a probe that has not succeeded yet is tried again.
const firstRetry = 25 * time.Millisecond

// repeat probes each period. Until its first success a startup or readiness
// probe is tried in between too, at growing distances that end at the period,
// so that a container that needs a moment to listen is ready in a moment. Such
// a try in between counts only when it succeeds.
func (w *worker) repeat(ctx context.Context, period time.Duration) {
	tick := time.NewTicker(period)
	defer tick.Stop()
	count := counter{failures: max(w.spec.FailureThreshold, 1), successes: max(w.spec.SuccessThreshold, 1)}
	between := time.NewTimer(firstRetry)
	defer between.Stop()
	eager := w.kind != Liveness && w.Result(w.running.ID, w.kind) != Success
	regular := !eager
	for distance := firstRetry; ; {
		answer, ok := w.ask(ctx)
		if !ok {
			return
		}
		eager = eager && !answer.OK && distance < period
		if (regular || answer.OK) && w.judge(answer, &count, eager) {
			return
		}
		if eager {
			between.Reset(distance)
			distance *= 2
		} else {
			between.Stop()
		}
		select {
		case <-tick.C:
			regular = true
		case <-between.C:
			regular = false
		case <-ctx.Done():
			return
		}
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// ask probes once when there is room for it; ok is false when ctx has ended.
func (w *worker) ask(ctx context.Context) (a Answer, ok bool) {
	select {
	case w.slots <- struct{}{}:
	case <-ctx.Done():
		return Answer{}, false
	}
	a = w.Prober.Do(ctx, w.spec, w.target)
	<-w.slots
	return a, ctx.Err() == nil
}

// judge counts an answer and tells whether the worker's task is over: a startup
// probe that succeeded, or a probe whose failure ends the container. A failure
// that is about to be tried again is not reported.
func (w *worker) judge(a Answer, count *counter, again bool) bool {
	if !again {
		w.report(a)
	}
	result, decided := count.add(a.OK)
	if !decided {
		return false
	}
	w.set(w.c, w.kind, result)
	return w.kind == Startup || w.kind == Liveness && result == Failure
}

func (w *worker) report(a Answer) {
	if a.OK || w.Record == nil {
		return
	}
	if a.Err != nil {
		w.Record(w.pod, w.running.Name, "Unhealthy", fmt.Sprintf("%s probe errored and resulted in unknown state: %v", w.kind, a.Err))
		return
	}
	w.Record(w.pod, w.running.Name, "Unhealthy", fmt.Sprintf("%s probe failed: %s", w.kind, a.Output))
}

// counter decides a result after so many equal answers in a row.
type counter struct {
	failures, successes int32
	last                bool
	run                 int32
}

func (c *counter) add(ok bool) (Result, bool) {
	if c.last == ok && c.run > 0 {
		c.run++
	} else {
		c.last, c.run = ok, 1
	}
	if ok {
		return Success, c.run >= c.successes
	}
	return Failure, c.run >= c.failures
}
