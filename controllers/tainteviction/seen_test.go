package tainteviction

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

// TestTaintWithoutTime: the end of a pod's stay does not move while its taint
// is looked at again, and a taint that came back counts anew.
func TestTaintWithoutTime(t *testing.T) {
	var s sightings
	taints := []corev1.Taint{{Key: "evict", Value: "yes", Effect: corev1.TaintEffectNoExecute}}
	pod := &corev1.Pod{Spec: corev1.PodSpec{Tolerations: []corev1.Toleration{{Key: "evict", Operator: corev1.TolerationOpExists, TolerationSeconds: ptr.To[int64](5)}}}}
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	end := func(now time.Time) time.Duration {
		until, _ := deadline(pod, s.date("a", taints, now), now)
		return until.Sub(start)
	}
	for _, later := range []time.Duration{0, 2 * time.Second, 5 * time.Second} {
		if got := end(start.Add(later)); got != 5*time.Second {
			t.Errorf("looked at after %v, the stay ends after %v, wanted 5s", later, got)
		}
	}
	s.keep("a", taints)
	if got := end(start.Add(6 * time.Second)); got != 5*time.Second {
		t.Errorf("after a change of the node the stay ends after %v, wanted 5s", got)
	}
	s.keep("a", nil)
	if got := end(start.Add(7 * time.Second)); got != 12*time.Second {
		t.Errorf("a taint that came back ends the stay after %v, wanted 12s", got)
	}
	if s.keep("a", nil); len(s.nodes) != 0 {
		t.Errorf("left: %v", s.nodes)
	}
}
