// Package heap measures what a piece of work takes of the heap, for tests that
// hold a bound.
package heap

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// Growth returns how many bytes the heap grows by, at most, while f runs: those in
// use, and those that are not any more, of which the collector allows a quarter of
// bound. What else is on the heap does not count. The test must run Alone.
func Growth(bound uint64, f func()) uint64 {
	if !alone() {
		panic("heap: measure in a test that runs Alone")
	}
	runtime.GC()
	heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(heap)
	before := heap[0].Value.Uint64()
	// The collector runs when the whole heap has grown by so many percent.
	defer debug.SetGCPercent(debug.SetGCPercent(int(max(1, 25*bound/(before+bound)))))
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
