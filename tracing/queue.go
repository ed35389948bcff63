package tracing

import (
	"slices"
	"sync"
	"sync/atomic"
)

// What waits for the collector: as much as OpenTelemetry's batch processor keeps,
// and no more than so many bytes.
const (
	maxQueue      = 2048
	maxQueueBytes = 8 << 20
	maxBatch      = 512
	maxBatchBytes = 1 << 20
)

// queue holds the messages of spans that have ended.
type queue struct {
	mu    sync.Mutex // guards spans and bytes
	spans [][]byte
	bytes int
	// wake tells that the queue is not empty any more, or has a full batch.
	wake chan struct{}

	added, dropped atomic.Uint64
}

// add takes a span, or drops it when too many wait: no request waits for a
// collector.
func (q *queue) add(span []byte) {
	q.mu.Lock()
	full := len(q.spans) >= maxQueue || q.bytes+len(span) > maxQueueBytes
	if !full {
		q.spans = append(q.spans, span)
		q.bytes += len(span)
	}
	n := len(q.spans)
	q.mu.Unlock()
	if full {
		q.dropped.Add(1)
		return
	}
	q.added.Add(1)
	if n == 1 || n == maxBatch {
		select {
		case q.wake <- struct{}{}:
		default: // Run will look anyway
		}
	}
}

// take takes out the next batch.
func (q *queue) take() [][]byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, size := 0, 0
	for n < len(q.spans) && n < maxBatch && (n == 0 || size+len(q.spans[n]) <= maxBatchBytes) {
		size += len(q.spans[n])
		n++
	}
	batch := slices.Clone(q.spans[:n])
	q.bytes -= size
	if q.spans = slices.Delete(q.spans, 0, n); len(q.spans) == 0 {
		q.spans = nil // at rest it takes no memory
	}
	return batch
}

// full tells whether a whole batch waits.
func (q *queue) full() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.spans) >= maxBatch || q.bytes >= maxBatchBytes
}

// again wakes Run up if anything waits.
func (q *queue) again() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.spans) > 0 {
		select {
		case q.wake <- struct{}{}:
		default:
		}
	}
}

// putBack makes batch the first to be taken again. The queue may then be longer
// than its bound, by one batch.
func (q *queue) putBack(batch [][]byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.spans = slices.Concat(batch, q.spans)
	for _, s := range batch {
		q.bytes += len(s)
	}
}
