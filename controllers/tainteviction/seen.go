package tainteviction

import (
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// sightings remember when taints without a time were first seen: the time that
// a pod may stay counts from then, however often it is looked at. A restart
// counts anew, as in Kubernetes.
type sightings struct {
	mu sync.Mutex // guards nodes
	// nodes maps a node's name and a taint to when it was first seen.
	nodes map[string]map[string]time.Time
}

func id(t *corev1.Taint) string { return t.Key + "=" + t.Value }

// date returns the node's taints with a time for each.
func (s *sightings) date(node string, taints []corev1.Taint, now time.Time) []corev1.Taint {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]corev1.Taint, 0, len(taints))
	for _, t := range taints {
		if t.TimeAdded == nil {
			if s.nodes == nil {
				s.nodes = map[string]map[string]time.Time{}
			}
			if s.nodes[node] == nil {
				s.nodes[node] = map[string]time.Time{}
			}
			if _, ok := s.nodes[node][id(&t)]; !ok {
				s.nodes[node][id(&t)] = now
			}
			t.TimeAdded = &metav1.Time{Time: s.nodes[node][id(&t)]}
		}
		out = append(out, t)
	}
	return out
}

// keep forgets the node's taints that are no longer among these.
func (s *sightings) keep(node string, taints []corev1.Taint) {
	s.mu.Lock()
	defer s.mu.Unlock()
	still := map[string]bool{}
	for _, t := range taints {
		still[id(&t)] = true
	}
	for t := range s.nodes[node] {
		if !still[t] {
			delete(s.nodes[node], t)
		}
	}
	if len(s.nodes[node]) == 0 {
		delete(s.nodes, node)
	}
}
