package flowcontrol

// flowStats count what became of one schema's requests at one level. The
// level's lock guards them.
type flowStats struct {
	schema                string
	waiting, seatsWaiting int
	running, seats        int
	dispatched            uint64
	refused               map[refusal]uint64
	// unseated is how often its request was next and did not fit.
	unseated uint64
	// waits are of requests that ran, refusedWaits of those that gave up.
	waits, refusedWaits histogram
	runs                [2]histogram // of ordinary requests, and of watches' beginnings
	lengths, widths     histogram
}

// levelStats are what became of all requests of a level.
type levelStats struct {
	dispatched uint64
	refused    map[refusal]uint64
}

// The bounds of histograms are those of Kubernetes.
var (
	secondBounds = []float64{0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30}
	lengthBounds = []float64{0, 10, 25, 50, 100, 250, 500, 1000}
	widthBounds  = []float64{1, 2, 4, 8, 16, 32, 64, 100}
)

// histogram counts values by bounds. What is guarded by a lock anyway needs no
// atomic counters.
type histogram struct {
	bounds []float64
	counts []uint64 // one more than bounds
	total  uint64
	sum    float64
}

func newHistogram(bounds []float64) histogram {
	return histogram{bounds: bounds, counts: make([]uint64, len(bounds)+1)}
}

func (h *histogram) observe(v float64) {
	i := 0
	for i < len(h.bounds) && v > h.bounds[i] {
		i++
	}
	h.counts[i]++
	h.total++
	h.sum += v
}

// flowOf returns the counters of a schema; they outlive a change of it.
func (l *level) flowOf(schema string) *flowStats {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.flows[schema]
	if f == nil {
		f = &flowStats{schema: schema, refused: map[refusal]uint64{},
			waits: newHistogram(secondBounds), refusedWaits: newHistogram(secondBounds),
			runs:    [2]histogram{newHistogram(secondBounds), newHistogram(secondBounds)},
			lengths: newHistogram(lengthBounds), widths: newHistogram(widthBounds)}
		l.flows[schema] = f
	}
	return f
}

// forget drops the counters of schemas that are gone and have no request left.
func (l *level) forget(all []*matcher) {
	known := map[string]bool{}
	for _, s := range all {
		if s.level == l {
			known[s.name] = true
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, f := range l.flows {
		if !known[name] && f.waiting == 0 && f.seats == 0 {
			delete(l.flows, name)
		}
	}
}
