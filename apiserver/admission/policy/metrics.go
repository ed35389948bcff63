package policy

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	apiservercel "k8s.io/apiserver/pkg/cel"
)

// metrics count what policies decide, under the names that Kubernetes gives
// them. Series of a policy go with it.
type metrics struct {
	checks    *prometheus.CounterVec
	durations *prometheus.HistogramVec
}

// newMetrics returns those of a kind of policies; its checks are labeled by
// policy, policy_binding, error_type and what more says.
func newMetrics(kind, checks, durations string, more ...string) *metrics {
	labels := append([]string{"policy", "policy_binding", "error_type"}, more...)
	return &metrics{
		checks: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "apiserver_" + kind + "_check_total", Help: checks}, labels),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "apiserver_" + kind + "_check_duration_seconds", Help: durations, Buckets: []float64{0.0000005, 0.001, 0.01, 0.1, 1.0},
		}, labels),
	}
}

// Collectors are the plug-in's metrics.
func (m *metrics) Collectors() []prometheus.Collector {
	return []prometheus.Collector{m.checks, m.durations}
}

// count notes one check; err is why it could not be made.
func (m *metrics) count(policy, binding string, err error, took time.Duration, more ...string) {
	values := append([]string{policy, binding, errorType(err)}, more...)
	m.checks.WithLabelValues(values...).Inc()
	m.durations.WithLabelValues(values...).Observe(took.Seconds())
}

func errorType(err error) string {
	var compilation *apiservercel.CompilationError
	switch {
	case err == nil:
		return "no_error"
	case errors.As(err, &compilation):
		return "compile_error"
	case errors.Is(err, apiservercel.ErrOutOfBudget):
		return "out_of_budget"
	}
	return "invalid_error"
}

// forget drops the series of a policy that is gone.
func (m *metrics) forget(policy string) {
	labels := prometheus.Labels{"policy": policy}
	m.checks.DeletePartialMatch(labels)
	m.durations.DeletePartialMatch(labels)
}
