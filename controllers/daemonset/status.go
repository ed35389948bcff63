package daemonset

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"minke/controllers/podcontrol"
)

// writeStatus counts nodes by what runs on them.
func (p *pass) writeStatus(ctx context.Context) error {
	next := p.ds.DeepCopy()
	s := &next.Status
	s.DesiredNumberScheduled, s.CurrentNumberScheduled, s.NumberMisscheduled = 0, 0, 0
	s.NumberReady, s.UpdatedNumberScheduled, s.NumberAvailable = 0, 0, 0
	for _, node := range p.nodes {
		run, _ := p.place(node)
		scheduled, ready, available, updated := false, false, false, false
		for _, pod := range p.byNode[node.Name] {
			if pod.DeletionTimestamp != nil {
				continue
			}
			scheduled = true
			ready = ready || podcontrol.Ready(pod)
			up, left := podcontrol.Available(pod, p.ds.Spec.MinReadySeconds, p.now)
			available = available || up
			updated = updated || p.current(pod)
			if left > 0 {
				p.loop.AddAfter(p.key, left)
			}
		}
		if !run {
			s.NumberMisscheduled += one(scheduled)
			continue
		}
		s.DesiredNumberScheduled++
		s.CurrentNumberScheduled += one(scheduled)
		s.NumberReady += one(ready)
		s.NumberAvailable += one(available)
		s.UpdatedNumberScheduled += one(updated)
	}
	s.NumberUnavailable = s.DesiredNumberScheduled - s.NumberAvailable
	s.ObservedGeneration = p.ds.Generation
	if equality.Semantic.DeepEqual(*s, p.ds.Status) {
		return nil
	}
	if _, err := p.sets.UpdateStatus(ctx, next); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("write status of %s: %w", p.key, err)
	}
	return nil
}

func one(yes bool) int32 {
	if yes {
		return 1
	}
	return 0
}
