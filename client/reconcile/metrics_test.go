package reconcile

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"minke/client"
)

// TestMetrics adds two keys, one of them twice, of which one fails once.
func TestMetrics(t *testing.T) {
	// They are the process's, which may have run this test before.
	for _, counter := range []*prometheus.CounterVec{adds, retries} {
		counter.Reset()
	}
	synctest.Test(t, func(t *testing.T) {
		const name = "test-metrics"
		failed := false
		loop := New(name, Options{}, func(_ context.Context, key client.Key) error {
			time.Sleep(time.Second)
			if key.Name == "b" && !failed {
				failed = true
				return errors.New("once")
			}
			return nil
		})
		for _, key := range []string{"a", "a", "b"} {
			loop.Add(client.Key{Name: key})
		}
		expect := func(when, want string, metrics ...string) {
			t.Helper()
			r := prometheus.NewPedanticRegistry()
			r.MustRegister(Collectors()...)
			if err := testutil.GatherAndCompare(r, strings.NewReader(want), metrics...); err != nil {
				t.Errorf("%s: %v", when, err)
			}
		}
		expect("before it runs", `
# HELP workqueue_depth Current depth of workqueue
# TYPE workqueue_depth gauge
workqueue_depth{name="test-metrics"} 2
# HELP workqueue_adds_total Total number of adds handled by workqueue
# TYPE workqueue_adds_total counter
workqueue_adds_total{name="test-metrics"} 2
`, "workqueue_depth", "workqueue_adds_total")
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			loop.Run(ctx, 1)
			close(ended)
		}()
		time.Sleep(500 * time.Millisecond)
		expect("at the first key", `
# HELP workqueue_depth Current depth of workqueue
# TYPE workqueue_depth gauge
workqueue_depth{name="test-metrics"} 1
# HELP workqueue_longest_running_processor_seconds How many seconds has the longest running processor for workqueue been running.
# TYPE workqueue_longest_running_processor_seconds gauge
workqueue_longest_running_processor_seconds{name="test-metrics"} 0.5
`, "workqueue_depth", "workqueue_longest_running_processor_seconds")
		time.Sleep(time.Minute)
		expect("when all is done", `
# HELP workqueue_depth Current depth of workqueue
# TYPE workqueue_depth gauge
workqueue_depth{name="test-metrics"} 0
# HELP workqueue_adds_total Total number of adds handled by workqueue
# TYPE workqueue_adds_total counter
workqueue_adds_total{name="test-metrics"} 3
# HELP workqueue_retries_total Total number of retries handled by workqueue
# TYPE workqueue_retries_total counter
workqueue_retries_total{name="test-metrics"} 1
`, "workqueue_depth", "workqueue_adds_total", "workqueue_retries_total")
		cancel()
		<-ended
	})
}
