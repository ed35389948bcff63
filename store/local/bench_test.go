package local

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"minke/store"
)

// BenchmarkCreate is durable creates of 1 KiB by 32 writers.
func BenchmarkCreate(b *testing.B) {
	for _, writers := range []int{1, 32} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			st := mustOpen(b, b.TempDir(), Options{})
			defer st.Close()
			var next atomic.Int64
			var all sync.WaitGroup
			b.ResetTimer()
			for range writers {
				all.Go(func() {
					for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
						key := fmt.Sprintf("/registry/pods/default/pod-%d", n)
						_, err := st.Txn(b.Context(), store.Txn{If: []store.Condition{{Key: key}}, Writes: []store.Write{{Key: key, Value: make([]byte, 1024)}}})
						if err != nil {
							b.Error(err)
						}
					}
				})
			}
			all.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "creates/s")
		})
	}
}

func fillDir(b *testing.B, opts Options, keys, size int) string {
	dir := b.TempDir()
	st := mustOpen(b, dir, opts)
	for i := 0; i < keys; i += 1000 {
		var t store.Txn
		for j := i; j < i+1000; j++ {
			t.Writes = append(t.Writes, store.Write{Key: fmt.Sprintf("/registry/pods/ns-%d/pod-%d", j%100, j), Value: make([]byte, size)})
		}
		if _, err := st.Txn(b.Context(), t); err != nil {
			b.Fatal(err)
		}
	}
	if err := st.Close(); err != nil {
		b.Fatal(err)
	}
	return dir
}

// BenchmarkOpen opens 100,000 keys of 1 KiB, from the log and from a
// checkpoint, and reports the memory that a key takes beyond its bytes.
func BenchmarkOpen(b *testing.B) {
	const keys, size = 100_000, 1024
	for name, opts := range map[string]Options{"log": {CheckpointBytes: 1 << 40}, "checkpoint": {CheckpointBytes: 16 << 20}} {
		b.Run(name, func(b *testing.B) {
			dir := fillDir(b, opts, keys, size)
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			b.ResetTimer()
			for range b.N {
				st := mustOpen(b, dir, Options{CheckpointBytes: 1 << 40})
				b.StopTimer()
				runtime.GC()
				runtime.ReadMemStats(&after)
				b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/keys-size, "overhead-B/key")
				st.Close()
				b.StartTimer()
			}
		})
	}
}

func BenchmarkGet(b *testing.B) {
	st := OpenMemory()
	defer st.Close()
	for i := range 10_000 {
		st.Txn(b.Context(), store.Txn{Writes: []store.Write{{Key: fmt.Sprintf("/k/%d", i), Value: make([]byte, 100)}}})
	}
	b.ResetTimer()
	for i := range b.N {
		if e, _, err := st.Get(b.Context(), fmt.Sprintf("/k/%d", i%10_000)); err != nil || e == nil {
			b.Fatal(err)
		}
	}
}
