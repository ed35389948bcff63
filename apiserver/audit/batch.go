package audit

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
)

// Batch tells a back-end in the background.
type Batch struct {
	// Buffer is how many events may wait; Size how many are told at once.
	Buffer, Size int
	// Wait bounds how long an event waits for others.
	Wait time.Duration
	// Throttle bounds batches in a second, with bursts of Burst; zero for no
	// bound.
	Throttle float64
	Burst    int

	queue chan *auditv1.Event
	// full is when it was last said that events are dropped, in Unix seconds.
	full atomic.Int64
}

func (b *Batch) start(*Sink) { b.queue = make(chan *auditv1.Event, b.Buffer) }

// add queues an event, unless the queue is full.
func (b *Batch) add(e *auditv1.Event) bool {
	select {
	case b.queue <- e:
		return true
	default:
		return false
	}
}

// warnFull says that events are dropped, once in ten seconds.
func (b *Batch) warnFull(log *slog.Logger, name string) {
	const pause = 10
	now, last := time.Now().Unix(), b.full.Load()
	if now-last >= pause && b.full.CompareAndSwap(last, now) {
		log.Warn("audit events are lost", "backend", name, "error", errFull)
	}
}

// flushTime bounds how long what is left is told after the end.
const flushTime = 5 * time.Second

// run tells batches until ctx ends, then what is queued.
func (b *Batch) run(ctx context.Context, s *Sink, failed func(*Sink, int, error)) {
	limit := rate.NewLimiter(rate.Inf, 1)
	if b.Throttle > 0 {
		limit = rate.NewLimiter(rate.Limit(b.Throttle), max(b.Burst, 1))
	}
	tell := func(ctx context.Context, events []*auditv1.Event) {
		if len(events) == 0 {
			return
		}
		if err := s.tell(ctx, events); err != nil {
			failed(s, len(events), err)
		}
	}
	for ctx.Err() == nil {
		events := b.collect(ctx)
		if limit.Wait(ctx) != nil {
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
			tell(last, events)
			cancel()
			break
		}
		tell(ctx, events)
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
	defer cancel()
	for events := b.drain(nil); len(events) > 0; events = b.drain(nil) {
		tell(last, events)
	}
}

// collect waits for a batch: it is complete when it is full, or Wait after its
// first event. At rest it holds no timer.
func (b *Batch) collect(ctx context.Context) []*auditv1.Event {
	var events []*auditv1.Event
	select {
	case e := <-b.queue:
		events = append(events, e)
	case <-ctx.Done():
		return nil
	}
	timer := time.NewTimer(b.Wait)
	defer timer.Stop()
	for len(events) < b.Size {
		select {
		case e := <-b.queue:
			events = append(events, e)
		case <-timer.C:
			return events
		case <-ctx.Done():
			return b.drain(events)
		}
	}
	return events
}

// drain adds what is queued, up to a batch.
func (b *Batch) drain(events []*auditv1.Event) []*auditv1.Event {
	for len(events) < b.Size {
		select {
		case e := <-b.queue:
			events = append(events, e)
		default:
			return events
		}
	}
	return events
}
