package kubelet_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"minke/client"
)

// on runs f on a fresh node within a bubble of fake time.
func on(t *testing.T, f func(b *bench)) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "web:1")
		defer func() { b.stop() }()
		synctest.Wait()
		f(b)
	})
}

// settle lets d pass and everything come to rest.
func settle(d time.Duration) {
	synctest.Wait()
	time.Sleep(d)
	synctest.Wait()
}

func (b *bench) exit(name string, code int32) {
	b.Helper()
	if err := b.rt.Exit(name, code); err != nil {
		b.Fatal(err)
	}
	synctest.Wait()
}

func (b *bench) waiting(name string) string {
	s := b.get(name).Status.ContainerStatuses[0]
	if s.State.Waiting == nil {
		return ""
	}
	return s.State.Waiting.Reason + ": " + s.State.Waiting.Message
}

func TestRestartPolicies(t *testing.T) {
	for _, c := range []struct {
		policy  corev1.RestartPolicy
		code    int32
		want    corev1.PodPhase
		reason  string
		running int
	}{
		{corev1.RestartPolicyNever, 0, corev1.PodSucceeded, "Completed", 0},
		{corev1.RestartPolicyNever, 3, corev1.PodFailed, "Error", 0},
		{corev1.RestartPolicyOnFailure, 0, corev1.PodSucceeded, "Completed", 0},
		{corev1.RestartPolicyOnFailure, 3, corev1.PodRunning, "", 1},
		{corev1.RestartPolicyAlways, 0, corev1.PodRunning, "", 1},
	} {
		t.Run(string(c.policy), func(t *testing.T) {
			on(t, func(b *bench) {
				p := pod("a", corev1.Container{Name: "web"})
				p.Spec.RestartPolicy = c.policy
				b.api.Put(p)
				synctest.Wait()
				b.exit("web", c.code)
				s := b.get("a").Status
				if s.Phase != c.want || len(b.rt.Running()) != c.running {
					t.Fatalf("phase %s, %d running, status %+v", s.Phase, len(b.rt.Running()), s)
				}
				if c.reason != "" && (s.ContainerStatuses[0].State.Terminated == nil || s.ContainerStatuses[0].State.Terminated.Reason != c.reason) {
					t.Errorf("state = %+v", s.ContainerStatuses[0].State)
				}
			})
		})
	}
}

func TestInitContainersRunInOrderAndSidecarsStay(t *testing.T) {
	on(t, func(b *bench) {
		p := pod("a", corev1.Container{Name: "web"})
		always := corev1.ContainerRestartPolicyAlways
		p.Spec.InitContainers = []corev1.Container{{Name: "one", Image: "web:1"}, {Name: "side", Image: "web:1", RestartPolicy: &always}, {Name: "two", Image: "web:1"}}
		p.Spec.RestartPolicy = corev1.RestartPolicyNever
		b.api.Put(p)
		synctest.Wait()
		if r := b.rt.Running(); len(r) != 1 || r["one"] == "" {
			t.Fatalf("running %v", r)
		}
		if s := b.get("a").Status; s.Phase != corev1.PodPending || condition(b.get("a"), corev1.PodInitialized) != corev1.ConditionFalse {
			t.Fatalf("status %+v", s)
		}
		b.exit("one", 0)
		settle(time.Second)
		if r := b.rt.Running(); len(r) != 2 || r["side"] == "" || r["two"] == "" {
			t.Fatalf("running %v", r)
		}
		b.exit("two", 0)
		settle(time.Second)
		if r := b.rt.Running(); len(r) != 2 || r["side"] == "" || r["web"] == "" {
			t.Fatalf("running %v", r)
		}
		if condition(b.get("a"), corev1.PodReady) != corev1.ConditionTrue {
			t.Fatalf("status %+v", b.get("a").Status)
		}
		b.exit("side", 1) // a sidecar comes back even though the pod's policy is Never
		settle(11 * time.Second)
		if r := b.rt.Running(); r["side"] == "" {
			t.Fatalf("running %v", r)
		}
		b.exit("web", 0)
		settle(time.Second)
		if s := b.get("a").Status; s.Phase != corev1.PodSucceeded || len(b.rt.Running()) != 0 {
			t.Fatalf("status %+v, running %v", s, b.rt.Running())
		}
	})
}

func TestFailedInitContainerFailsThePod(t *testing.T) {
	on(t, func(b *bench) {
		p := pod("a", corev1.Container{Name: "web"})
		p.Spec.InitContainers = []corev1.Container{{Name: "one", Image: "web:1"}}
		p.Spec.RestartPolicy = corev1.RestartPolicyNever
		b.api.Put(p)
		synctest.Wait()
		b.exit("one", 1)
		settle(time.Second)
		s := b.get("a").Status
		if s.Phase != corev1.PodFailed || s.ContainerStatuses[0].State.Waiting == nil {
			t.Errorf("status %+v", s)
		}
	})
}

func TestGracefulEnd(t *testing.T) {
	on(t, func(b *bench) {
		p := pod("a", corev1.Container{Name: "web", Lifecycle: &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: 5}}}})
		b.api.Put(p)
		b.rt.IgnoreTerm("web")
		synctest.Wait()
		began := time.Now()
		if err := b.pods.Delete(t.Context(), "default", "a", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		for len(b.rt.Running()) > 0 {
			settle(time.Second)
		}
		if took := time.Since(began); took < 29*time.Second || took > 31*time.Second {
			t.Errorf("the end took %v, the grace is 30s", took)
		}
		settle(time.Second)
		if list, _, _ := b.pods.List(t.Context(), "", metav1.ListOptions{}); len(list) != 0 {
			t.Errorf("left: %+v", list[0].Status)
		}
	})
}

func TestShorterGraceTakesOver(t *testing.T) {
	on(t, func(b *bench) {
		p := pod("a", corev1.Container{Name: "web"})
		hour := int64(3600)
		p.Spec.TerminationGracePeriodSeconds = &hour
		b.api.Put(p)
		b.rt.IgnoreTerm("web")
		synctest.Wait()
		if err := b.pods.Delete(t.Context(), "default", "a", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		settle(10 * time.Second)
		short := int64(3)
		if err := b.pods.Delete(t.Context(), "default", "a", metav1.DeleteOptions{GracePeriodSeconds: &short}); err != nil {
			t.Fatal(err)
		}
		settle(5 * time.Second)
		if len(b.rt.Running()) != 0 {
			t.Error("the container still runs")
		}
	})
}

func TestVanishedPodsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "web:1")
		b.api.Put(pod("a", corev1.Container{Name: "web"}))
		synctest.Wait()
		b.stop()
		zero := int64(0)
		if err := b.pods.Delete(t.Context(), "default", "a", metav1.DeleteOptions{GracePeriodSeconds: &zero}); err != nil {
			t.Fatal(err)
		}
		b.start()
		settle(40 * time.Second)
		if s, c := b.rt.Sizes(); s+c != 0 {
			t.Errorf("%d sandboxes and %d containers are left", s, c)
		}
		b.stop()
	})
}

func TestMissingConfigMap(t *testing.T) {
	on(t, func(b *bench) {
		b.api.Put(pod("a", corev1.Container{Name: "web", Env: []corev1.EnvVar{{Name: "X", ValueFrom: &corev1.EnvVarSource{
			ConfigMapKeyRef: &corev1.ConfigMapKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "cm"}, Key: "k"}}}, {Name: "Y", Value: "<$(X)>"}}}))
		synctest.Wait()
		if got := b.waiting("a"); got != `CreateContainerConfigError: configmap "cm" not found` {
			t.Fatalf("waiting = %q", got)
		}
		b.api.Put(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "cm"}, Data: map[string]string{"k": "v"}})
		synctest.Wait() // the appearance itself starts the container
		config := b.rt.Config("web")
		if config == nil {
			t.Fatalf("not started: %q", b.waiting("a"))
		}
		env := ""
		for _, kv := range config.Envs {
			env += kv.Key + "=" + string(kv.Value) + ";"
		}
		if env != "X=v;Y=<v>;" {
			t.Errorf("env = %q", env)
		}
	})
}

func TestImagePull(t *testing.T) {
	on(t, func(b *bench) {
		b.api.Put(pod("a", corev1.Container{Name: "web", Image: "new:1"}))
		settle(time.Millisecond)
		if got := b.waiting("a"); !strings.HasPrefix(got, "ErrImagePull: ") {
			t.Fatalf("waiting = %q", got)
		}
		b.api.Put(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "unrelated"}})
		b.rt.Pullable("new:1")
		settle(9 * time.Second)
		if len(b.rt.Running()) != 0 {
			t.Error("pulled before the back-off was over")
		}
		settle(2 * time.Second)
		if len(b.rt.Running()) != 1 {
			t.Errorf("not started: %q", b.waiting("a"))
		}
		b.api.Put(pod("b", corev1.Container{Name: "web", Image: "x/UPPER:1"}))
		b.api.Put(pod("c", corev1.Container{Name: "web", Image: "none:1", ImagePullPolicy: corev1.PullNever}))
		synctest.Wait()
		if got := b.waiting("b"); !strings.HasPrefix(got, "InvalidImageName: ") {
			t.Errorf("waiting = %q", got)
		}
		if got := b.waiting("c"); !strings.HasPrefix(got, "ErrImageNeverPull: ") {
			t.Errorf("waiting = %q", got)
		}
	})
}

func TestAdmission(t *testing.T) {
	on(t, func(b *bench) {
		big := corev1.Container{Name: "web", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{"cpu": resource.MustParse("1500m")}}}
		port := corev1.Container{Name: "web", Ports: []corev1.ContainerPort{{ContainerPort: 80, HostPort: 8080}}}
		b.api.Put(pod("a", big))
		b.api.Put(pod("p", port))
		synctest.Wait()
		b.api.Put(pod("b", big))
		b.api.Put(pod("q", port))
		selected := pod("s", corev1.Container{Name: "web"})
		selected.Spec.NodeSelector = map[string]string{"disk": "ssd"}
		b.api.Put(selected)
		settle(time.Second)
		for name, reason := range map[string]string{"b": "OutOfcpu", "q": "NodePorts", "s": "NodeAffinity"} {
			if s := b.get(name).Status; s.Phase != corev1.PodFailed || s.Reason != reason {
				t.Errorf("%s: %s %s %s", name, s.Phase, s.Reason, s.Message)
			}
		}
	})
}

func TestLivenessRestartsAndReadinessTurns(t *testing.T) {
	on(t, func(b *bench) {
		var sick atomic.Bool
		b.rt.OnExec(func(_ string, cmd []string) (int32, string) {
			if cmd[0] == "live" && sick.Load() {
				return 1, "sick"
			}
			return 0, ""
		})
		probe := func(cmd string) *corev1.Probe {
			return &corev1.Probe{ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{cmd}}}, PeriodSeconds: 5, FailureThreshold: 2}
		}
		b.api.Put(pod("a", corev1.Container{Name: "web", LivenessProbe: probe("live"), ReadinessProbe: probe("ready")}))
		synctest.Wait()
		if condition(b.get("a"), corev1.PodReady) != corev1.ConditionTrue {
			t.Fatalf("not ready at once: %+v", b.get("a").Status)
		}
		sick.Store(true)
		settle(5 * time.Second) // one failure is not enough
		if b.get("a").Status.ContainerStatuses[0].RestartCount != 0 {
			t.Error("restarted too early")
		}
		settle(4 * time.Second)
		if s := b.get("a").Status.ContainerStatuses[0]; s.RestartCount != 1 || s.LastTerminationState.Terminated == nil {
			t.Errorf("status %+v", s)
		}
		if !strings.Contains(b.reasons(), "Unhealthy") || !strings.Contains(b.reasons(), "Killing") {
			t.Errorf("events %s", b.reasons())
		}
	})
}

func TestDeadline(t *testing.T) {
	on(t, func(b *bench) {
		p := pod("a", corev1.Container{Name: "web"})
		limit := int64(60)
		p.Spec.ActiveDeadlineSeconds = &limit
		b.api.Put(p)
		settle(59 * time.Second)
		if s := b.get("a").Status; s.Phase != corev1.PodRunning {
			t.Fatalf("phase %s", s.Phase)
		}
		settle(3 * time.Second)
		if s := b.get("a").Status; s.Phase != corev1.PodFailed || s.Reason != "DeadlineExceeded" || len(b.rt.Running()) != 0 {
			t.Errorf("status %+v", s)
		}
	})
}

func TestPodThatOthersDeclareFailedEnds(t *testing.T) {
	on(t, func(b *bench) {
		b.api.Put(pod("a", corev1.Container{Name: "web"}))
		settle(time.Second)
		failed := b.get("a").DeepCopy()
		failed.Status.Phase, failed.Status.Reason = corev1.PodFailed, "Judged"
		if _, err := b.pods.UpdateStatus(b.Context(), failed); err != nil {
			b.Fatal(err)
		}
		settle(time.Minute)
		if s := b.get("a").Status; s.Phase != corev1.PodFailed || s.Reason != "Judged" || len(b.rt.Running()) != 0 {
			t.Errorf("running %v, status %+v", b.rt.Running(), s)
		}
	})
}

func TestSandboxThatCannotBeMadeIsTriedAgain(t *testing.T) {
	on(t, func(b *bench) {
		b.rt.Fail("RunPodSandbox", errors.New("no address"))
		b.api.Put(pod("a", corev1.Container{Name: "web"}))
		settle(time.Second)
		if !strings.Contains(b.reasons(), "FailedCreatePodSandBox") || b.waiting("a") != "ContainerCreating: " {
			t.Errorf("events %s, waiting %q", b.reasons(), b.waiting("a"))
		}
		b.rt.Fail("RunPodSandbox", nil)
		settle(15 * time.Second)
		if condition(b.get("a"), corev1.PodReady) != corev1.ConditionTrue {
			t.Errorf("status %+v", b.get("a").Status)
		}
	})
}

func TestReadinessGate(t *testing.T) {
	on(t, func(b *bench) {
		p := pod("a", corev1.Container{Name: "web"})
		p.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: "x/y"}}
		b.api.Put(p)
		synctest.Wait()
		if condition(b.get("a"), corev1.PodReady) != corev1.ConditionFalse || condition(b.get("a"), corev1.ContainersReady) != corev1.ConditionTrue {
			t.Fatalf("status %+v", b.get("a").Status)
		}
		q := b.get("a").DeepCopy()
		q.Status.Conditions = append(q.Status.Conditions, corev1.PodCondition{Type: "x/y", Status: corev1.ConditionTrue})
		if _, err := b.pods.UpdateStatus(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if condition(b.get("a"), corev1.PodReady) != corev1.ConditionTrue || condition(b.get("a"), "x/y") != corev1.ConditionTrue {
			t.Errorf("status %+v", b.get("a").Status)
		}
	})
}

func TestNodeBecomesReadyWithItsNetwork(t *testing.T) {
	on(t, func(b *bench) {
		nodes := client.Of(b.api, client.Nodes)
		n, err := nodes.Get(t.Context(), "", "n1")
		if err != nil {
			t.Fatal(err)
		}
		if n.Labels[corev1.LabelHostname] != "n1" || n.Status.Capacity.Cpu().Value() != 2 || n.Status.Addresses[0].Address != "192.0.2.1" {
			t.Errorf("node %+v", n)
		}
		if _, err := client.Of(b.api, client.Leases).Get(t.Context(), corev1.NamespaceNodeLease, "n1"); err != nil {
			t.Error(err)
		}
		b.rt.Network("NoCNI")
		settle(11 * time.Second)
		ready := func() corev1.ConditionStatus {
			n, err := nodes.Get(t.Context(), "", "n1")
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range n.Status.Conditions {
				if c.Type == corev1.NodeReady {
					return c.Status
				}
			}
			return ""
		}
		if ready() != corev1.ConditionFalse {
			t.Error("still ready")
		}
		b.rt.Network("")
		settle(time.Second)
		if ready() != corev1.ConditionTrue {
			t.Error("not ready")
		}
	})
}
