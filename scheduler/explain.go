package scheduler

import (
	"fmt"
	"slices"
	"strings"

	"minke/scheduler/plugins"
)

// explain says why no node would do, in Kubernetes' words, for example
// "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated
// taint(s)."
func (d *decision) explain() string {
	if d.total == 0 {
		return "no nodes available to schedule pods"
	}
	if d.whole != nil {
		return fmt.Sprintf("0/%d nodes are available: %s.", d.total, strings.Join(d.whole.Reasons, ", "))
	}
	counts := map[string]int{}
	for _, refusal := range d.refused {
		for _, reason := range refusal.Reasons {
			counts[reason]++
		}
	}
	// Nodes that were not worth looking at were ruled out by name.
	if skipped := d.total - len(d.refused); skipped > 0 {
		counts["node(s) didn't satisfy plugin(s) [NodeAffinity]"] = skipped
	}
	return d.available(counts)
}

// available says how many nodes were refused for each reason.
func (d *decision) available(counts map[string]int) string {
	var parts []string
	for reason, n := range counts {
		parts = append(parts, fmt.Sprintf("%d %s", n, reason))
	}
	slices.Sort(parts)
	return fmt.Sprintf("0/%d nodes are available: %s.", d.total, strings.Join(parts, ", "))
}

// helps tells which events can change the decision: those that can change the
// mind of any rule that refused.
func (d *decision) helps(filters []plugins.Filter) plugins.Event {
	refusers := map[string]bool{}
	if d.whole != nil {
		refusers[d.whole.Plugin] = true
	}
	for _, refusal := range d.refused {
		refusers[refusal.Plugin] = true
	}
	helps := plugins.NodeAdded
	for _, f := range filters {
		if refusers[f.Name()] {
			helps |= f.Helps()
		}
	}
	return helps
}
