package kubelet_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"minke/client"
	"minke/client/fake"
	"minke/kubelet"
	"minke/kubelet/eviction"
	"minke/kubelet/fakeruntime"
	"minke/kubelet/volume"
	"minke/tracing"
)

// bench is a node on a fake API and a fake runtime.
type bench struct {
	*testing.T
	api  *fake.Server
	rt   *fakeruntime.Runtime
	pods client.Resource[*corev1.Pod]
	dir  string
	stop func()
	// tracer is nil unless a test sets it before start.
	tracer *tracing.Tracer
}

// fakeMounts pretends that nothing is ever mounted.
type fakeMounts struct{ volume.Mounter }

func (fakeMounts) Tmpfs(string, string) error       { return nil }
func (fakeMounts) Unmount(string) error             { return nil }
func (fakeMounts) Mounted(string) (bool, error)     { return false, nil }
func (fakeMounts) Beneath(string) ([]string, error) { return nil, nil }

func newBench(t *testing.T, images ...string) *bench {
	b := &bench{T: t, api: fake.New().Guarded(t), rt: fakeruntime.New(images...), dir: t.TempDir()}
	b.pods = client.Of(b.api, client.Pods)
	b.start()
	return b
}

// plenty is a machine with nothing scarce, whatever this one has.
func plenty() ([]eviction.Signal, error) { return nil, nil }

// config is that of the node.
func (b *bench) config() kubelet.Config {
	return kubelet.Config{
		NodeName: "n1", API: b.api, Runtime: b.rt, Images: b.rt, Mounter: fakeMounts{},
		Signals: plenty, RootDir: b.dir + "/kubelet", LogDir: b.dir + "/logs", NodeIPs: []string{"192.0.2.1"}, ResolvConf: "/dev/null", Tracer: b.tracer,
		Capacity: corev1.ResourceList{"cpu": resource.MustParse("2"), "memory": resource.MustParse("4Gi"), "pods": resource.MustParse("10")},
	}
}

// start runs a kubelet; stop ends it and leaves its containers.
func (b *bench) start() { b.startWith(b.config()) }

func (b *bench) startWith(c kubelet.Config) {
	k, err := kubelet.New(c)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- k.Run(ctx) }()
	b.stop = func() {
		cancel()
		if err := <-done; err != nil {
			b.Error(err)
		}
	}
}

func pod(name string, containers ...corev1.Container) *corev1.Pod {
	for i := range containers {
		if containers[i].Image == "" {
			containers[i].Image = "web:1"
		}
	}
	grace := int64(30)
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID("uid-" + name), Generation: 1},
		Spec:       corev1.PodSpec{NodeName: "n1", Containers: containers, RestartPolicy: corev1.RestartPolicyAlways, TerminationGracePeriodSeconds: &grace},
		Status:     corev1.PodStatus{Phase: corev1.PodPending},
	}
}

func (b *bench) get(name string) *corev1.Pod {
	b.Helper()
	p, err := b.pods.Get(b.Context(), "default", name)
	if err != nil {
		b.Fatal(err)
	}
	return p
}

func condition(p *corev1.Pod, kind corev1.PodConditionType) corev1.ConditionStatus {
	for _, c := range p.Status.Conditions {
		if c.Type == kind {
			return c.Status
		}
	}
	return ""
}

func (b *bench) reasons() string {
	var out []string
	for _, r := range b.api.Requests() {
		if e, ok := r.Body.(*corev1.Event); ok {
			out = append(out, e.Reason)
		}
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), " ")
}

func TestPodRunsAndIsDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "web:1")
		defer func() { b.stop() }()
		synctest.Wait()
		b.api.Put(pod("a", corev1.Container{Name: "web"}))
		synctest.Wait()
		p := b.get("a")
		if p.Status.Phase != corev1.PodRunning || condition(p, corev1.PodReady) != corev1.ConditionTrue {
			t.Fatalf("status = %+v", p.Status)
		}
		if s := p.Status.ContainerStatuses[0]; s.ContainerID != "fake://c2" || !s.Ready || !*s.Started || p.Status.PodIP != "10.0.0.1" || p.Status.HostIP != "192.0.2.1" {
			t.Fatalf("status = %+v", p.Status)
		}
		if got := b.reasons(); got != "Created NodeReady Pulled Started Starting" {
			t.Errorf("events = %s", got)
		}
		if err := b.pods.Delete(t.Context(), "default", "a", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if list, _, _ := b.pods.List(t.Context(), "", metav1.ListOptions{}); len(list) != 0 {
			t.Fatalf("the pod is still there: %+v", list[0].Status)
		}
		if s, c := b.rt.Sizes(); s+c != 0 {
			t.Errorf("%d sandboxes and %d containers are left; calls %q", s, c, b.rt.Calls())
		}
	})
}

func TestRestartOfTheKubeletChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "web:1")
		ready := corev1.Container{Name: "web", ReadinessProbe: &corev1.Probe{ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"ok"}}}, PeriodSeconds: 10}}
		b.api.Put(pod("a", ready))
		synctest.Wait()
		before := b.get("a")
		if condition(before, corev1.PodReady) != corev1.ConditionTrue {
			t.Fatalf("not ready: %+v", before.Status)
		}
		b.stop()
		calls := len(b.rt.Calls())
		time.Sleep(time.Minute)
		b.start()
		synctest.Wait()
		time.Sleep(time.Minute)
		for _, call := range b.rt.Calls()[calls:] {
			if !strings.HasPrefix(call, "ExecSync") {
				t.Errorf("call %q", call)
			}
		}
		if after := b.get("a"); after.ResourceVersion != before.ResourceVersion {
			t.Errorf("the status was written again: %+v", after.Status)
		}
		b.stop()
	})
}

func TestCrashLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "web:1")
		defer func() { b.stop() }()
		b.api.Put(pod("a", corev1.Container{Name: "web"}))
		synctest.Wait()
		var waits []time.Duration
		for range 7 {
			if err := b.rt.Exit("web", 1); err != nil {
				t.Fatal(err)
			}
			ended := time.Now()
			synctest.Wait()
			for len(b.rt.Running()) == 0 {
				if s := b.get("a").Status.ContainerStatuses[0]; s.State.Waiting == nil || s.State.Waiting.Reason != "CrashLoopBackOff" || s.LastTerminationState.Terminated == nil {
					t.Fatalf("status = %+v", s)
				}
				time.Sleep(time.Second)
				synctest.Wait()
			}
			waits = append(waits, time.Since(ended).Round(time.Second))
		}
		want := []time.Duration{0, 10e9, 20e9, 40e9, 80e9, 160e9, 300e9}
		if !slices.Equal(waits, want) {
			t.Errorf("waits = %v, want %v", waits, want)
		}
		if s := b.get("a").Status.ContainerStatuses[0]; s.RestartCount != 7 {
			t.Errorf("restartCount = %d", s.RestartCount)
		}
	})
}
