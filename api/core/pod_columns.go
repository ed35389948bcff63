package core

import (
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"minke/api"
)

func podColumns() []api.Column[*corev1.Pod] {
	return []api.Column[*corev1.Pod]{
		{Name: "Ready", Description: "The containers that are ready, of all.", Cell: func(p *corev1.Pod) any {
			s := summarize(p)
			return fmt.Sprintf("%d/%d", s.ready, s.total)
		}},
		{Name: "Status", Description: "What the pod is doing, or why it does not.", Cell: func(p *corev1.Pod) any { return summarize(p).reason }},
		{Name: "Restarts", Description: "How often containers were started again, and how long ago the last one was.", Cell: func(p *corev1.Pod) any {
			s := summarize(p)
			if s.restarts != 0 && !s.lastRestart.IsZero() {
				return fmt.Sprintf("%d (%s ago)", s.restarts, api.Age(s.lastRestart))
			}
			return strconv.Itoa(int(s.restarts))
		}},
		api.AgeColumn[*corev1.Pod](),
		{Name: "IP", Priority: 1, Cell: func(p *corev1.Pod) any {
			if len(p.Status.PodIPs) > 0 {
				return p.Status.PodIPs[0].IP
			}
			return api.OrNone(p.Status.PodIP)
		}},
		{Name: "Node", Priority: 1, Cell: func(p *corev1.Pod) any { return api.OrNone(p.Spec.NodeName) }},
		{Name: "Nominated Node", Priority: 1, Cell: func(p *corev1.Pod) any { return api.OrNone(p.Status.NominatedNodeName) }},
		{Name: "Readiness Gates", Priority: 1, Cell: readinessGates},
	}
}

func readinessGates(p *corev1.Pod) any {
	if len(p.Spec.ReadinessGates) == 0 {
		return api.None
	}
	met := 0
	for _, gate := range p.Spec.ReadinessGates {
		if conditionTrue(p, gate.ConditionType) {
			met++
		}
	}
	return fmt.Sprintf("%d/%d", met, len(p.Spec.ReadinessGates))
}

func conditionTrue(p *corev1.Pod, t corev1.PodConditionType) bool {
	for i := range p.Status.Conditions {
		if c := &p.Status.Conditions[i]; c.Type == t {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}
