package egress

import "github.com/prometheus/client_golang/prometheus"

// metrics are Kubernetes' apiserver_egress_dialer_*.
type metrics struct {
	starts, failures *prometheus.CounterVec
	latencies        *prometheus.HistogramVec
}

func newMetrics() *metrics {
	const prefix = "apiserver_egress_dialer_"
	labels := []string{"protocol", "transport"}
	return &metrics{
		starts: prometheus.NewCounterVec(prometheus.CounterOpts{Name: prefix + "dial_start_total",
			Help: "Dial starts, labeled by the protocol (http-connect or grpc) and transport (tcp or uds)."}, labels),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{Name: prefix + "dial_failure_count",
			Help: "Dial failure count, labeled by the protocol (http-connect or grpc), transport (tcp or uds), and stage (connect or proxy). The stage indicates at which stage the dial failed"},
			append(labels, "stage")),
		latencies: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: prefix + "dial_duration_seconds",
			Help:    "Dial latency histogram in seconds, labeled by the protocol (http-connect or grpc), transport (tcp or uds)",
			Buckets: []float64{0.005, 0.025, 0.1, 0.5, 2.5, 12.5}}, labels),
	}
}

func (m *metrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.starts, m.failures, m.latencies}
}
