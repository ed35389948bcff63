package runtime

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"minke/runtime/shim"
)

// StopPodSandbox ends the pod's containers and helper and takes its network
// away. A sandbox that is gone or stopped is fine.
func (r *Runtime) StopPodSandbox(ctx context.Context, req *runtimeapi.StopPodSandboxRequest) (*runtimeapi.StopPodSandboxResponse, error) {
	s, err := r.sandbox(req.GetPodSandboxId())
	if status.Code(err) == codes.NotFound {
		return &runtimeapi.StopPodSandboxResponse{}, nil
	}
	if err != nil {
		return nil, err
	}
	s.op.Lock()
	defer s.op.Unlock()
	if err := r.stopSandbox(ctx, s); err != nil {
		return nil, fmt.Errorf("stop sandbox %s: %w", s.ID, err)
	}
	return &runtimeapi.StopPodSandboxResponse{}, nil
}

// stopSandbox needs s.op held.
func (r *Runtime) stopSandbox(ctx context.Context, s *sandbox) error {
	for _, c := range r.containersOf(s.ID) {
		if err := r.stopContainer(ctx, c, 0); err != nil {
			return err
		}
	}
	r.mu.Lock()
	was := s.Ready
	s.Ready = false
	err := r.saveSandbox(s)
	r.mu.Unlock()
	if err != nil {
		return err
	}
	if err := r.tearDownSandbox(ctx, s); err != nil {
		return err
	}
	if was {
		r.changed(s.ID, s.ID, runtimeapi.ContainerEventType_CONTAINER_STOPPED_EVENT)
	}
	return nil
}

func (r *Runtime) containersOf(sandboxID string) []*container {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var list []*container
	for _, c := range r.containers {
		if c.SandboxID == sandboxID {
			list = append(list, c)
		}
	}
	return list
}

// tearDownSandbox undoes setUpSandbox but for the directory. It may be called
// again after any failure.
func (r *Runtime) tearDownSandbox(ctx context.Context, s *sandbox) error {
	if s.Networked && r.config.Network != nil {
		if err := r.config.Network.Teardown(ctx, r.podNetwork(s)); err != nil {
			return fmt.Errorf("network: %w", err)
		}
		s.Networked = false
		if err := r.saveSandbox(s); err != nil {
			return err
		}
	}
	if s.shim != nil {
		// Its goroutine, and with it Gone, comes after it has ended.
		if err := s.shim.Quit(ctx); err != nil && !errors.Is(err, shim.ErrGone) {
			return err
		}
	}
	return errors.Join(unmount(s.netnsPath(r)), unmount(r.file(s, "shm")))
}

// unmount is content with what is not mounted or not there.
func unmount(path string) error {
	err := unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
	if err == nil || err == unix.EINVAL || err == unix.ENOENT {
		return nil
	}
	return fmt.Errorf("unmount %s: %w", path, err)
}

// RemovePodSandbox stops the sandbox and removes it with its containers. A
// sandbox that is gone is fine.
func (r *Runtime) RemovePodSandbox(ctx context.Context, req *runtimeapi.RemovePodSandboxRequest) (*runtimeapi.RemovePodSandboxResponse, error) {
	s, err := r.sandbox(req.GetPodSandboxId())
	if status.Code(err) == codes.NotFound {
		return &runtimeapi.RemovePodSandboxResponse{}, nil
	}
	if err != nil {
		return nil, err
	}
	s.op.Lock()
	defer s.op.Unlock()
	if err := r.stopSandbox(ctx, s); err != nil {
		return nil, fmt.Errorf("remove sandbox %s: %w", s.ID, err)
	}
	for _, c := range r.containersOf(s.ID) {
		if err := r.removeContainer(ctx, c); err != nil {
			return nil, fmt.Errorf("remove sandbox %s: %w", s.ID, err)
		}
	}
	if err := r.eraseSandbox(s); err != nil {
		return nil, fmt.Errorf("remove sandbox %s: %w", s.ID, err)
	}
	r.changed(s.ID, s.ID, runtimeapi.ContainerEventType_CONTAINER_DELETED_EVENT)
	r.mu.Lock()
	delete(r.sandboxes, s.ID)
	r.mu.Unlock()
	return &runtimeapi.RemovePodSandboxResponse{}, nil
}

func (r *Runtime) eraseSandbox(s *sandbox) error { return os.RemoveAll(r.sandboxDir(s.ID)) }

// listener hears a sandbox's helper.
type listener struct {
	r  *Runtime
	id string
}

func (l *listener) Exited(containerID string, code int32, at int64) {
	l.r.exited(containerID, code, at)
}

// Gone marks the sandbox stopped and its containers ended: they were told to
// end with their helper, and what would not is killed with its group.
func (l *listener) Gone() {
	r := l.r
	r.mu.Lock()
	s := r.sandboxes[l.id]
	unexpected := s != nil && s.Ready
	if unexpected {
		s.Ready = false
		if err := r.saveSandbox(s); err != nil {
			r.log.Error("sandbox's helper ended", "sandbox", l.id, "err", err)
		}
	}
	r.mu.Unlock()
	if s == nil {
		return
	}
	for _, c := range r.containersOf(l.id) {
		r.lost(c)
	}
	if unexpected {
		r.log.Warn("sandbox's helper ended", "sandbox", l.id)
		r.changed(l.id, l.id, runtimeapi.ContainerEventType_CONTAINER_STOPPED_EVENT)
	}
}
