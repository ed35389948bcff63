package scheduler

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"minke/client"
	"minke/client/fake"
)

func testNode(name, cpu string, change ...func(*corev1.Node)) *corev1.Node {
	n := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), Labels: map[string]string{corev1.LabelHostname: name}},
		Status: corev1.NodeStatus{Allocatable: corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse("8Gi"), corev1.ResourcePods: resource.MustParse("110"),
		}},
	}
	for _, c := range change {
		c(n)
	}
	return n
}

func testPod(name, cpu string, change ...func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
		Spec: corev1.PodSpec{SchedulerName: corev1.DefaultSchedulerName, Containers: []corev1.Container{{
			Name: "c", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu)}},
		}}},
	}
	for _, c := range change {
		c(p)
	}
	return p
}

func priority(n int32) func(*corev1.Pod) { return func(p *corev1.Pod) { p.Spec.Priority = &n } }

// world is a fake API with a scheduler at work, in a synctest bubble.
type world struct {
	*testing.T
	*fake.Server
}

// run starts a scheduler over objs and lets story happen.
func run(t *testing.T, story func(w world), objs ...client.Object) {
	synctest.Test(t, func(t *testing.T) {
		api := fake.New(objs...).Guarded(t)
		ctx, cancel := context.WithCancel(t.Context())
		informers := client.NewInformers(api)
		s := New(api, informers, Options{Chance: rand.New(rand.NewPCG(1, 2))})
		informers.Start(ctx)
		done := make(chan error)
		go func() { done <- s.Run(ctx) }()
		synctest.Wait()
		story(world{t, api})
		synctest.Wait()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		synctest.Wait()
	})
}

func (w world) create(pod *corev1.Pod) {
	w.Helper()
	if _, err := client.Of(w, client.Pods).Create(w.Context(), pod); err != nil {
		w.Fatal(err)
	}
	synctest.Wait()
}

func (w world) pod(name string) *corev1.Pod {
	w.Helper()
	pod, err := client.Of(w, client.Pods).Get(w.Context(), "default", name)
	if err != nil {
		w.Fatal(err)
	}
	return pod
}

func (w world) wantNode(name, node string) {
	w.Helper()
	synctest.Wait()
	if got := w.pod(name).Spec.NodeName; got != node {
		c := condition(w.pod(name), corev1.PodScheduled)
		w.Errorf("pod %s is on node %q, want %q (%v)", name, got, node, c)
	}
}

func (w world) events() map[string]string {
	found := map[string]string{}
	list, _, err := client.Of(w, client.Events).List(w.Context(), "", metav1.ListOptions{})
	if err != nil {
		w.Fatal(err)
	}
	for _, e := range list {
		found[e.InvolvedObject.Name+" "+e.Reason] = e.Message
	}
	return found
}

func TestBind(t *testing.T) {
	run(t, func(w world) {
		start := time.Now()
		w.create(testPod("a", "1"))
		w.wantNode("a", "n1")
		if took := time.Since(start); took != 0 {
			w.Errorf("an idle scheduler waited %v", took)
		}
		if got := w.events()["a Scheduled"]; got != "Successfully assigned default/a to n1" {
			w.Errorf("event %q", got)
		}
		w.create(testPod("other", "1", func(p *corev1.Pod) { p.Spec.SchedulerName = "mine" }))
		w.wantNode("other", "")
		w.create(testPod("gated", "1", func(p *corev1.Pod) { p.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "x"}} }))
		w.wantNode("gated", "")
		if _, err := client.Of(w, client.Pods).Patch(w.Context(), "default", "gated", types.MergePatchType, []byte(`{"spec":{"schedulingGates":null}}`)); err != nil {
			w.Fatal(err)
		}
		w.wantNode("gated", "n1")
	}, testNode("n1", "4"))
}

func TestUnschedulable(t *testing.T) {
	tainted := func(n *corev1.Node) {
		n.Spec.Taints = []corev1.Taint{{Key: "k", Effect: corev1.TaintEffectNoSchedule}}
	}
	run(t, func(w world) {
		w.create(testPod("a", "3"))
		c := condition(w.pod("a"), corev1.PodScheduled)
		want := "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint(s). " +
			"preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."
		if c == nil || c.Status != corev1.ConditionFalse || c.Reason != "Unschedulable" || c.Message != want {
			w.Errorf("condition %+v\nwant message %q", c, want)
		}
		if got := w.events()["a FailedScheduling"]; got != want {
			w.Errorf("event %q", got)
		}
		// A node that fits comes, and the pod need not wait longer than its
		// backoff.
		w.Put(testNode("n4", "4"))
		time.Sleep(firstPause)
		w.wantNode("a", "n4")
	}, testNode("n1", "2"), testNode("n2", "4", tainted), testNode("n3", "4", tainted))
}

const firstPause = time.Second

// TestFeatureAppears: a pod waits for a node that declares what it needs.
func TestFeatureAppears(t *testing.T) {
	run(t, func(w world) {
		w.create(testPod("a", "1", func(p *corev1.Pod) {
			p.Spec.Containers[0].RestartPolicyRules = []corev1.ContainerRestartRule{{Action: corev1.ContainerRestartRuleActionRestartAllContainers}}
		}))
		w.wantNode("a", "")
		n := testNode("n1", "4")
		n.Status.DeclaredFeatures = []string{"RestartAllContainersOnContainerExits"}
		w.Put(n)
		time.Sleep(firstPause)
		w.wantNode("a", "n1")
	}, testNode("n1", "4"))
}

func TestNoNodes(t *testing.T) {
	run(t, func(w world) {
		w.create(testPod("a", "1"))
		if c := condition(w.pod("a"), corev1.PodScheduled); c == nil || c.Message != "no nodes available to schedule pods" {
			w.Errorf("condition %+v", c)
		}
	})
}

func TestRoomIsMadeByDeletion(t *testing.T) {
	run(t, func(w world) {
		w.create(testPod("a", "3"))
		w.create(testPod("b", "3"))
		w.wantNode("b", "")
		time.Sleep(time.Minute)
		if err := client.Of(w, client.Pods).Delete(w.Context(), "default", "a", metav1.DeleteOptions{GracePeriodSeconds: new(int64)}); err != nil {
			w.Fatal(err)
		}
		w.wantNode("b", "n1")
	}, testNode("n1", "4"))
}

func TestPreemption(t *testing.T) {
	run(t, func(w world) {
		w.create(testPod("low", "2", priority(1)))
		w.create(testPod("middle", "1", priority(5)))
		w.wantNode("low", "n1")
		w.create(testPod("never", "3", priority(9), func(p *corev1.Pod) {
			never := corev1.PreemptNever
			p.Spec.PreemptionPolicy = &never
		}))
		if m := condition(w.pod("never"), corev1.PodScheduled).Message; !strings.HasSuffix(m, "preemption: not eligible due to preemptionPolicy=Never.") {
			w.Errorf("message %q", m)
		}
		time.Sleep(time.Second) // events of one instant would have one name
		w.create(testPod("high", "2", priority(10)))
		if _, err := client.Of(w, client.Pods).Get(w.Context(), "default", "low"); err == nil {
			if p := w.pod("low"); p.DeletionTimestamp == nil || condition(p, corev1.DisruptionTarget) == nil {
				w.Errorf("the less important pod was left alone: %+v", p.Status)
			}
			if got := w.pod("high").Status.NominatedNodeName; got != "n1" {
				w.Errorf("nominated for node %q", got)
			}
			if err := client.Of(w, client.Pods).Delete(w.Context(), "default", "low", metav1.DeleteOptions{GracePeriodSeconds: new(int64)}); err != nil {
				w.Fatal(err)
			}
		}
		time.Sleep(2 * time.Second)
		w.wantNode("high", "n1")
		w.wantNode("middle", "n1")
		synctest.Wait()
		if got := w.events()["low Preempted"]; !strings.HasSuffix(got, " on node n1") {
			w.Errorf("event %q", got)
		}
	}, testNode("n1", "4"))
}

// TestFaults lets the API fail often, forget to answer, and end watches: every
// pod is bound in the end, and no node has more than it can hold.
func TestFaults(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	run(t, func(w world) {
		w.SetFaults(fake.Faults{
			Rand: rand.New(rand.NewPCG(seed, 1)), Fail: 0.2, Lose: 0.2, Conflict: 0.1, EndWatch: 0.05, Expire: 0.05, Delay: 50 * time.Millisecond,
		})
		const n = 24
		for i := range n {
			for created := false; !created; {
				_, err := client.Of(w, client.Pods).Create(w.Context(), testPod(fmt.Sprint("p", i), "1"))
				created = err == nil || apierrors.IsAlreadyExists(err)
			}
		}
		time.Sleep(30 * time.Minute)
		w.SetFaults(fake.Faults{})
		time.Sleep(10 * time.Minute)
		used := map[string]int{}
		for i := range n {
			used[w.pod(fmt.Sprint("p", i)).Spec.NodeName]++
		}
		if used["n1"] != 8 || used["n2"] != 8 || used["n3"] != 8 {
			w.Errorf("pods by node: %v, want 8 on each of three", used)
		}
	}, testNode("n1", "8"), testNode("n2", "8"), testNode("n3", "8"))
}

func TestDaemonPod(t *testing.T) {
	named := func(p *corev1.Pod) {
		p.Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
			NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchFields: []corev1.NodeSelectorRequirement{{Key: "metadata.name", Operator: corev1.NodeSelectorOpIn, Values: []string{"n2"}}}}},
		}}}
	}
	run(t, func(w world) {
		w.create(testPod("a", "1", named))
		w.wantNode("a", "n2")
		w.create(testPod("b", "9", named))
		if m := condition(w.pod("b"), corev1.PodScheduled).Message; !strings.HasPrefix(m, "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) didn't satisfy plugin(s) [NodeAffinity].") {
			w.Errorf("message %q", m)
		}
	}, testNode("n1", "4"), testNode("n2", "4"), testNode("n3", "4"))
}

// TestPreemptionWaits lets a victim stay on for long: meanwhile nobody else has
// to go for the same pod.
func TestPreemptionWaits(t *testing.T) {
	stubborn := func(p *corev1.Pod) { p.Finalizers = []string{"x/y"} }
	run(t, func(w world) {
		w.create(testPod("low1", "3", priority(1), stubborn))
		w.create(testPod("low2", "3", priority(2), stubborn))
		time.Sleep(time.Second)
		w.create(testPod("high", "3", priority(10)))
		for i := range 20 { // events that make it try again
			time.Sleep(time.Minute)
			w.create(testPod(fmt.Sprint("x", i), "1m", priority(0)))
		}
		gone := 0
		for _, name := range []string{"low1", "low2"} {
			if w.pod(name).DeletionTimestamp != nil {
				gone++
			}
		}
		if gone != 1 || w.pod("low1").DeletionTimestamp == nil {
			w.Errorf("%d pods had to go for one", gone)
		}
		node := w.pod("low1").Spec.NodeName
		if got := w.pod("high").Status.NominatedNodeName; got != node {
			w.Errorf("nominated for node %q, want %q", got, node)
		}
		if _, err := client.Of(w, client.Pods).Patch(w.Context(), "default", "low1", types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`)); err != nil {
			w.Fatal(err)
		}
		// The kubelet's last word.
		if err := client.Of(w, client.Pods).Delete(w.Context(), "default", "low1", metav1.DeleteOptions{GracePeriodSeconds: new(int64)}); err != nil {
			w.Fatal(err)
		}
		w.wantNode("high", node)
	}, testNode("n1", "4"), testNode("n2", "4"))
}
