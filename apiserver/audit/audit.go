// Package audit writes down who did what (audit.k8s.io/v1). A policy says for
// each request how much of it is told; log files and webhooks are told.
//
//	request ─ policy ─► level None: nothing, nothing is allocated
//	            │
//	            └─► Record ─ RequestReceived ─ ResponseStarted (watches, streams)
//	                         ─ ResponseComplete or Panic
//	                              │ event
//	                              ▼
//	            blocking: written before the request goes on
//	            batch: into a queue of bounded length; what does not fit is
//	            counted and dropped, the request is never held up
package audit

import (
	"context"
	"errors"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
)

// Backend is told events, which are shared and must not be changed.
type Backend interface {
	// Name is how metrics call it.
	Name() string
	// Tell writes events; it may be called concurrently.
	Tell(ctx context.Context, events []*auditv1.Event) error
}

// Sink is a back-end and how it is used.
type Sink struct {
	Backend
	// Batch, when set, tells it in the background.
	Batch *Batch
	// Strict refuses a request whose arrival cannot be told. It needs Batch to
	// be nil.
	Strict bool
	// Truncate, when set, bounds the size of events.
	Truncate *Truncate
}

// Auditor makes the records of requests.
type Auditor struct {
	policy *Policy
	sinks  []*Sink
	log    *slog.Logger

	events, rejected prometheus.Counter
	levels, failures *prometheus.CounterVec
}

// New returns an auditor that tells sinks what policy says.
func New(policy *Policy, sinks []*Sink, log *slog.Logger) *Auditor {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "apiserver_audit_" + name, Help: help})
	}
	vector := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "apiserver_audit_" + name, Help: help}, []string{label})
	}
	a := &Auditor{policy: policy, sinks: sinks, log: log,
		events:   counter("event_total", "Counter of audit events generated and sent to the audit backend."),
		rejected: counter("requests_rejected_total", "Counter of apiserver requests rejected due to an error in audit logging backend."),
		levels:   vector("level_total", "Counter of policy levels for audit events (1 per request).", "level"),
		failures: vector("error_total", "Counter of audit events that failed to be audited properly. Plugin identifies the plugin affected by the error.", "plugin"),
	}
	for _, s := range sinks {
		if s.Batch != nil {
			s.Batch.start(s)
		}
	}
	return a
}

// Collectors returns the auditor's metrics.
func (a *Auditor) Collectors() []prometheus.Collector {
	return []prometheus.Collector{a.events, a.rejected, a.levels, a.failures}
}

// Run tells batches until ctx ends, and then what is left.
func (a *Auditor) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, s := range a.sinks {
		if s.Batch == nil {
			continue
		}
		group.Go(func() error {
			s.Batch.run(ctx, s, a.failed)
			return ctx.Err()
		})
	}
	return group.Wait()
}

// failed counts events that a sink did not take.
func (a *Auditor) failed(s *Sink, n int, err error) {
	a.failures.WithLabelValues(s.Name()).Add(float64(n))
	a.log.Warn("audit events are lost", "backend", s.Name(), "events", n, "error", err)
}

var errFull = errors.New("the queue is full")

// tell hands an event to all sinks. It returns an error when the request may
// not go on without.
func (a *Auditor) tell(ctx context.Context, e *auditv1.Event) error {
	a.events.Inc()
	var strict error
	for _, s := range a.sinks {
		if s.Batch != nil {
			if !s.Batch.add(e) {
				a.failures.WithLabelValues(s.Name()).Inc()
				s.Batch.warnFull(a.log, s.Name())
			}
			continue
		}
		if err := s.tell(ctx, []*auditv1.Event{e}); err != nil {
			a.failed(s, 1, err)
			if s.Strict {
				strict = err
			}
		}
	}
	return strict
}

// tell truncates and writes.
func (s *Sink) tell(ctx context.Context, events []*auditv1.Event) error {
	if s.Truncate == nil {
		return s.Tell(ctx, events)
	}
	var failed []error
	for _, part := range s.Truncate.split(events) {
		failed = append(failed, s.Tell(ctx, part))
	}
	return errors.Join(failed...)
}
