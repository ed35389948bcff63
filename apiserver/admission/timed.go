package admission

import (
	"context"
	"iter"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Timed is a chain that measures how long all of it takes. Single plug-ins are not
// measured: thirty of them would read the clock for a good part of a write's time.
type Timed struct {
	Chain
	// taken is by step, operation, and whether the write was refused.
	taken [2][len(operations)][2]atomic.Pointer[durations]
}

var (
	_ Mutator   = (*Timed)(nil)
	_ Validator = (*Timed)(nil)
)

// All returns the plug-ins of c, those of chains within it too.
func (c Chain) All() iter.Seq[any] {
	return func(yield func(any) bool) { c.each(yield) }
}

// each calls yield for each plug-in until it tells false.
func (c Chain) each(yield func(any) bool) bool {
	for _, p := range c {
		goesOn := false
		switch within := p.(type) {
		case *Timed:
			goesOn = within.Chain.each(yield)
		case Repeated:
			goesOn = Chain(within).each(yield)
		default:
			goesOn = yield(p)
		}
		if !goesOn {
			return false
		}
	}
	return true
}

// The steps and operations, as metrics name them.
const (
	admitting  = 0
	validating = 1
)

var (
	steps      = [...]string{"admit", "validate"}
	operations = [...]Operation{Create, Update, Delete, Connect}
)

// Admit implements Mutator.
func (t *Timed) Admit(ctx context.Context, a *Attributes) error {
	began := time.Now()
	err := t.Chain.Admit(ctx, a)
	t.took(admitting, a.Operation, err, time.Since(began))
	return err
}

// Validate implements Validator.
func (t *Timed) Validate(ctx context.Context, a *Attributes) error {
	began := time.Now()
	err := t.Chain.Validate(ctx, a)
	t.took(validating, a.Operation, err, time.Since(began))
	return err
}

func (t *Timed) took(step int, operation Operation, err error, d time.Duration) {
	refused := 0
	if err != nil {
		refused = 1
	}
	for i := range operations {
		if operations[i] != operation {
			continue
		}
		at := &t.taken[step][i][refused]
		kept := at.Load()
		if kept == nil {
			at.CompareAndSwap(nil, &durations{})
			kept = at.Load()
		}
		kept.add(d)
	}
}

// bounds are Kubernetes' buckets; the last one has no bound.
var bounds = [...]time.Duration{5 * time.Millisecond, 25 * time.Millisecond, 100 * time.Millisecond, 500 * time.Millisecond, time.Second, 2500 * time.Millisecond}

// durations count by bounds.
type durations struct {
	counts [len(bounds) + 1]atomic.Uint64
	sum    atomic.Int64 // in nanoseconds
}

func (h *durations) add(d time.Duration) {
	i := 0
	for i < len(bounds) && d > bounds[i] {
		i++
	}
	h.counts[i].Add(1)
	h.sum.Add(int64(d))
}

func (h *durations) metric(of *prometheus.Desc, labels ...string) prometheus.Metric {
	cumulative := make(map[float64]uint64, len(bounds))
	total := uint64(0)
	for i := range h.counts {
		total += h.counts[i].Load()
		if i < len(bounds) {
			cumulative[bounds[i].Seconds()] = total
		}
	}
	return prometheus.MustNewConstHistogram(of, total, time.Duration(h.sum.Load()).Seconds(), cumulative, labels...)
}

var stepSeconds = prometheus.NewDesc("apiserver_admission_step_admission_duration_seconds",
	"Admission sub-step latency histogram in seconds, broken out for each operation and API resource and step type (validate or admit).",
	[]string{"type", "operation", "rejected"}, nil)

// Describe implements prometheus.Collector.
func (t *Timed) Describe(to chan<- *prometheus.Desc) { to <- stepSeconds }

// Collect implements prometheus.Collector.
func (t *Timed) Collect(to chan<- prometheus.Metric) {
	for step := range t.taken {
		for op := range t.taken[step] {
			for refused := range t.taken[step][op] {
				if h := t.taken[step][op][refused].Load(); h != nil {
					to <- h.metric(stepSeconds, steps[step], string(operations[op]), strconv.FormatBool(refused == 1))
				}
			}
		}
	}
}
