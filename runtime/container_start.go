package runtime

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"minke/runtime/cgroup"
	"minke/runtime/shim"
)

// StartContainer returns once the container's program runs. One that cannot be
// started has exited with the reason StartError.
func (r *Runtime) StartContainer(ctx context.Context, req *runtimeapi.StartContainerRequest) (*runtimeapi.StartContainerResponse, error) {
	c, err := r.container(req.GetContainerId())
	if err != nil {
		return nil, err
	}
	c.op.Lock()
	defer c.op.Unlock()
	s, err := r.sandbox(c.SandboxID)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	state, ready := c.state, s.Ready
	r.mu.Unlock()
	if state != runtimeapi.ContainerState_CONTAINER_CREATED {
		return nil, status.Errorf(codes.FailedPrecondition, "container %s is in the state %s", c.ID, state)
	}
	if !ready {
		return nil, status.Errorf(codes.FailedPrecondition, "pod sandbox %s is not ready", s.ID)
	}
	r.mu.Lock()
	c.Launched = true
	err = r.saveContainer(c)
	r.mu.Unlock()
	if err != nil {
		return nil, fmt.Errorf("start container %s: %w", c.ID, err)
	}
	// Once begun it is seen through: the caller's leaving must not leave a
	// start that nobody knows the end of.
	at, err := r.launch(context.WithoutCancel(ctx), s, c)
	if err != nil {
		r.startFailed(c, err)
		return nil, status.Errorf(codes.Unknown, "failed to start container %q: %v", c.config.GetMetadata().GetName(), err)
	}
	r.started(c, at)
	r.changed(c.ID, s.ID, runtimeapi.ContainerEventType_CONTAINER_STARTED_EVENT)
	return &runtimeapi.StartContainerResponse{}, nil
}

// started may come after exited, when a container ends at once.
func (r *Runtime) started(c *container, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c.startedAt = at.UnixNano()
	if c.state == runtimeapi.ContainerState_CONTAINER_CREATED {
		c.state = runtimeapi.ContainerState_CONTAINER_RUNNING
	}
}

func (r *Runtime) startFailed(c *container, err error) {
	if g, gerr := r.groupOf(c); gerr == nil {
		r.dispose(c, g)
	}
	// For one that takes up after us: the helper may not have written it.
	text := fmt.Sprintf("128 %d %s", time.Now().UnixNano(), err)
	if werr := os.WriteFile(filepath.Join(r.containerDir(c.ID), "exit"), []byte(text), 0o600); werr != nil {
		r.log.Error("write container's end", "container", c.ID, "err", werr)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.state != runtimeapi.ContainerState_CONTAINER_EXITED {
		c.finish(128, time.Now(), reasonStartError, err.Error())
	}
}

func (r *Runtime) launch(ctx context.Context, s *sandbox, c *container) (time.Time, error) {
	res, err := r.cgroupResources(c)
	if err != nil {
		return time.Time{}, err
	}
	g, err := r.group(c, s.config, res)
	if err != nil {
		return time.Time{}, err
	}
	if err := g.Create(res); err != nil {
		return time.Time{}, err
	}
	p, flags, err := r.containerPlan(s, c, g)
	if err != nil {
		return time.Time{}, err
	}
	return r.hand(ctx, s, c, g, shim.StartRequest{ID: c.ID, Target: c.options().GetTargetId(), Plan: p, Flags: flags})
}

// hand opens what the helper is given and has it start the container.
func (r *Runtime) hand(ctx context.Context, s *sandbox, c *container, g *cgroup.Group, req shim.StartRequest) (at time.Time, err error) {
	if req.Dir, err = os.OpenFile(r.containerDir(c.ID), unix.O_RDONLY|unix.O_DIRECTORY, 0); err != nil {
		return at, err
	}
	defer req.Dir.Close()
	if c.LogPath != "" {
		if req.Log, err = openLog(s.config.GetLogDirectory(), c.config.GetLogPath()); err != nil {
			return at, err
		}
		defer req.Log.Close()
	}
	if req.Cgroup, err = g.Directory(); err != nil {
		return at, err
	}
	if req.Cgroup != nil {
		defer req.Cgroup.Close()
	}
	return startWithin(ctx, s.shim, req)
}

// startLimit bounds a start: a volume's server that does not answer may hold up
// a mount for ever, and everything that waits for the start with it.
const startLimit = 2 * time.Minute

func startWithin(ctx context.Context, h *shim.Shim, req shim.StartRequest) (time.Time, error) {
	limited, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	_, at, err := h.Start(limited, req)
	if err != nil && limited.Err() != nil {
		err = fmt.Errorf("the container's set-up took longer than %v", startLimit)
		if kill := h.Signal(ctx, req.ID, unix.SIGKILL); kill != nil && !errors.Is(kill, shim.ErrNotFound) {
			err = errors.Join(err, kill)
		}
	}
	return at, err
}

// openLog opens a container's log for appending. Beneath the pod's log
// directory no link is followed and nothing but a regular file is taken: a
// container that can write there must not choose what is written to.
func openLog(dir, name string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
		return nil, fmt.Errorf("log: %w", err)
	}
	d, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("log: open %s: %w", dir, err)
	}
	defer unix.Close(d)
	fd, err := unix.Openat2(d, name, &unix.OpenHow{
		Flags: unix.O_WRONLY | unix.O_CREAT | unix.O_APPEND | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC,
		Mode:  0o640, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
	})
	if err != nil {
		return nil, fmt.Errorf("log: open %s in %s: %w", name, dir, err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		unix.Close(fd)
		return nil, errors.Join(fmt.Errorf("log: %s in %s is not a regular file", name, dir), err)
	}
	return os.NewFile(uintptr(fd), name), nil
}
