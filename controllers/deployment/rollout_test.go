package deployment_test

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
	"minke/controllers/deployment"
	"minke/controllers/replicaset"
)

// world is a cluster of a fake API, the controllers of Deployments, and a node
// that runs pods at once or after a while.
type world struct {
	*testing.T
	ctx context.Context
	api *fake.Server
}

func newWorld(t *testing.T, r *rand.Rand) (*world, func()) {
	ctx, cancel := context.WithCancel(t.Context())
	api := fake.New().Guarded(t)
	informers := client.NewInformers(api)
	d, rs := deployment.New(api, informers), replicaset.New(api, informers, replicaset.ReplicaSets)
	informers.Start(ctx)
	go d.Run(ctx)
	go rs.Run(ctx)
	go controllertest.RunPods(ctx, api, r, 2*time.Second)
	return &world{t, ctx, api}, func() {
		cancel()
		synctest.Wait()
	}
}

func newDeployment(replicas int32, surge, unavailable string) *appsv1.Deployment {
	s, u := intstr.Parse(surge), intstr.Parse(unavailable)
	limit, deadline := int32(2), int32(600)
	labels := map[string]string{"app": "web"}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web", Labels: labels},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels},
			RevisionHistoryLimit: &limit, ProgressDeadlineSeconds: &deadline,
			Strategy: appsv1.DeploymentStrategy{Type: appsv1.RollingUpdateDeploymentStrategyType, RollingUpdate: &appsv1.RollingUpdateDeployment{MaxSurge: &s, MaxUnavailable: &u}},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "v0"}}},
			},
		},
	}
}

func (w *world) deployment() *appsv1.Deployment {
	d, err := client.Of(w.api, client.Deployments).Get(w.ctx, "default", "web")
	if err != nil {
		w.Fatal(err)
	}
	return d
}

func (w *world) patch(patch string) {
	w.Helper()
	if _, err := client.Of(w.api, client.Deployments).Patch(w.ctx, "default", "web", types.StrategicMergePatchType, []byte(patch)); err != nil {
		w.Fatal(err)
	}
}

func (w *world) image(version int) {
	w.patch(fmt.Sprintf(`{"spec":{"template":{"spec":{"containers":[{"name":"c","image":"v%d"}]}}}}`, version))
}

// settle lets time pass until the rollout is complete.
func (w *world) settle() *appsv1.Deployment {
	w.Helper()
	for range 600 {
		time.Sleep(time.Second)
		synctest.Wait()
		d := w.deployment()
		s := d.Status
		if s.ObservedGeneration == d.Generation && s.UpdatedReplicas == *d.Spec.Replicas && s.Replicas == s.UpdatedReplicas && s.AvailableReplicas == s.Replicas {
			time.Sleep(30 * time.Second)
			synctest.Wait()
			return w.deployment()
		}
	}
	w.Fatalf("the rollout did not complete: %+v", w.deployment().Status)
	return nil
}

func (w *world) sets() []*appsv1.ReplicaSet {
	sets, _, err := client.Of(w.api, client.ReplicaSets).List(w.ctx, "default", metav1.ListOptions{})
	if err != nil {
		w.Fatal(err)
	}
	return sets
}

func (w *world) pods() (active, available int32) {
	pods, _, err := client.Of(w.api, client.Pods).List(w.ctx, "default", metav1.ListOptions{})
	if err != nil {
		return -1, -1
	}
	return controllertest.Count(pods)
}

func TestRolloutHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, done := newWorld(t, nil)
		defer done()
		if _, err := client.Of(w.api, client.Deployments).Create(w.ctx, newDeployment(3, "1", "0")); err != nil {
			t.Fatal(err)
		}
		d := w.settle()
		if got := d.Annotations["deployment.kubernetes.io/revision"]; got != "1" {
			t.Errorf("revision: got %q, want 1", got)
		}
		for version := 1; version <= 4; version++ {
			w.image(version)
			d = w.settle()
		}
		if got := d.Annotations["deployment.kubernetes.io/revision"]; got != "5" {
			t.Errorf("revision: got %q, want 5", got)
		}
		if got := len(w.sets()); got != 3 {
			t.Errorf("kept sets: got %d, want 2 old and 1 new", got)
		}
		w.image(3) // a rollback
		d = w.settle()
		if got := d.Annotations["deployment.kubernetes.io/revision"]; got != "6" {
			t.Errorf("revision after rollback: got %q, want 6", got)
		}
		for _, c := range d.Status.Conditions {
			if c.Status != corev1.ConditionTrue || c.Reason != "NewReplicaSetAvailable" && c.Reason != "MinimumReplicasAvailable" {
				t.Errorf("condition: got %+v", c)
			}
		}
		w.patch(`{"spec":{"replicas":0}}`)
		w.settle()
		if active, _ := w.pods(); active != 0 {
			t.Errorf("got %d pods after scaling to 0", active)
		}
	})
}

func TestPauseHoldsTemplate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, done := newWorld(t, nil)
		defer done()
		client.Of(w.api, client.Deployments).Create(w.ctx, newDeployment(2, "1", "1"))
		w.settle()
		w.patch(`{"spec":{"paused":true}}`)
		w.image(1)
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := len(w.sets()); got != 1 {
			t.Errorf("sets while paused: got %d, want 1", got)
		}
		w.patch(`{"spec":{"paused":false}}`)
		w.settle()
		if got := len(w.sets()); got != 2 {
			t.Errorf("sets after resuming: got %d, want 2", got)
		}
	})
}

func TestRecreateNeverMixes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, done := newWorld(t, nil)
		defer done()
		d := newDeployment(3, "1", "1")
		d.Spec.Strategy = appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType}
		client.Of(w.api, client.Deployments).Create(w.ctx, d)
		w.settle()
		w.image(1)
		for range 100 {
			time.Sleep(100 * time.Millisecond)
			pods, _, _ := client.Of(w.api, client.Pods).List(w.ctx, "default", metav1.ListOptions{})
			images := map[string]bool{}
			for _, pod := range pods {
				images[pod.Spec.Containers[0].Image] = true
			}
			if len(images) > 1 {
				t.Fatalf("old and new pods at once: %v", images)
			}
		}
		w.settle()
	})
}

func TestProgressDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, done := newWorld(t, nil)
		defer done()
		d := newDeployment(2, "1", "0")
		*d.Spec.ProgressDeadlineSeconds = 60
		client.Of(w.api, client.Deployments).Create(w.ctx, d)
		w.settle()
		w.patch(`{"spec":{"template":{"spec":{"containers":[{"name":"c","image":"never"}]}}}}`)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		reason := ""
		for _, c := range w.deployment().Status.Conditions {
			if c.Type == appsv1.DeploymentProgressing {
				reason = c.Reason
			}
		}
		if reason != "ProgressDeadlineExceeded" {
			t.Errorf("reason: got %q, want ProgressDeadlineExceeded", reason)
		}
	})
}

// Whatever fails, a rollout keeps at least replicas-maxUnavailable pods
// available and comes to its end.
func TestRolloutUnderFaults(t *testing.T) {
	for range 15 {
		seed := rand.Uint64()
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { rolloutUnderFaults(t, rand.New(rand.NewPCG(seed, 1))) })
		})
	}
}

func rolloutUnderFaults(t *testing.T, r *rand.Rand) {
	w, done := newWorld(t, rand.New(rand.NewPCG(r.Uint64(), 2)))
	defer done()
	replicas, unavailable := int32(3+r.IntN(10)), r.IntN(3)
	if _, err := client.Of(w.api, client.Deployments).Create(w.ctx, newDeployment(replicas, fmt.Sprint(1+r.IntN(3)), fmt.Sprint(unavailable))); err != nil {
		t.Fatal(err)
	}
	w.settle()
	least := replicas - int32(unavailable)
	for version := 1; version <= 3; version++ {
		w.image(version)
		w.api.SetFaults(fake.Faults{Rand: r, Fail: 0.1, Lose: 0.1, Conflict: 0.2, EndWatch: 0.1, Expire: 0.02, Delay: 200 * time.Millisecond})
		for range 200 {
			time.Sleep(50 * time.Millisecond)
			if _, available := w.pods(); available >= 0 && available < least {
				t.Fatalf("%d pods available, want at least %d", available, least)
			}
		}
		w.api.SetFaults(fake.Faults{})
		if version%2 == 1 {
			w.settle()
		}
	}
	w.settle()
}
