package pods

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"k8s.io/apimachinery/pkg/types"
	"minke/kubelet/cri"
	"minke/kubelet/probe"
	"minke/kubelet/status"
)

// stage of a pod's life on the node. It only moves forward; a kubelet that
// starts again comes to the same stage from the API and the runtime alone.
//
//	           deleted, evicted, past its deadline,
//	           refused, or all containers done
//	syncing ------------------------------------------> terminating
//	(admit, volumes, sandbox, containers)               (preStop, SIGTERM, SIGKILL, sandbox)
//	                                                          |
//	removed <------------- terminated <-----------------------+
//	(files, logs)   gone   (unmounted; the API object is
//	                       deleted if it is marked so)
type stage int

const (
	syncing stage = iota
	terminating
	terminated
)

// worker is one pod's memory.
type worker struct {
	// Guarded by Manager.mu: the newest object, whether the API dropped it,
	// what ends it, and how to interrupt what runs for it.
	pod        *corev1.Pod
	gone       bool
	evict      *status.Override
	evictGrace int64
	cancel     context.CancelFunc
	admitted   bool
	stage      stage

	// Owned by the worker's goroutine.
	override  *status.Override
	kill      *kill
	waiting   map[string]status.Waiting
	postStart map[string]bool
	retries   int
	mountErr  string
	// tracedVersion is the resourceVersion of the pod that was synced last.
	tracedVersion string
}

func newWorker(pod *corev1.Pod) *worker {
	return &worker{pod: pod, waiting: map[string]status.Waiting{}, postStart: map[string]bool{}}
}

// interrupt ends a running sync, so that a pod's end does not wait for its
// image. Manager.mu must be held.
func (w *worker) interrupt() {
	if w.cancel != nil {
		w.cancel()
	}
}

// step does what is next for the pod and returns when it wants to be called
// again at the latest, 0 for not before a kick.
func (m *Manager) step(ctx context.Context, uid types.UID) time.Duration {
	m.mu.Lock()
	w := m.workers[uid]
	if w == nil {
		m.mu.Unlock()
		return 0
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w.cancel = nil
	if w.stage == syncing && w.pod.DeletionTimestamp == nil && !w.gone && w.evict == nil {
		w.cancel = cancel
	}
	pod, gone := w.pod, w.gone
	evictGrace := int64(-1)
	if w.evict != nil && (w.override == nil || w.override == w.evict) {
		w.override, evictGrace = w.evict, w.evictGrace
	}
	m.mu.Unlock()
	j := &job{Manager: m, w: w, api: pod, pod: m.Status.Pod(pod), gone: gone, evictGrace: evictGrace}
	after, err := j.run(ctx)
	if err != nil && ctx.Err() == nil {
		m.log.Warn("sync pod", "pod", pod.Namespace+"/"+pod.Name, "err", err)
		w.retries++
		return min(250*time.Millisecond<<min(w.retries, 6), 10*time.Second)
	}
	if err == nil {
		w.retries = 0
	}
	return after
}

// job is one step of one worker.
type job struct {
	*Manager
	w *worker
	// api is the pod as the API has it, pod the same with the newest status.
	api, pod *corev1.Pod
	gone     bool
	rt       *cri.Pod
	// evictGrace bounds the grace of an evicted pod; -1 when it is not evicted.
	evictGrace int64
}

func (j *job) run(ctx context.Context) (time.Duration, error) {
	rt, err := cri.Inspect(ctx, j.Runtime, string(j.pod.UID))
	if err != nil {
		return 0, err
	}
	j.rt = rt
	if j.w.stage == syncing && !j.admitted() {
		j.enter(terminating)
	}
	if j.w.stage == syncing && j.ended() {
		j.enter(terminating)
	}
	switch j.w.stage {
	case syncing:
		return j.traced(ctx, "syncPod", j.sync, j.updateType())
	case terminating:
		return j.terminate(ctx)
	}
	return j.tidy(ctx)
}

func (j *job) enter(s stage) {
	j.mu.Lock()
	j.w.stage = s
	j.w.cancel = nil
	j.mu.Unlock()
	if s == terminating {
		j.Probes.Terminate(j.pod.UID)
	}
}

// ended tells whether the pod's time on this node is over.
func (j *job) ended() bool {
	if j.gone || j.pod.DeletionTimestamp != nil || j.w.override != nil || status.Terminal(j.pod.Status.Phase) {
		return true
	}
	if left, ok := j.deadline(); ok && left <= 0 {
		message := "Pod was active on the node longer than the specified deadline"
		j.w.override = &status.Override{Phase: corev1.PodFailed, Reason: "DeadlineExceeded", Message: message}
		j.event(j.pod, "", corev1.EventTypeNormal, "DeadlineExceeded", message)
		return true
	}
	return false
}

// deadline returns how long the pod may still be active.
func (j *job) deadline() (time.Duration, bool) {
	limit, start := j.pod.Spec.ActiveDeadlineSeconds, j.pod.Status.StartTime
	if limit == nil || start == nil {
		return 0, false
	}
	return time.Until(start.Add(time.Duration(*limit) * time.Second)), true
}

// publish computes the status from what was last inspected, hands it on, and
// brings the probes in line.
func (j *job) publish(finished bool) corev1.PodStatus {
	j.syncProbes()
	s := status.Generate(status.Input{
		Pod: j.pod, Runtime: j.rt, RuntimeName: j.RuntimeName, HostIPs: j.Spec.NodeIPs,
		Waiting: j.w.waiting, PostStart: j.w.postStart, Probes: j.Probes, Override: j.w.override,
		Finished: finished, Message: j.terminationMessage, Now: time.Now(),
	})
	if !j.gone {
		j.Status.Set(j.api, s)
	}
	next := *j.pod
	next.Status = s
	j.pod = &next
	return s
}

// refresh inspects the runtime again.
func (j *job) refresh(ctx context.Context) error {
	rt, err := cri.Inspect(ctx, j.Runtime, string(j.pod.UID))
	if err != nil {
		return err
	}
	j.rt = rt
	return nil
}

func (j *job) syncProbes() {
	var running []probe.Running
	for _, c := range j.rt.Running() {
		if j.w.postStart[c.Id] {
			continue
		}
		r := probe.Running{Name: c.Metadata.Name, ID: c.Id, StartedAt: time.Unix(0, c.StartedAt)}
		r.Adopted = r.StartedAt.Before(j.began)
		if r.Adopted {
			r.WasReady, r.WasStarted = wasReady(j.pod, c, j.RuntimeName)
		}
		running = append(running, r)
	}
	ip := ""
	if ips := j.podIPs(); len(ips) > 0 {
		ip = ips[0]
	}
	j.Probes.Sync(j.pod, ip, running)
}

func wasReady(pod *corev1.Pod, c *runtimeapi.ContainerStatus, runtimeName string) (ready, started bool) {
	for _, list := range [][]corev1.ContainerStatus{pod.Status.ContainerStatuses, pod.Status.InitContainerStatuses} {
		for i := range list {
			if list[i].ContainerID == runtimeName+"://"+c.Id {
				return list[i].Ready, list[i].Started != nil && *list[i].Started
			}
		}
	}
	return false, false
}

func (j *job) podIPs() []string {
	if j.pod.Spec.HostNetwork {
		return j.Spec.NodeIPs
	}
	return j.rt.IPs()
}
