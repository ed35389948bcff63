// Package heap measures what a piece of work takes of the heap, for tests that
// hold a bound.
package heap

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// Growth returns how many bytes the heap grows by, at most, while f runs. It
// tries again when it seems more than bound: a collector that gets no
// processor leaves behind what is not needed any more.
func Growth(bound uint64, f func()) uint64 {
	cost := once(f)
	for range 3 {
		if cost > bound {
			cost = min(cost, once(f))
		}
	}
	return cost
}

// once returns how many bytes the heap grows by, at most, while f runs: live
// ones and those that an eager collector has not got to yet.
func once(f func()) uint64 {
	defer debug.SetGCPercent(debug.SetGCPercent(25))
	runtime.GC()
	heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(heap)
	before := heap[0].Value.Uint64()
	peak := before
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	for {
		metrics.Read(heap)
		peak = max(peak, heap[0].Value.Uint64())
		select {
		case <-done:
			return peak - before
		default:
			time.Sleep(100 * time.Microsecond) // often enough to see a peak, and room for f
		}
	}
}
