package tracing

import "github.com/prometheus/client_golang/prometheus"

// The names are those of OpenTelemetry's conventions for an SDK's own metrics, as
// Prometheus spells them; Kubernetes has none.
var (
	processed = prometheus.NewDesc("otel_sdk_processor_span_processed_total",
		"The number of spans for which the processing has finished, either successful or failed.", []string{"error_type"}, nil)
	exported = prometheus.NewDesc("otel_sdk_exporter_span_exported_total",
		"The number of spans for which the export has finished, either successful or failed.", []string{"error_type"}, nil)
	waiting = prometheus.NewDesc("otel_sdk_processor_span_queue_size",
		"The number of spans in the queue of the span processor.", nil, nil)
)

// Describe implements prometheus.Collector.
func (t *Tracer) Describe(to chan<- *prometheus.Desc) {
	to <- processed
	to <- exported
	to <- waiting
}

// Collect implements prometheus.Collector.
func (t *Tracer) Collect(to chan<- prometheus.Metric) {
	counter := func(of *prometheus.Desc, n uint64, why string) {
		to <- prometheus.MustNewConstMetric(of, prometheus.CounterValue, float64(n), why)
	}
	counter(processed, t.queue.added.Load(), "")
	counter(processed, t.queue.dropped.Load(), "queue_full")
	counter(exported, t.exported.Load(), "")
	counter(exported, t.failed.Load(), "rejected")
	t.queue.mu.Lock()
	n := len(t.queue.spans)
	t.queue.mu.Unlock()
	to <- prometheus.MustNewConstMetric(waiting, prometheus.GaugeValue, float64(n))
}
