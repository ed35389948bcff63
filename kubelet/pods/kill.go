package pods

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"minke/kubelet/cri"
	"minke/kubelet/spec"
)

// minGrace is what a container always gets after its preStop hook, in seconds.
const minGrace = 2

// kill is the ending of a pod under way. It runs beside the worker, so that
// the status follows each container's end and a shorter grace can take over.
type kill struct {
	cancel context.CancelFunc
	done   chan struct{}
	grace  int64
	err    error // valid once done is closed
}

// terminate ends all containers and the sandbox, then moves on.
func (j *job) terminate(ctx context.Context) (time.Duration, error) {
	grace := j.grace()
	k := j.w.kill
	if k != nil && grace < k.grace {
		k.cancel()
		<-k.done
		k = nil
	}
	if k == nil {
		j.startKill(grace)
		j.publish(false)
		return 0, nil
	}
	select {
	case <-k.done:
	default:
		j.publish(false)
		return 0, nil
	}
	j.w.kill = nil
	if k.err != nil {
		j.event(j.pod, "", corev1.EventTypeWarning, "FailedKillPod", "error killing pod: "+k.err.Error())
		return 0, k.err
	}
	if err := j.refresh(ctx); err != nil {
		return 0, err
	}
	if len(j.rt.Running()) > 0 {
		return 0, fmt.Errorf("end pod %s: %d containers still run", j.pod.Name, len(j.rt.Running()))
	}
	j.enter(terminated)
	return j.tidy(ctx)
}

// grace is the pod's effective grace period in seconds.
func (j *job) grace() int64 {
	grace := int64(30)
	if g := j.pod.Spec.TerminationGracePeriodSeconds; g != nil {
		grace = *g
	}
	if g := j.pod.DeletionGracePeriodSeconds; g != nil && j.pod.DeletionTimestamp != nil {
		grace = *g
	}
	if j.evictGrace >= 0 {
		grace = min(grace, j.evictGrace)
	}
	return max(grace, 1)
}

func (j *job) startKill(grace int64) {
	ctx, cancel := context.WithCancel(j.ctx)
	k := &kill{cancel: cancel, done: make(chan struct{}), grace: grace}
	j.w.kill = k
	copied := *j // the worker goes on with its own
	j.kills.Add(1)
	go func() {
		defer j.kills.Done()
		defer cancel()
		_, k.err = copied.traced(ctx, "syncTerminatingPod", func(ctx context.Context) (time.Duration, error) {
			return 0, copied.killAll(ctx, grace)
		})
		close(k.done)
		copied.runs.Kick(copied.pod.UID)
	}()
}

// killAll ends the regular containers at once, then the sidecars, the last one
// first, in what is left of the grace, then the sandboxes.
func (j *job) killAll(ctx context.Context, grace int64) error {
	began := time.Now()
	left := func() int64 { return max(grace-int64(time.Since(began)/time.Second), 0) }
	var sidecars []string
	for i := range j.pod.Spec.InitContainers {
		if c := &j.pod.Spec.InitContainers[i]; spec.IsSidecar(c) {
			sidecars = append(sidecars, c.Name)
		}
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	stop := func(c *runtimeapi.ContainerStatus) {
		if err := j.killContainer(ctx, c, "", left()); err != nil {
			mu.Lock()
			defer mu.Unlock()
			errs = append(errs, err)
		}
	}
	for _, c := range j.rt.Running() {
		if !slices.Contains(sidecars, c.Metadata.Name) {
			wg.Go(func() { stop(c) })
		}
	}
	wg.Wait()
	for _, name := range slices.Backward(sidecars) {
		if c := j.rt.Latest(name); c != nil && c.State == runtimeapi.ContainerState_CONTAINER_RUNNING {
			stop(c)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, box := range j.rt.Sandboxes {
		if _, err := j.Runtime.StopPodSandbox(ctx, &runtimeapi.StopPodSandboxRequest{PodSandboxId: box.Id}); err != nil && !cri.IsNotFound(err) {
			return fmt.Errorf("stop sandbox %s: %w", box.Id, err)
		}
	}
	return nil
}

// killOne ends one container of a pod that goes on.
func (j *job) killOne(ctx context.Context, d doomed) error {
	grace := int64(30)
	if g := j.pod.Spec.TerminationGracePeriodSeconds; g != nil {
		grace = *g
	}
	if d.grace != nil {
		grace = *d.grace
	}
	return j.killContainer(ctx, d.container, d.message, grace)
}

// killContainer runs preStop and stops the container within grace seconds.
func (j *job) killContainer(ctx context.Context, now *runtimeapi.ContainerStatus, message string, grace int64) error {
	name := now.GetMetadata().GetName()
	if message == "" {
		message = "Stopping container " + name
	}
	j.event(j.pod, name, corev1.EventTypeNormal, "Killing", message)
	c := spec.FindContainer(j.pod, name)
	if c == nil {
		if g, err := strconv.ParseInt(now.GetAnnotations()[cri.AnnotationGracePeriod], 10, 64); err == nil {
			grace = min(grace, g)
		}
	}
	if c != nil && c.Lifecycle != nil && c.Lifecycle.PreStop != nil && grace > 0 {
		grace -= j.runPreStop(ctx, c, now.Id, grace)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	grace = max(grace, minGrace)
	_, err := j.Runtime.StopContainer(ctx, &runtimeapi.StopContainerRequest{ContainerId: now.Id, Timeout: grace})
	if err != nil && !cri.IsNotFound(err) {
		return fmt.Errorf("stop container %s of pod %s/%s: %w", name, j.pod.Namespace, j.pod.Name, err)
	}
	return nil
}

// runPreStop runs the hook and returns how many seconds it took.
func (j *job) runPreStop(ctx context.Context, c *corev1.Container, id string, grace int64) int64 {
	began := time.Now()
	limited, cancel := context.WithTimeout(ctx, time.Duration(grace)*time.Second)
	defer cancel()
	if err := j.runHook(limited, c, id, c.Lifecycle.PreStop); err != nil && ctx.Err() == nil {
		j.event(j.pod, c.Name, corev1.EventTypeWarning, "FailedPreStopHook", "PreStopHook failed")
		j.log.Info("preStop hook failed", "pod", j.pod.Name, "container", c.Name, "err", err)
	}
	return int64(time.Since(began) / time.Second)
}
