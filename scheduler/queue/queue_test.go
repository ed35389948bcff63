package queue

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"minke/scheduler/plugins"
)

func pod(name string, priority int32) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name)}, Spec: corev1.PodSpec{Priority: &priority}}
}

func pop(t *testing.T, q *Queue, want string) *Item {
	t.Helper()
	item, err := q.Pop(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if item.Pod.Name != want {
		t.Fatalf("popped %s, want %s", item.Pod.Name, want)
	}
	return item
}

func TestOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := New()
		for i, priority := range []int32{0, 5, 0, 9} {
			q.Set(pod(fmt.Sprint(i), priority), true)
		}
		for _, want := range []string{"3", "1", "0", "2"} {
			pop(t, q, want)
		}
	})
}

func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := New()
		q.Set(pod("a", 0), true)
		for _, want := range []time.Duration{0, 1, 2, 4, 8, 10, 10} {
			start := time.Now()
			item := pop(t, q, "a")
			if got := time.Since(start); got != want*time.Second {
				t.Errorf("attempt %d after %v, want %vs", item.Attempts, got, int(want))
			}
			q.Return(item, 0)
		}
	})
}

func TestUnschedulable(t *testing.T) {
	cases := []struct {
		name   string
		inHand plugins.Event // happens while the pod is in hand
		after  plugins.Event // happens 3 s later
		want   time.Duration
	}{
		{"nothing happens", 0, 0, 5 * time.Minute},
		{"what helps, in time", plugins.PodRemoved, 0, 0},
		{"what helps, later", 0, plugins.PodRemoved, 3 * time.Second},
		{"what does not help", plugins.NodeLabels, plugins.NodeLabels, 5 * time.Minute},
	}
	for _, c := range cases {
		synctest.Test(t, func(t *testing.T) {
			q := New()
			q.Set(pod("a", 0), true)
			start := time.Now()
			item := pop(t, q, "a")
			q.Happened(c.inHand)
			q.Return(item, plugins.PodRemoved|plugins.NodeAdded)
			go func() {
				time.Sleep(3 * time.Second)
				q.Happened(c.after)
			}()
			pop(t, q, "a")
			if got := time.Since(start); got != c.want {
				t.Errorf("%s: tried again after %v, want %v", c.name, got, c.want)
			}
			time.Sleep(3 * time.Second) // the goroutine ends within the bubble
		})
	}
}

// TestHelpedWaitsForOthers lets a pod that was helped wait out its backoff only
// as long as others are active.
func TestHelpedWaitsForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := New()
		q.Set(pod("helped", 9), true)
		item := pop(t, q, "helped")
		q.Return(item, plugins.PodRemoved)
		q.Set(pod("other", 0), true)
		q.Happened(plugins.PodRemoved)
		pop(t, q, "other")
		start := time.Now()
		pop(t, q, "helped")
		if time.Since(start) != 0 {
			t.Errorf("it waited %v for nothing", time.Since(start))
		}
	})
}

func TestDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := New()
		q.Set(pod("a", 1), true)
		q.Set(pod("b", 0), true)
		item := pop(t, q, "a")
		q.Delete("a")
		q.Return(item, 0)
		pop(t, q, "b")
		if len(q.pods) != 1 || len(q.waiting.pods) != 0 {
			t.Errorf("a deleted pod came back: %v", q.pods)
		}
	})
}
