package kubelet_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"minke/client/fake"
)

// TestUnreliableAPI: whatever the API refuses or forgets, and whenever the
// kubelet is stopped, the pods come to run, and go without a trace.
func TestUnreliableAPI(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				chance := rand.New(rand.NewPCG(seed, 1))
				b := newBench(t, "web:1")
				b.api.SetFaults(fake.Faults{Rand: rand.New(rand.NewPCG(seed, 2)), Fail: 0.2, Lose: 0.1, Conflict: 0.1, EndWatch: 0.1, Expire: 0.02})
				const n = 5
				for i := range n {
					b.api.Put(pod(fmt.Sprintf("p%d", i), corev1.Container{Name: fmt.Sprintf("c%d", i)}))
				}
				restart := func() {
					time.Sleep(time.Duration(chance.IntN(2000)) * time.Millisecond)
					b.stop()
					b.start()
				}
				restart()
				restart()
				settle(3 * time.Minute)
				b.api.SetFaults(fake.Faults{})
				for i := range n {
					if p := b.get(fmt.Sprintf("p%d", i)); condition(p, corev1.PodReady) != corev1.ConditionTrue || p.Status.ContainerStatuses[0].RestartCount != 0 {
						t.Errorf("p%d: %+v", i, p.Status)
					}
				}
				b.api.SetFaults(fake.Faults{Rand: rand.New(rand.NewPCG(seed, 3)), Fail: 0.2, Lose: 0.1, Conflict: 0.1, EndWatch: 0.1, Expire: 0.02})
				for i := range n {
					for {
						err := b.pods.Delete(t.Context(), "default", fmt.Sprintf("p%d", i), metav1.DeleteOptions{})
						if err == nil || apierrors.IsNotFound(err) {
							break
						}
					}
				}
				restart()
				settle(3 * time.Minute)
				b.api.SetFaults(fake.Faults{})
				settle(3 * time.Minute)
				if list, _, err := b.pods.List(t.Context(), "", metav1.ListOptions{}); err != nil || len(list) != 0 {
					t.Errorf("%d pods are left, %v", len(list), err)
				}
				if s, c := b.rt.Sizes(); s+c != 0 {
					t.Errorf("%d sandboxes and %d containers are left", s, c)
				}
				b.stop()
			})
		})
	}
}
