// Package fakeruntime is a container runtime without containers: it keeps the
// state that a CRI runtime would and lets tests decide when processes end. It
// works under testing/synctest.
package fakeruntime

import (
	"context"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"minke/kubelet/cri"
)

// Runtime is the fake. Its zero value is not usable; see New.
type Runtime struct {
	mu         sync.Mutex // guards all below
	next       int
	sandboxes  map[string]*runtimeapi.PodSandboxStatus
	containers map[string]*container
	images     map[string]*runtimeapi.Image
	pullable   map[string]*runtimeapi.Image
	subs       map[chan *runtimeapi.ContainerEventResponse]bool
	calls      []string
	notReady   string
	fail       map[string]error
	exec       func(id string, cmd []string) (int32, string)
	ignoreTerm map[string]bool
}

type container struct {
	status  *runtimeapi.ContainerStatus
	sandbox string
	config  *runtimeapi.ContainerConfig
	ended   chan struct{}
}

var (
	_ cri.Runtime    = (*Runtime)(nil)
	_ cri.Images     = (*Runtime)(nil)
	_ cri.Subscriber = (*Runtime)(nil)
)

// New returns a runtime that is ready and has the named images.
func New(images ...string) *Runtime {
	r := &Runtime{
		sandboxes: map[string]*runtimeapi.PodSandboxStatus{}, containers: map[string]*container{},
		images: map[string]*runtimeapi.Image{}, pullable: map[string]*runtimeapi.Image{},
		subs: map[chan *runtimeapi.ContainerEventResponse]bool{}, fail: map[string]error{}, ignoreTerm: map[string]bool{},
	}
	for _, name := range images {
		r.images[name] = image(name)
	}
	return r
}

func image(name string) *runtimeapi.Image {
	return &runtimeapi.Image{Id: "sha256:" + name, RepoTags: []string{name}, Size: 1000, Uid: &runtimeapi.Int64Value{Value: 1000}}
}

// Pullable makes an image that a pull brings.
func (r *Runtime) Pullable(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pullable[name] = image(name)
}

// Fail makes calls of method, such as "RunPodSandbox", fail with err until it
// is nil.
func (r *Runtime) Fail(method string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail[method] = err
}

// OnExec answers ExecSync.
func (r *Runtime) OnExec(f func(id string, cmd []string) (int32, string)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.exec = f
}

// IgnoreTerm makes containers of that name live until they are killed.
func (r *Runtime) IgnoreTerm(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ignoreTerm[name] = true
}

// Calls returns the calls that change something, in order, as
// "CreateContainer web".
func (r *Runtime) Calls() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.calls...)
}

// Exit ends the newest running container of that name.
func (r *Runtime) Exit(name string, code int32) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.containers {
		if c.config.Metadata.Name == name && c.status.State == runtimeapi.ContainerState_CONTAINER_RUNNING {
			r.end(c, code, "")
			return nil
		}
	}
	return fmt.Errorf("exit %s: no such container runs", name)
}

// Running returns the names of running containers.
func (r *Runtime) Running() map[string]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := map[string]string{}
	for id, c := range r.containers {
		if c.status.State == runtimeapi.ContainerState_CONTAINER_RUNNING {
			out[c.config.Metadata.Name] = id
		}
	}
	return out
}

// Sizes returns how many sandboxes and containers exist.
func (r *Runtime) Sizes() (sandboxes, containers int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.sandboxes), len(r.containers)
}

// Config returns the configuration of the running container of that name.
func (r *Runtime) Config(name string) *runtimeapi.ContainerConfig {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.containers {
		if c.config.Metadata.Name == name && c.status.State == runtimeapi.ContainerState_CONTAINER_RUNNING {
			return c.config
		}
	}
	return nil
}

// end needs r.mu held.
func (r *Runtime) end(c *container, code int32, reason string) {
	if c.status.State != runtimeapi.ContainerState_CONTAINER_RUNNING {
		return
	}
	next := clone(c.status)
	next.State, next.ExitCode, next.Reason = runtimeapi.ContainerState_CONTAINER_EXITED, code, reason
	next.FinishedAt = time.Now().UnixNano()
	c.status = next
	close(c.ended)
	r.publish(c, runtimeapi.ContainerEventType_CONTAINER_STOPPED_EVENT)
}

func clone(s *runtimeapi.ContainerStatus) *runtimeapi.ContainerStatus {
	return &runtimeapi.ContainerStatus{Id: s.Id, Metadata: s.Metadata, State: s.State, CreatedAt: s.CreatedAt, StartedAt: s.StartedAt,
		FinishedAt: s.FinishedAt, ExitCode: s.ExitCode, Image: s.Image, ImageRef: s.ImageRef, Reason: s.Reason, Message: s.Message,
		Labels: s.Labels, Annotations: s.Annotations, Mounts: s.Mounts, LogPath: s.LogPath, Resources: s.Resources, ImageId: s.ImageId}
}

func (r *Runtime) publish(c *container, kind runtimeapi.ContainerEventType) {
	e := &runtimeapi.ContainerEventResponse{ContainerId: c.status.Id, ContainerEventType: kind, CreatedAt: time.Now().UnixNano(), PodSandboxStatus: r.sandboxes[c.sandbox]}
	for s := range r.subs {
		select {
		case s <- e:
		default:
			delete(r.subs, s)
			close(s)
		}
	}
}

// Events tells of containers' changes.
func (r *Runtime) Events(ctx context.Context, size int) <-chan *runtimeapi.ContainerEventResponse {
	c := make(chan *runtimeapi.ContainerEventResponse, size)
	r.mu.Lock()
	r.subs[c] = true
	r.mu.Unlock()
	context.AfterFunc(ctx, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.subs[c] {
			delete(r.subs, c)
			close(c)
		}
	})
	return c
}

// call notes a call and returns the failure that a test asked for. It needs
// r.mu held.
func (r *Runtime) call(method, what string) error {
	r.calls = append(r.calls, method+" "+what)
	return r.fail[method]
}

func notFound(id string) error { return status.Errorf(codes.NotFound, "%s not found", id) }
