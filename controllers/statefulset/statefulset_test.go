package statefulset_test

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

	"minke/client"
	"minke/client/fake"
	"minke/controllers/controllertest"
	"minke/controllers/statefulset"
)

func newSet(replicas int32) *appsv1.StatefulSet {
	labels := map[string]string{"app": "db"}
	return &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "db"},
		Spec: appsv1.StatefulSetSpec{
			Replicas: &replicas, ServiceName: "db", Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template:             corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "v0"}}}},
			VolumeClaimTemplates: []corev1.PersistentVolumeClaim{{ObjectMeta: metav1.ObjectMeta{Name: "data"}}},
		},
	}
}

type world struct {
	*testing.T
	ctx context.Context
	api *fake.Server
}

func start(t *testing.T, r *rand.Rand) (*world, func()) {
	w, done := startWithoutNodes(t)
	go controllertest.RunPods(w.ctx, w.api, r, time.Second)
	return w, done
}

// startWithoutNodes leaves all pods as they were created.
func startWithoutNodes(t *testing.T) (*world, func()) {
	ctx, cancel := context.WithCancel(t.Context())
	api := fake.New().Guarded(t)
	informers := client.NewInformers(api)
	c := statefulset.New(api, informers)
	informers.Start(ctx)
	go c.Run(ctx)
	return &world{t, ctx, api}, func() {
		cancel()
		synctest.Wait()
	}
}

// images lists the members' images in order, "-" where one is missing.
func (w *world) images(n int) []string {
	images := []string{}
	for i := range n {
		pod, err := client.Of(w.api, client.Pods).Get(w.ctx, "default", fmt.Sprint("db-", i))
		if err != nil {
			images = append(images, "-")
			continue
		}
		images = append(images, pod.Spec.Containers[0].Image)
	}
	return images
}

func (w *world) patch(patch string) {
	w.Helper()
	if _, err := client.Of(w.api, client.StatefulSets).Patch(w.ctx, "default", "db", types.StrategicMergePatchType, []byte(patch)); err != nil {
		w.Fatal(err)
	}
}

func (w *world) expect(want string, n int) {
	w.Helper()
	time.Sleep(20 * time.Minute)
	synctest.Wait()
	if got := fmt.Sprint(w.images(n)); got != want {
		w.Errorf("got %s, want %s", got, want)
	}
}

func TestLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, done := start(t, nil)
		defer done()
		client.Of(w.api, client.StatefulSets).Create(w.ctx, newSet(3))
		w.expect("[v0 v0 v0]", 3)
		pod, _ := client.Of(w.api, client.Pods).Get(w.ctx, "default", "db-1")
		if pod.Spec.Hostname != "db-1" || pod.Spec.Subdomain != "db" || pod.Labels["apps.kubernetes.io/pod-index"] != "1" ||
			pod.Spec.Volumes[0].PersistentVolumeClaim.ClaimName != "data-db-1" {
			t.Errorf("the identity of db-1: got %+v", pod)
		}
		w.patch(`{"spec":{"updateStrategy":{"rollingUpdate":{"partition":2}},"template":{"spec":{"containers":[{"name":"c","image":"v1"}]}}}}`)
		w.expect("[v0 v0 v1]", 3)
		zero := int64(0)
		client.Of(w.api, client.Pods).Delete(w.ctx, "default", "db-0", metav1.DeleteOptions{GracePeriodSeconds: &zero})
		w.expect("[v0 v0 v1]", 3)
		w.patch(`{"spec":{"updateStrategy":{"rollingUpdate":{"partition":0}}}}`)
		w.expect("[v1 v1 v1]", 3)
		set, _ := client.Of(w.api, client.StatefulSets).Get(w.ctx, "default", "db")
		if s := set.Status; s.CurrentRevision != s.UpdateRevision || s.CurrentReplicas != 3 || s.ReadyReplicas != 3 {
			t.Errorf("status: got %+v", s)
		}
		w.patch(`{"spec":{"replicas":1}}`)
		w.expect("[v1 - -]", 3)
	})
}

func TestHaltsAtUnreadyPod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, done := start(t, nil)
		defer done()
		set := newSet(3)
		set.Spec.Template.Spec.Containers[0].Image = "never"
		client.Of(w.api, client.StatefulSets).Create(w.ctx, set)
		w.expect("[never - -]", 3)
		client.Of(w.api, client.StatefulSets).Delete(w.ctx, "default", "db", metav1.DeleteOptions{})
		set = newSet(3)
		set.Name, set.Spec.PodManagementPolicy = "db2", appsv1.ParallelPodManagement
		set.Spec.Template.Spec.Containers[0].Image = "never"
		set.Spec.Template.Labels = map[string]string{"app": "db2"}
		set.Spec.Selector.MatchLabels = map[string]string{"app": "db2"}
		client.Of(w.api, client.StatefulSets).Create(w.ctx, set)
		time.Sleep(time.Minute)
		synctest.Wait()
		if _, err := client.Of(w.api, client.Pods).Get(w.ctx, "default", "db2-2"); err != nil {
			t.Errorf("a parallel set waits: %v", err)
		}
	})
}

// Whatever fails, never are two members away in a rollout.
func TestOrderUnderFaults(t *testing.T) {
	for range 10 {
		seed := rand.Uint64()
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := rand.New(rand.NewPCG(seed, 1))
				w, done := start(t, rand.New(rand.NewPCG(seed, 2)))
				defer done()
				client.Of(w.api, client.StatefulSets).Create(w.ctx, newSet(5))
				w.expect("[v0 v0 v0 v0 v0]", 5)
				w.patch(`{"spec":{"template":{"spec":{"containers":[{"name":"c","image":"v1"}]}}}}`)
				w.api.SetFaults(fake.Faults{Rand: r, Fail: 0.1, Lose: 0.1, Conflict: 0.2, EndWatch: 0.1, Delay: 100 * time.Millisecond})
				for range 300 {
					time.Sleep(50 * time.Millisecond)
					pods, _, err := client.Of(w.api, client.Pods).List(w.ctx, "default", metav1.ListOptions{})
					if _, ready := controllertest.Count(pods); err == nil && ready < 4 {
						t.Fatalf("%d members are ready, want at least 4", ready)
					}
				}
				w.api.SetFaults(fake.Faults{})
				w.expect("[v1 v1 v1 v1 v1]", 5)
			})
		})
	}
}
