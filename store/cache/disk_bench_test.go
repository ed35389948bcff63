package cache

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"minke/store/local"
)

// BenchmarkCreateOnDisk is durable creates through the cache by 32 writers.
func BenchmarkCreateOnDisk(b *testing.B) {
	st, err := local.Open(b.TempDir(), local.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	c := New(st, prefix, &jsonCodec{}, Options{})
	defer c.Close()
	var next atomic.Int64
	var all sync.WaitGroup
	b.ResetTimer()
	for range 32 {
		all.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				if _, err := c.Create(b.Context(), fmt.Sprint(prefix, "ns/", n), object("a", fmt.Sprint(n))); err != nil {
					b.Error(err)
				}
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "creates/s")
}
