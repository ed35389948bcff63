package customresource

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics count the calls of conversion webhooks under the names that Kubernetes
// gives them. Series of a definition go with it.
type metrics struct {
	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec
	// byName is told apart by definition and versions.
	byName *prometheus.HistogramVec
}

// The values of failure_type.
const (
	callFailure    = "conversion_webhook_call_failure"
	badAnswer      = "conversion_webhook_malformed_response_failure"
	partialAnswer  = "conversion_webhook_partial_response_failure"
	invalidObjects = "conversion_webhook_invalid_converted_object_failure"
)

func newMetrics() *metrics {
	buckets := prometheus.ExponentialBuckets(0.001, 2, 15)
	return &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "apiserver_conversion_webhook_request_total",
			Help: "Counter for conversion webhook requests with success/failure and failure error type",
		}, []string{"result", "failure_type"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "apiserver_conversion_webhook_duration_seconds", Help: "Conversion webhook request latency", Buckets: buckets,
		}, []string{"result", "failure_type"}),
		byName: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "apiserver_crd_conversion_webhook_duration_seconds", Help: "CRD webhook conversion duration in seconds", Buckets: buckets,
		}, []string{"crd_name", "from_version", "to_version", "succeeded"}),
	}
}

// Collectors are the manager's metrics.
func (m *Manager) Collectors() []prometheus.Collector {
	return []prometheus.Collector{m.metrics.requests, m.metrics.durations, m.metrics.byName}
}

// converted counts one call; failure is "" for a success.
func (m *metrics) converted(crd, from, to, failure string, took time.Duration) {
	result := "success"
	if failure != "" {
		result = "failure"
	}
	m.requests.WithLabelValues(result, failure).Inc()
	m.durations.WithLabelValues(result, failure).Observe(took.Seconds())
	m.byName.WithLabelValues(crd, from, to, strconv.FormatBool(failure == "")).Observe(took.Seconds())
}

// forget drops the series of a definition that is gone.
func (m *metrics) forget(crd string) {
	m.byName.DeletePartialMatch(prometheus.Labels{"crd_name": crd})
}
