package scheduler

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"minke/scheduler/cluster"
	"minke/scheduler/plugins"
	"minke/scheduler/queue"
)

// bindTimeout bounds what follows a decision: reserving volumes may wait for a
// provisioner.
const bindTimeout = 10 * time.Minute

// How long to pause before the API is asked again what became of a binding.
const (
	firstAsk = 10 * time.Millisecond
	lastAsk  = 5 * time.Second
)

// schedule decides about one pod.
func (s *Scheduler) schedule(ctx context.Context, item *queue.Item) {
	if s.cache.Placed(item.Pod.UID) {
		s.queue.Delete(item.Pod.UID)
		return
	}
	pod := cluster.NewPod(item.Pod)
	snapshot := s.cache.Snapshot()
	d := s.place.place(snapshot, pod)
	if d.node == "" {
		s.refused(ctx, snapshot, item, pod, &d)
		return
	}
	s.cache.Assume(pod, d.node)
	bind := func() { s.bind(ctx, item, pod, d.node) }
	if hasClaims(pod) {
		s.calls.Go(bind) // it may wait long for a volume: others must not wait for it
		return
	}
	s.call(ctx, bind)
}

func hasClaims(pod *cluster.Pod) bool {
	for i := range pod.Spec.Volumes {
		if v := &pod.Spec.Volumes[i]; v.PersistentVolumeClaim != nil || v.Ephemeral != nil {
			return true
		}
	}
	return false
}

// bind tells the API, or takes the decision back.
func (s *Scheduler) bind(ctx context.Context, item *queue.Item, pod *cluster.Pod, node string) {
	ctx, cancel := context.WithTimeout(ctx, bindTimeout)
	defer cancel()
	err := s.reserve(ctx, pod, node)
	if err == nil {
		if err = s.binder.Bind(ctx, pod, node); err != nil && s.isBound(ctx, pod, node) {
			err = nil // only the answer was lost
		}
		if err == nil {
			s.queue.Delete(pod.UID)
			s.nominated.remove(pod.UID)
			s.recorder.Event(item.Pod, corev1.EventTypeNormal, "Scheduled", "Successfully assigned %s/%s to %s", pod.Namespace, pod.Name, node)
			return
		}
		s.unreserve(ctx, pod, node, len(s.reservers))
	}
	s.cache.Forget(pod)
	s.queue.Happened(plugins.PodRemoved)
	if apierrors.IsNotFound(err) {
		if _, ok := s.informers.pods.Get(pod.Namespace, pod.Name); !ok {
			s.queue.Delete(pod.UID)
			return
		}
	}
	if ctx.Err() == nil {
		s.log.Warn("bind pod: it is tried again", "pod", pod.Namespace+"/"+pod.Name, "node", node, "error", err)
		s.recorder.Event(item.Pod, corev1.EventTypeWarning, "FailedScheduling", "%s", err.Error())
		s.setStatus(ctx, item.Pod, statusChange{reason: "SchedulerError", message: err.Error()})
	}
	s.queue.Return(item, 0)
}

// isBound asks where a pod is whose binding has failed, until the API says so. The
// failure may have been of the answer alone: till then the pod counts on its node,
// where another that took the room would be one too many.
func (s *Scheduler) isBound(ctx context.Context, pod *cluster.Pod, node string) bool {
	for pause := firstAsk; ; pause = min(2*pause, lastAsk) {
		now, err := s.pods.Get(ctx, pod.Namespace, pod.Name)
		if err == nil {
			return now.UID == pod.UID && now.Spec.NodeName == node
		}
		if apierrors.IsNotFound(err) {
			return false
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(pause):
		}
	}
}

// reserve lets all reservers prepare, or none.
func (s *Scheduler) reserve(ctx context.Context, pod *cluster.Pod, node string) error {
	for i, r := range s.reservers {
		if err := r.Reserve(ctx, pod, node); err != nil {
			s.unreserve(ctx, pod, node, i+1)
			return err
		}
	}
	return nil
}

// unreserve takes back the first n, the last one first.
func (s *Scheduler) unreserve(ctx context.Context, pod *cluster.Pod, node string, n int) {
	for i := n - 1; i >= 0; i-- {
		s.reservers[i].Unreserve(ctx, pod, node)
	}
}

// refused explains why the pod cannot be placed, makes room for it if it may,
// and gives it back to the queue. The queue gets it only when the API knows, so
// that no later success is overtaken by this failure.
func (s *Scheduler) refused(ctx context.Context, snapshot *cluster.Snapshot, item *queue.Item, pod *cluster.Pod, d *decision) {
	message := d.explain()
	change := statusChange{reason: corev1.PodReasonUnschedulable, nominated: item.Pod.Status.NominatedNodeName}
	var victims []*cluster.Pod
	if d.whole == nil && d.total > 0 {
		p := s.preempt(snapshot, pod, d)
		if p.explanation != "" {
			message += " " + p.explanation
		}
		victims = p.victims
		change.nominated = p.node
		if p.node != "" {
			s.nominated.set(pod, p.node, victims...)
		} else {
			s.nominated.remove(pod.UID)
		}
	}
	change.message = message
	helps := d.helps(s.place.rules.filters)
	if len(victims) > 0 {
		helps |= plugins.PodRemoved
	}
	s.call(ctx, func() {
		if err := s.evict(ctx, pod, victims, change.nominated); err != nil && ctx.Err() == nil {
			s.log.Warn("make room: it is tried again", "pod", pod.Namespace+"/"+pod.Name, "node", change.nominated, "error", err)
			s.nominated.remove(pod.UID)
			helps = 0
		}
		s.recorder.Event(item.Pod, corev1.EventTypeWarning, "FailedScheduling", "%s", message)
		s.setStatus(ctx, item.Pod, change)
		s.queue.Return(item, helps)
	})
}
