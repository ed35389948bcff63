package scheduler

import (
	"math/rand/v2"

	"minke/scheduler/cluster"
	"minke/scheduler/plugins"
)

// A pod is compared on all nodes when there are fewer than minNodes, or else on
// the first that it can go to out of a share that falls with their number.
const (
	minNodes        = 100
	minNodesPercent = 5
)

// rules are the plugins that decide, in their order.
type rules struct {
	filters []plugins.Filter
	scorers []plugins.Scorer
}

// prepared is a filter made ready, with its name.
type prepared struct {
	plugins.Prepared
	name string
}

// placement decides where pods go. It decides on snapshots only; what it keeps
// from one to the next is where it stopped looking, and chance.
type placement struct {
	rules  rules
	start  int
	chance *rand.Rand
	// nominated returns the pods that room on a node was made for, by name.
	nominated func(node string) []*cluster.Pod
}

// decision is the outcome for one pod: a node, or a refusal of each.
type decision struct {
	node string
	// refused has the refusal of each node that was looked at; whole one that
	// is about all nodes.
	refused map[string]*plugins.Refusal
	whole   *plugins.Refusal
	total   int
}

// place chooses a node for pod.
func (p *placement) place(s *cluster.Snapshot, pod *cluster.Pod) decision {
	d := decision{refused: map[string]*plugins.Refusal{}, total: len(s.Nodes)}
	checks, only, whole := p.prepare(s, pod)
	if whole != nil {
		d.whole = whole
		return d
	}
	feasible := p.feasible(s, pod, checks, only, d.refused)
	switch len(feasible) {
	case 0:
	case 1:
		d.node = feasible[0].Name
	default:
		d.node = p.best(s, pod, feasible).Name
	}
	return d
}

// prepare makes the filters ready. only, when not nil, names the nodes that
// alone need to be looked at.
func (p *placement) prepare(s *cluster.Snapshot, pod *cluster.Pod) (checks []prepared, only map[string]bool, whole *plugins.Refusal) {
	for _, f := range p.rules.filters {
		ready, refusal := f.Prepare(s, pod)
		if refusal != nil {
			refusal.Plugin = f.Name()
			return nil, nil, refusal
		}
		if ready.Check != nil {
			checks = append(checks, prepared{ready, f.Name()})
		}
		if ready.Only == nil {
			continue
		}
		named := map[string]bool{}
		for _, name := range ready.Only {
			if only == nil || only[name] {
				named[name] = true
			}
		}
		only = named
	}
	return checks, only, nil
}

// feasible returns nodes that pass all checks, and notes why others do not.
func (p *placement) feasible(s *cluster.Snapshot, pod *cluster.Pod, checks []prepared, only map[string]bool, refused map[string]*plugins.Refusal) []*cluster.Node {
	var found []*cluster.Node
	if only != nil {
		for name := range only {
			if node := s.Node(name); node != nil {
				found = p.test(pod, node, checks, refused, found)
			}
		}
		return found
	}
	enough := enoughNodes(len(s.Nodes))
	looked := 0
	for ; looked < len(s.Nodes) && len(found) < enough; looked++ {
		node := s.Nodes[(p.start+looked)%len(s.Nodes)]
		found = p.test(pod, node, checks, refused, found)
	}
	// The next pod starts where this one stopped, so that all nodes get a turn.
	if len(s.Nodes) > 0 {
		p.start = (p.start + looked) % len(s.Nodes)
	}
	return found
}

func (p *placement) test(pod *cluster.Pod, node *cluster.Node, checks []prepared, refused map[string]*plugins.Refusal, found []*cluster.Node) []*cluster.Node {
	refusal := check(checks, node)
	if refusal == nil {
		refusal = p.checkNominated(pod, node, checks)
	}
	if refusal != nil {
		refused[node.Name] = refusal
		return found
	}
	return append(found, node)
}

// checkNominated keeps room that was made on node for pods at least as
// important from being taken by this one.
func (p *placement) checkNominated(pod *cluster.Pod, node *cluster.Node, checks []prepared) *plugins.Refusal {
	if p.nominated == nil {
		return nil
	}
	var there []*cluster.Pod
	for _, other := range p.nominated(node.Name) {
		if other.UID != pod.UID && other.Priority() >= pod.Priority() {
			there = append(there, other)
		}
	}
	if len(there) == 0 {
		return nil
	}
	return check(checks, node.With(there...))
}

// check returns the first refusal of node.
func check(checks []prepared, node *cluster.Node) *plugins.Refusal {
	for i := range checks {
		if refusal := checks[i].Check(node); refusal != nil {
			refusal.Plugin = checks[i].name
			return refusal
		}
	}
	return nil
}

// enoughNodes returns how many feasible nodes to compare out of all.
func enoughNodes(all int) int {
	if all < minNodes {
		return all
	}
	percent := max(50-all/125, minNodesPercent)
	return max(all*percent/100, minNodes)
}

// best returns the node with the highest score, by chance among equals.
func (p *placement) best(s *cluster.Snapshot, pod *cluster.Pod, nodes []*cluster.Node) *cluster.Node {
	total := make([]int64, len(nodes))
	scores := make([]int64, len(nodes))
	for _, scorer := range p.rules.scorers {
		clear(scores)
		if !scorer.Score(s, pod, nodes, scores) {
			continue
		}
		for i := range nodes {
			total[i] += scorer.Weight() * scores[i]
		}
	}
	best, equals := 0, 1
	for i := 1; i < len(nodes); i++ {
		switch {
		case total[i] > total[best]:
			best, equals = i, 1
		case total[i] == total[best]:
			equals++
			if p.chance.IntN(equals) == 0 {
				best = i
			}
		}
	}
	return nodes[best]
}
