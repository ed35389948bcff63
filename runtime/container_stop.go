package runtime

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"minke/runtime/cgroup"
	"minke/runtime/shim"
)

// StopContainer asks the container to end and, after the timeout (seconds),
// makes it. One that is gone or has ended is fine.
func (r *Runtime) StopContainer(ctx context.Context, req *runtimeapi.StopContainerRequest) (*runtimeapi.StopContainerResponse, error) {
	c, err := r.container(req.GetContainerId())
	if status.Code(err) == codes.NotFound {
		return &runtimeapi.StopContainerResponse{}, nil
	}
	if err != nil {
		return nil, err
	}
	if err := r.stopContainer(ctx, c, time.Duration(req.GetTimeout())*time.Second); err != nil {
		return nil, fmt.Errorf("stop container %s: %w", c.ID, err)
	}
	return &runtimeapi.StopContainerResponse{}, nil
}

// stopContainer does not take c.op while it waits, so that a second stop with a
// shorter timeout is not held up by the first.
func (r *Runtime) stopContainer(ctx context.Context, c *container, grace time.Duration) error {
	c.op.Lock() // a start under way is let finish
	r.mu.Lock()
	state := c.state
	r.mu.Unlock()
	c.op.Unlock()
	if state != runtimeapi.ContainerState_CONTAINER_RUNNING {
		return nil
	}
	if grace > 0 {
		if err := r.signal(ctx, c, c.stopSignal()); err != nil {
			return err
		}
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-c.exited:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
	}
	if err := r.signal(ctx, c, unix.SIGKILL); err != nil {
		return err
	}
	select {
	case <-c.exited:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// signal is content with a container that has just ended.
func (r *Runtime) signal(ctx context.Context, c *container, sig unix.Signal) error {
	s, err := r.sandbox(c.SandboxID)
	if err != nil {
		return err
	}
	if s.shim == nil {
		return nil
	}
	err = s.shim.Signal(ctx, c.ID, sig)
	if errors.Is(err, shim.ErrNotFound) || errors.Is(err, shim.ErrGone) {
		return nil // its end has been or is being told
	}
	return err
}

// stopSignal is the pod's choice, else the image's, else SIGTERM.
func (c *container) stopSignal() unix.Signal {
	if s := c.config.GetStopSignal(); s != runtimeapi.Signal_SIGNAL_RUNTIME_DEFAULT {
		if n := signalNumber(strings.TrimPrefix(s.String(), "SIGNAL_")); n != 0 {
			return n
		}
	}
	if n := signalNumber(c.StopSignal); n != 0 {
		return n
	}
	return unix.SIGTERM
}

func (c *container) stopSignalStatus() runtimeapi.Signal {
	name := unix.SignalName(c.stopSignal())
	if v, ok := runtimeapi.Signal_value["SIGNAL_"+name]; ok {
		return runtimeapi.Signal(v)
	}
	return c.config.GetStopSignal()
}

// signalNumber reads what images and pods write: "SIGTERM", "TERM", "15",
// "SIGRTMIN+3" or CRI's "SIGRTMINPLUS3". 0 when it is none.
func signalNumber(name string) unix.Signal {
	const rtMin, rtMax = 34, 64
	name = strings.ToUpper(strings.TrimSpace(name))
	name = strings.NewReplacer("PLUS", "+", "MINUS", "-").Replace(name)
	var n int
	if _, err := fmt.Sscanf(name, "%d", &n); err == nil && n > 0 && n <= rtMax {
		return unix.Signal(n)
	}
	if !strings.HasPrefix(name, "SIG") {
		name = "SIG" + name
	}
	for prefix, base := range map[string]int{"SIGRTMIN": rtMin, "SIGRTMAX": rtMax} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			if rest != "" {
				fmt.Sscanf(rest, "%d", &n)
			}
			return unix.Signal(base + n)
		}
	}
	return unix.SignalNum(name)
}

// exited is told by the helper's connection, and must not block it long.
func (r *Runtime) exited(id string, code int32, at int64) {
	r.mu.RLock()
	c := r.containers[id]
	r.mu.RUnlock()
	if c == nil {
		return
	}
	g, err := r.groupOf(c)
	if err != nil {
		r.log.Error("container ended", "container", id, "err", err)
	}
	r.mu.Lock()
	if c.state == runtimeapi.ContainerState_CONTAINER_EXITED {
		r.mu.Unlock()
		return
	}
	if c.startedAt == 0 { // it ended before its start was told
		c.startedAt = readStarted(r.containerDir(id))
	}
	if g != nil && code != 0 && g.OOMKills() > 0 {
		// Before the group goes: it alone knows.
		c.OOMKilled = true
		if err := r.saveContainer(c); err != nil {
			r.log.Error("container ended", "container", id, "err", err)
		}
	}
	reason, text := exitReason(code, c.OOMKilled), ""
	if readStarted(r.containerDir(id)) == 0 { // taken up in its set-up, which failed
		reason = reasonStartError
		_, _, text, _ = readExit(r.containerDir(id))
	}
	c.finish(code, time.Unix(0, at), reason, text)
	r.mu.Unlock()
	r.changed(c.ID, c.SandboxID, runtimeapi.ContainerEventType_CONTAINER_STOPPED_EVENT)
	if g != nil {
		r.background.Go(func() { r.dispose(c, g) })
	}
}

func exitReason(code int32, oom bool) string {
	switch {
	case oom:
		return reasonOOMKilled
	case code == 0:
		return reasonCompleted
	}
	return reasonError
}

// dispose ends what is left in a container's group and removes it, so that the
// pod's own group can be removed.
func (r *Runtime) dispose(c *container, g *cgroup.Group) {
	for wait := time.Millisecond; ; wait *= 2 {
		if g.Empty() {
			if err := g.Destroy(); err != nil {
				r.log.Error("remove container's group", "container", c.ID, "err", err)
			}
			return
		}
		if err := g.Kill(); err != nil || wait > 5*time.Second {
			r.log.Error("end container's processes", "container", c.ID, "err", err)
			return
		}
		// Nothing tells of a v1 group's emptiness.
		time.Sleep(wait)
	}
}

// lost ends a container whose helper is gone.
func (r *Runtime) lost(c *container) {
	r.mu.Lock()
	if c.state != runtimeapi.ContainerState_CONTAINER_RUNNING {
		r.mu.Unlock()
		return
	}
	code, at, text, ok := readExit(r.containerDir(c.ID))
	if !ok {
		now := time.Now()
		c.Lost = now.UnixNano()
		if err := r.saveContainer(c); err != nil {
			r.log.Error("container lost", "container", c.ID, "err", err)
		}
		c.finish(137, now, reasonLost, "the pod's shim ended, and with it the container")
	} else {
		c.finish(code, at, exitReason(code, c.OOMKilled), text)
	}
	r.mu.Unlock()
	r.changed(c.ID, c.SandboxID, runtimeapi.ContainerEventType_CONTAINER_STOPPED_EVENT)
	if g, err := r.groupOf(c); err == nil {
		r.background.Go(func() { r.dispose(c, g) })
	}
}

// RemoveContainer removes a container, ending it first. One that is gone is
// fine.
func (r *Runtime) RemoveContainer(ctx context.Context, req *runtimeapi.RemoveContainerRequest) (*runtimeapi.RemoveContainerResponse, error) {
	c, err := r.container(req.GetContainerId())
	if status.Code(err) == codes.NotFound {
		return &runtimeapi.RemoveContainerResponse{}, nil
	}
	if err != nil {
		return nil, err
	}
	if err := r.removeContainer(ctx, c); err != nil {
		return nil, fmt.Errorf("remove container %s: %w", c.ID, err)
	}
	return &runtimeapi.RemoveContainerResponse{}, nil
}

func (r *Runtime) removeContainer(ctx context.Context, c *container) error {
	if err := r.stopContainer(ctx, c, 0); err != nil {
		return err
	}
	c.op.Lock()
	defer c.op.Unlock()
	if g, err := r.groupOf(c); err == nil {
		r.dispose(c, g)
	}
	if err := r.eraseContainer(c); err != nil {
		return err
	}
	r.changed(c.ID, c.SandboxID, runtimeapi.ContainerEventType_CONTAINER_DELETED_EVENT)
	r.mu.Lock()
	delete(r.containers, c.ID)
	r.mu.Unlock()
	return nil
}

// eraseContainer removes the record last: it is what finds the rest.
func (r *Runtime) eraseContainer(c *container) error {
	if err := errors.Join(os.RemoveAll(r.writableDir(c.ID)), os.RemoveAll(r.containerDir(c.ID))); err != nil {
		return err
	}
	r.images.Release(c.allLayers())
	r.cpu.forget(c.ID)
	return nil
}
