package pods

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"minke/kubelet/probe"
	"minke/kubelet/status"
)

// runHook runs a postStart or preStop handler until ctx ends.
func (j *job) runHook(ctx context.Context, c *corev1.Container, id string, h *corev1.LifecycleHandler) error {
	target := probe.Target{Container: c, ContainerID: id}
	if ips := j.podIPs(); len(ips) > 0 {
		target.PodIP = ips[0]
	}
	switch {
	case h.Exec != nil:
		request := &runtimeapi.ExecSyncRequest{ContainerId: id, Cmd: h.Exec.Command}
		if until, ok := ctx.Deadline(); ok {
			request.Timeout = max(int64(time.Until(until)/time.Second), 1)
		}
		answer, err := j.Runtime.ExecSync(ctx, request)
		if err != nil {
			return fmt.Errorf("command %q: %w", h.Exec.Command, err)
		}
		if answer.ExitCode != 0 {
			return fmt.Errorf("command '%v' exited with %d: %s", h.Exec.Command, answer.ExitCode, append(answer.Stdout, answer.Stderr...))
		}
		return nil
	case h.HTTPGet != nil:
		if answer := j.Probes.Prober.HTTP(ctx, h.HTTPGet, target); answer.Err != nil {
			return answer.Err
		} else if !answer.OK {
			return errors.New(answer.Output)
		}
		return nil
	case h.TCPSocket != nil:
		if answer := j.Probes.Prober.TCP(ctx, h.TCPSocket, target); !answer.OK {
			return errors.Join(answer.Err, errors.New(answer.Output))
		}
		return nil
	case h.Sleep != nil:
		t := time.NewTimer(time.Duration(h.Sleep.Seconds) * time.Second)
		defer t.Stop()
		select {
		case <-t.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return errors.New("invalid handler: none is set")
}

// runPostStart runs the hook of a container that has just started; the
// container does not count as started before the hook is done, and ends if the
// hook fails.
func (j *job) runPostStart(ctx context.Context, c *corev1.Container, id string) *failure {
	// What runs already is told while the hook does its work.
	if err := j.refresh(ctx); err == nil {
		delete(j.w.waiting, c.Name)
		j.publish(false)
	}
	err := j.runHook(ctx, c, id, c.Lifecycle.PostStart)
	if err == nil || ctx.Err() != nil {
		return nil
	}
	j.event(j.pod, c.Name, corev1.EventTypeWarning, "FailedPostStartHook", "PostStartHook failed")
	if now := j.rt.Find(id); now != nil {
		if err := j.killOne(ctx, doomed{container: now, message: "FailedPostStartHook"}); err != nil {
			j.log.Warn("kill container after its postStart hook failed", "container", id, "err", err)
		}
	}
	return &failure{status.Waiting{Reason: "PostStartHookError", Message: err.Error()}, retryStart}
}
