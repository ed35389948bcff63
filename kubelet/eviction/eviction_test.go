package eviction

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"minke/kubelet/status"
)

func pod(uid string, request string, priority int32) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: types.UID(uid)}, Spec: corev1.PodSpec{Priority: &priority, Containers: []corev1.Container{{
		Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(request)}}}}}}
}

func TestTheGreediestGoesFirstAndPressureStays(t *testing.T) {
	available, now := int64(50), time.Unix(1000, 0)
	var evicted []types.UID
	m := New(Config{
		Signals: func() ([]Signal, error) {
			return []Signal{{Name: "memory.available", Resource: corev1.ResourceMemory, Condition: corev1.NodeMemoryPressure, Available: available, Least: 100}}, nil
		},
		Pods: func() []*corev1.Pod {
			return []*corev1.Pod{pod("modest", "100", 0), pod("greedy", "10", 0), pod("dear", "10", 1000), pod("system", "0", 2000000000)}
		},
		Usage: func(context.Context, corev1.ResourceName) (map[types.UID]int64, error) {
			return map[types.UID]int64{"modest": 90, "greedy": 60, "dear": 90, "system": 500}, nil
		},
		Evict:   func(uid types.UID, _ status.Override, _ int64) { evicted = append(evicted, uid) },
		Event:   func(*corev1.Pod, string, string) {},
		Changed: func() {}, Now: func() time.Time { return now },
	})
	if err := m.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(evicted) != 1 || evicted[0] != "greedy" {
		t.Errorf("evicted %v", evicted)
	}
	available = 500
	for _, c := range []struct {
		after time.Duration
		want  int
	}{{time.Minute, 1}, {6 * time.Minute, 0}} {
		now = now.Add(c.after)
		if err := m.look(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := m.Conditions(); len(got) != c.want {
			t.Errorf("after %v: %v", c.after, got)
		}
	}
	if len(evicted) != 1 {
		t.Errorf("evicted %v", evicted)
	}
}
