package kubelet_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"minke/client"
	"minke/client/fake"
	"minke/kubelet"
	"minke/kubelet/fakeruntime"
)

var errKilled = errors.New("the process was killed")

// mortal is a kubelet's process: after so many calls that change something it is
// killed, before or after the last of them is done, and nothing comes of any
// call after that.
type mortal struct {
	mu    sync.Mutex // guards what follows
	left  int
	late  bool // the last call is done, and its answer lost
	dead  bool
	death chan struct{}
}

func newMortal(chance *rand.Rand) *mortal {
	return &mortal{left: 1 + chance.IntN(40), late: chance.IntN(2) == 0, death: make(chan struct{})}
}

// through makes a call, if the process lives.
func through[A any](m *mortal, call func() (A, error)) (A, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var none A
	if m.dead {
		return none, errKilled
	}
	if m.left--; m.left > 0 {
		return call()
	}
	m.dead = true
	defer close(m.death)
	if m.late {
		if _, err := call(); err != nil {
			return none, errors.Join(errKilled, err)
		}
	}
	return none, errKilled
}

type mortalAPI struct {
	*fake.Server
	m *mortal
}

func (a mortalAPI) Do(ctx context.Context, r client.Request) (runtime.Object, error) {
	if r.Verb == "get" || r.Verb == "list" || r.Resource.Resource == "events" {
		return a.Server.Do(ctx, r)
	}
	return through(a.m, func() (runtime.Object, error) { return a.Server.Do(ctx, r) })
}

type mortalRuntime struct {
	*fakeruntime.Runtime
	m *mortal
}

func (r mortalRuntime) RunPodSandbox(ctx context.Context, q *runtimeapi.RunPodSandboxRequest) (*runtimeapi.RunPodSandboxResponse, error) {
	return through(r.m, func() (*runtimeapi.RunPodSandboxResponse, error) { return r.Runtime.RunPodSandbox(ctx, q) })
}

func (r mortalRuntime) StopPodSandbox(ctx context.Context, q *runtimeapi.StopPodSandboxRequest) (*runtimeapi.StopPodSandboxResponse, error) {
	return through(r.m, func() (*runtimeapi.StopPodSandboxResponse, error) { return r.Runtime.StopPodSandbox(ctx, q) })
}

func (r mortalRuntime) RemovePodSandbox(ctx context.Context, q *runtimeapi.RemovePodSandboxRequest) (*runtimeapi.RemovePodSandboxResponse, error) {
	return through(r.m, func() (*runtimeapi.RemovePodSandboxResponse, error) { return r.Runtime.RemovePodSandbox(ctx, q) })
}

func (r mortalRuntime) CreateContainer(ctx context.Context, q *runtimeapi.CreateContainerRequest) (*runtimeapi.CreateContainerResponse, error) {
	return through(r.m, func() (*runtimeapi.CreateContainerResponse, error) { return r.Runtime.CreateContainer(ctx, q) })
}

func (r mortalRuntime) StartContainer(ctx context.Context, q *runtimeapi.StartContainerRequest) (*runtimeapi.StartContainerResponse, error) {
	return through(r.m, func() (*runtimeapi.StartContainerResponse, error) { return r.Runtime.StartContainer(ctx, q) })
}

func (r mortalRuntime) StopContainer(ctx context.Context, q *runtimeapi.StopContainerRequest) (*runtimeapi.StopContainerResponse, error) {
	return through(r.m, func() (*runtimeapi.StopContainerResponse, error) { return r.Runtime.StopContainer(ctx, q) })
}

func (r mortalRuntime) RemoveContainer(ctx context.Context, q *runtimeapi.RemoveContainerRequest) (*runtimeapi.RemoveContainerResponse, error) {
	return through(r.m, func() (*runtimeapi.RemoveContainerResponse, error) { return r.Runtime.RemoveContainer(ctx, q) })
}

// live runs a kubelet until m is killed or it has had a minute.
func (b *bench) live(m *mortal) {
	b.Helper()
	c := b.config()
	c.API, c.Runtime = mortalAPI{b.api, m}, mortalRuntime{b.rt, m}
	k, err := kubelet.New(c)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- k.Run(ctx) }()
	select {
	case <-m.death:
	case <-time.After(time.Minute):
		m.mu.Lock()
		m.dead = true
		m.mu.Unlock()
	}
	cancel()
	if err := <-ended; err != nil && !errors.Is(err, errKilled) {
		b.Error(err)
	}
}

// TestKilledKubelet kills the kubelet at any of its calls, again and again, while
// pods come and while they go: those that come run and were never restarted, those
// that go leave nothing.
func TestKilledKubelet(t *testing.T) {
	sidecar := corev1.ContainerRestartPolicyAlways
	ok := &corev1.Probe{ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"ok"}}}, PeriodSeconds: 1}
	for seed := range uint64(30) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				chance := rand.New(rand.NewPCG(seed, 7))
				b := &bench{T: t, api: fake.New().Guarded(t), rt: fakeruntime.New("web:1"), dir: t.TempDir()}
				b.pods = client.Of(b.api, client.Pods)
				const n = 4
				for i := range n {
					p := pod(fmt.Sprintf("p%d", i), corev1.Container{Name: fmt.Sprintf("a%d", i), LivenessProbe: ok, ReadinessProbe: ok}, corev1.Container{Name: fmt.Sprintf("b%d", i)})
					if i%2 == 0 {
						p.Spec.InitContainers = []corev1.Container{{Name: fmt.Sprintf("s%d", i), Image: "web:1", RestartPolicy: &sidecar}}
					}
					b.api.Put(p)
				}
				for range 1 + chance.IntN(4) {
					b.live(newMortal(chance))
				}
				b.start()
				settle(time.Minute)
				for i := range n {
					p := b.get(fmt.Sprintf("p%d", i))
					for _, c := range append(p.Status.ContainerStatuses, p.Status.InitContainerStatuses...) {
						if c.RestartCount != 0 || c.State.Running == nil {
							t.Errorf("%s: the container %s: %+v", p.Name, c.Name, c)
						}
					}
					if condition(p, corev1.PodReady) != corev1.ConditionTrue {
						t.Errorf("%s: %+v", p.Name, p.Status)
					}
				}
				if boxes, containers := b.rt.Sizes(); boxes != n || containers != 2*n+n/2 {
					t.Errorf("there are %d sandboxes and %d containers", boxes, containers)
				}
				b.stop()
				for i := range n {
					if err := b.pods.Delete(t.Context(), "default", fmt.Sprintf("p%d", i), metav1.DeleteOptions{}); err != nil {
						t.Fatal(err)
					}
				}
				for range 1 + chance.IntN(4) {
					b.live(newMortal(chance))
				}
				b.start()
				settle(3 * time.Minute)
				if list, _, err := b.pods.List(t.Context(), "", metav1.ListOptions{}); err != nil || len(list) != 0 {
					t.Errorf("%d pods are left, %v", len(list), err)
				}
				if boxes, containers := b.rt.Sizes(); boxes+containers != 0 {
					t.Errorf("%d sandboxes and %d containers are left", boxes, containers)
				}
				b.stop()
			})
		})
	}
}
