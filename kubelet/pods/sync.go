package pods

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"minke/kubelet/spec"
	"minke/kubelet/status"
	"minke/kubelet/volume"
)

// sync brings a live pod closer to its spec.
func (j *job) sync(ctx context.Context) (time.Duration, error) {
	s := j.publish(false)
	if status.Terminal(s.Phase) {
		j.enter(terminating)
		return j.terminate(ctx)
	}
	if err := j.Cgroups.Ensure(j.pod); err != nil {
		j.event(j.pod, "", corev1.EventTypeWarning, "FailedToCreatePodContainer", "unable to ensure pod container exists: "+err.Error())
		return 0, err
	}
	for _, dir := range []string{j.Spec.PodDir(j.pod), j.Spec.PodLogDir(j.pod)} {
		if err := os.MkdirAll(dir, 0o750); err != nil {
			return 0, err
		}
	}
	volumes, err := j.Volumes.Mount(ctx, j.pod, j.podIPs())
	if err != nil {
		j.reportMounts(ctx, err)
		return 0, err
	}
	j.w.mountErr = ""
	after, err := j.act(ctx, volumes)
	if ctx.Err() != nil {
		return 0, nil
	}
	if refreshed := j.refresh(ctx); refreshed != nil {
		return 0, errors.Join(err, refreshed)
	}
	if s := j.publish(false); status.Terminal(s.Phase) {
		j.runs.Kick(j.pod.UID)
	}
	after = sooner(after, untilTime(volumes.Refresh))
	if left, ok := j.deadline(); ok {
		after = sooner(after, max(left, time.Millisecond))
	}
	return after, err
}

// sooner is the smaller of two waits, of which 0 means none.
func sooner(a, b time.Duration) time.Duration {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

func untilTime(t time.Time) time.Duration {
	if t.IsZero() {
		return 0
	}
	return max(time.Until(t), time.Millisecond)
}

// reportMounts records each failed volume, once for each new text.
func (j *job) reportMounts(ctx context.Context, err error) {
	if ctx.Err() != nil || err.Error() == j.w.mountErr {
		return
	}
	j.w.mountErr = err.Error()
	for _, e := range flatten(err) {
		var v *volume.Error
		if errors.As(e, &v) {
			j.event(j.pod, "", corev1.EventTypeWarning, "FailedMount", v.Error())
		}
	}
}

func flatten(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

// act does what the plan says, the plan being made anew after a sandbox came.
func (j *job) act(ctx context.Context, volumes volume.Volumes) (time.Duration, error) {
	p := j.snapshot().plan()
	if p.sandbox {
		if err := j.newSandbox(ctx, p.attempt); err != nil {
			return 0, err
		}
		if err := j.refresh(ctx); err != nil {
			return 0, err
		}
		j.publish(false)
		if j.usesPodIP() {
			var err error
			if volumes, err = j.Volumes.Mount(ctx, j.pod, j.podIPs()); err != nil {
				return 0, err
			}
		}
		p = j.snapshot().plan()
	}
	if p.sandbox {
		return 0, fmt.Errorf("sandbox of pod %s: not ready after it was made", j.pod.Name)
	}
	for _, d := range p.kill {
		if err := j.killOne(ctx, d); err != nil {
			return 0, err
		}
	}
	if len(p.kill) > 0 {
		if err := j.refresh(ctx); err != nil {
			return 0, err
		}
	}
	if p.again {
		j.publish(false)
		if p = j.snapshot().plan(); p.again || p.sandbox {
			return 0, fmt.Errorf("restart all containers of pod %s: some still run, or their sandbox is gone", j.pod.Name)
		}
	}
	for _, r := range p.resize {
		if _, err := j.Runtime.UpdateContainerResources(ctx, &runtimeapi.UpdateContainerResourcesRequest{ContainerId: r.id, Linux: r.resources}); err != nil {
			return 0, fmt.Errorf("resize container %s: %w", r.id, err)
		}
	}
	return j.startAll(ctx, p.start, volumes)
}

// round is the one that the pod is in.
func (j *job) round() spec.Round { return spec.RoundOf(j.pod, j.rt.Containers) }

// usesPodIP tells whether a volume shows the address that came with the sandbox.
func (j *job) usesPodIP() bool {
	for i := range j.pod.Spec.Volumes {
		if v := &j.pod.Spec.Volumes[i]; v.DownwardAPI != nil || v.Projected != nil {
			return true
		}
	}
	return false
}

func (j *job) snapshot() *snapshot {
	return &snapshot{pod: j.pod, rt: j.rt, probes: j.Probes, postStart: j.w.postStart, round: j.round(),
		figures: func(c *corev1.Container) *runtimeapi.LinuxContainerResources { return j.Spec.Resources(j.pod, c) }}
}

// newSandbox stops what is left of older sandboxes and makes a new one.
func (j *job) newSandbox(ctx context.Context, attempt uint32) error {
	if attempt > 0 {
		j.event(j.pod, "", corev1.EventTypeNormal, "SandboxChanged", "Pod sandbox changed, it will be killed and re-created.")
	}
	for _, c := range j.rt.Running() {
		if err := j.killOne(ctx, doomed{container: c}); err != nil {
			return err
		}
	}
	for _, box := range j.rt.Sandboxes {
		if _, err := j.Runtime.StopPodSandbox(ctx, &runtimeapi.StopPodSandboxRequest{PodSandboxId: box.Id}); err != nil {
			return fmt.Errorf("stop sandbox %s: %w", box.Id, err)
		}
	}
	config, err := j.Spec.Sandbox(j.pod, attempt, j.Cgroups.Parent(j.pod))
	if err != nil {
		j.event(j.pod, "", corev1.EventTypeWarning, "FailedCreatePodSandBox", "Failed to create pod sandbox: "+err.Error())
		return err
	}
	request := &runtimeapi.RunPodSandboxRequest{Config: config}
	if class := j.pod.Spec.RuntimeClassName; class != nil && *class != "" && j.Handler != nil {
		if request.RuntimeHandler, err = j.Handler(ctx, *class); err != nil {
			j.event(j.pod, "", corev1.EventTypeWarning, "FailedCreatePodSandBox", "Failed to create pod sandbox: "+err.Error())
			return fmt.Errorf("runtime class %s: %w", *class, err)
		}
	}
	if _, err := j.Runtime.RunPodSandbox(ctx, request); err != nil {
		if ctx.Err() == nil {
			j.event(j.pod, "", corev1.EventTypeWarning, "FailedCreatePodSandBox", "Failed to create pod sandbox: "+err.Error())
		}
		return fmt.Errorf("run sandbox of pod %s/%s: %w", j.pod.Namespace, j.pod.Name, err)
	}
	return nil
}

// startAll starts the planned containers in order. One that fails does not
// keep the others from starting, except an init container.
func (j *job) startAll(ctx context.Context, list []starting, volumes volume.Volumes) (time.Duration, error) {
	var after time.Duration
	for i, s := range list {
		wait, err := j.start(ctx, s, volumes)
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		after = sooner(after, wait)
		if err != nil {
			j.log.Debug("start container", "pod", j.pod.Name, "container", s.container.Name, "err", err)
			continue
		}
		// Those that come later may take long; what runs is told now.
		if i < len(list)-1 {
			if err := j.refresh(ctx); err != nil {
				return after, err
			}
			j.publish(false)
		} else if isSidecar(j.pod, s.container) {
			j.runs.Kick(j.pod.UID) // the next init container may start
		}
	}
	return after, nil
}

func isSidecar(pod *corev1.Pod, c *corev1.Container) bool {
	for i := range pod.Spec.InitContainers {
		if pod.Spec.InitContainers[i].Name == c.Name {
			return spec.IsSidecar(c)
		}
	}
	return false
}
