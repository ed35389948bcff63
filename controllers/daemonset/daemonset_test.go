package daemonset_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"minke/client"
	"minke/client/fake"
	"minke/controllers/controllertest"
	"minke/controllers/daemonset"
)

func newSet(surge, unavailable string) *appsv1.DaemonSet {
	labels := map[string]string{"app": "agent"}
	s, u := intstr.Parse(surge), intstr.Parse(unavailable)
	return &appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "agent"},
		Spec: appsv1.DaemonSetSpec{
			Selector:       &metav1.LabelSelector{MatchLabels: labels},
			UpdateStrategy: appsv1.DaemonSetUpdateStrategy{Type: appsv1.RollingUpdateDaemonSetStrategyType, RollingUpdate: &appsv1.RollingUpdateDaemonSet{MaxSurge: &s, MaxUnavailable: &u}},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{
				NodeSelector: map[string]string{"daemons": "yes"}, Containers: []corev1.Container{{Name: "c", Image: "v0"}},
			}},
		},
	}
}

func node(name, daemons string, taints ...corev1.Taint) *corev1.Node {
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"daemons": daemons}}, Spec: corev1.NodeSpec{Taints: taints}}
}

func start(t *testing.T, r *rand.Rand) (context.Context, *fake.Server, func()) {
	ctx, cancel := context.WithCancel(t.Context())
	api := fake.New().Guarded(t)
	informers := client.NewInformers(api)
	c := daemonset.New(api, informers)
	informers.Start(ctx)
	go c.Run(ctx)
	go controllertest.RunPods(ctx, api, r, time.Second)
	return ctx, api, func() {
		cancel()
		synctest.Wait()
	}
}

func placed(t *testing.T, ctx context.Context, api client.Interface) map[string]string {
	t.Helper()
	pods, _, err := client.Of(api, client.Pods).List(ctx, "default", metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, pod := range pods {
		found[pod.Spec.NodeName] += pod.Spec.Containers[0].Image
	}
	return found
}

func TestPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, api, done := start(t, nil)
		defer done()
		api.Put(node("a", "yes"))
		api.Put(node("b", "no"))
		api.Put(node("c", "yes", corev1.Taint{Key: "mine", Effect: corev1.TaintEffectNoSchedule}))
		api.Put(node("d", "yes", corev1.Taint{Key: corev1.TaintNodeUnschedulable, Effect: corev1.TaintEffectNoSchedule}))
		client.Of(api, client.DaemonSets).Create(ctx, newSet("0", "1"))
		expect := func(want string) {
			t.Helper()
			time.Sleep(10 * time.Minute)
			synctest.Wait()
			if got := fmt.Sprint(placed(t, ctx, api)); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
		expect("map[a:v0 d:v0]")
		api.Put(node("b", "yes"))
		expect("map[a:v0 b:v0 d:v0]")
		api.Put(node("a", "yes", corev1.Taint{Key: "mine", Effect: corev1.TaintEffectNoExecute}))
		expect("map[b:v0 d:v0]")
		ds, _ := client.Of(api, client.DaemonSets).Get(ctx, "default", "agent")
		if s := ds.Status; s.DesiredNumberScheduled != 2 || s.NumberAvailable != 2 || s.UpdatedNumberScheduled != 2 || s.NumberMisscheduled != 0 {
			t.Errorf("status: got %+v", s)
		}
	})
}

// Whatever fails, a rollout takes away no more daemons at once than it may.
func TestRolloutUnderFaults(t *testing.T) {
	for i := range 10 {
		seed := rand.Uint64()
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := rand.New(rand.NewPCG(seed, 1))
				ctx, api, done := start(t, rand.New(rand.NewPCG(seed, 2)))
				defer done()
				set, least := newSet("0", "2"), int32(6)
				if i%2 == 1 {
					set, least = newSet("2", "0"), 8
				}
				for n := range 8 {
					api.Put(node(fmt.Sprint("n", n), "yes"))
				}
				client.Of(api, client.DaemonSets).Create(ctx, set)
				time.Sleep(time.Minute)
				client.Of(api, client.DaemonSets).Patch(ctx, "default", "agent", types.StrategicMergePatchType, []byte(`{"spec":{"template":{"spec":{"containers":[{"name":"c","image":"v1"}]}}}}`))
				api.SetFaults(fake.Faults{Rand: r, Fail: 0.1, Lose: 0.1, Conflict: 0.2, EndWatch: 0.1, Delay: 100 * time.Millisecond})
				for range 300 {
					time.Sleep(50 * time.Millisecond)
					pods, _, err := client.Of(api, client.Pods).List(ctx, "default", metav1.ListOptions{})
					if _, ready := controllertest.Count(pods); err == nil && ready < least {
						t.Fatalf("%d daemons are ready, want at least %d", ready, least)
					}
				}
				api.SetFaults(fake.Faults{})
				time.Sleep(30 * time.Minute)
				synctest.Wait()
				for node, image := range placed(t, ctx, api) {
					if image != "v1" {
						t.Errorf("%s runs %s, want v1", node, image)
					}
				}
			})
		})
	}
}
