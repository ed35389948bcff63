package webhooks

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	admissionv1 "k8s.io/api/admission/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"minke/apiserver/admission"
)

// metrics count calls under the names that Kubernetes gives them. Series of a
// webhook go with it.
type metrics struct {
	durations                                 *prometheus.HistogramVec
	rejections, opens, totals, outs, problems *prometheus.CounterVec
}

func newMetrics() *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "apiserver_admission_" + name, Help: help}, labels)
	}
	return &metrics{
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "apiserver_admission_webhook_admission_duration_seconds",
			Help:    "Admission webhook latency histogram in seconds, identified by name and broken out for each operation and API resource and type (validate or admit).",
			Buckets: []float64{0.005, 0.025, 0.1, 0.5, 1.0, 2.5, 10, 25},
		}, []string{"name", "type", "operation", "rejected"}),
		rejections: counter("webhook_rejection_count", "Admission webhook rejection count, identified by name and broken out for each admission type (validating or admit) and operation. Additional labels specify an error type (calling_webhook_error or apiserver_internal_error if an error occurred; no_error otherwise) and optionally a non-zero rejection code if the webhook rejects the request with an HTTP status code (honored by the apiserver when the code is greater or equal to 400). Codes greater than 600 are truncated to 600, to keep the metrics cardinality bounded.",
			"name", "type", "operation", "error_type", "rejection_code"),
		opens: counter("webhook_fail_open_count", "Admission webhook fail open count, identified by name and broken out for each admission type (validating or admit).",
			"name", "type"),
		totals: counter("webhook_request_total", "Admission webhook request total, identified by name and broken out for each admission type (validating or admit) and operation. Additional labels specify whether the request was rejected or not and an HTTP status code. Codes greater than 600 are truncated to 600, to keep the metrics cardinality bounded.",
			"name", "type", "operation", "code", "rejected"),
		outs: counter("match_condition_exclusions_total", "Admission match condition evaluation exclusions count, identified by name of resource containing the match condition and broken out for each kind containing matchConditions (webhook or policy), operation and admission type (validate or admit).",
			"name", "kind", "type", "operation"),
		problems: counter("match_condition_evaluation_errors_total", "Admission match condition evaluation errors count, identified by name of resource containing the match condition and broken out for each kind containing matchConditions (webhook or policy), operation and admission type (validate or admit).",
			"name", "kind", "type", "operation"),
	}
}

// Collectors are the plug-ins' metrics.
func (w *Webhooks) Collectors() []prometheus.Collector {
	m := w.metrics
	return []prometheus.Collector{m.durations, m.rejections, m.opens, m.totals, m.outs, m.problems}
}

// called counts one call that was made or refused.
func (m *metrics) called(h *hook, step string, op admission.Operation, answer *admissionv1.AdmissionResponse, err error, took time.Duration) {
	rejected := strconv.FormatBool(err != nil)
	m.durations.WithLabelValues(h.name, step, string(op), rejected).Observe(took.Seconds())
	code, reason, rejection := http.StatusOK, "no_error", 0
	var failed *callError
	var status *apierrors.StatusError
	switch {
	case err == nil:
	case errors.As(err, &failed):
		code, reason = http.StatusInternalServerError, "calling_webhook_error"
		if errors.As(failed.cause, &status) {
			code = int(status.ErrStatus.Code)
		}
	case errors.As(err, &status) && answer != nil:
		code = int(status.ErrStatus.Code)
		rejection = code
	default:
		code, reason = http.StatusInternalServerError, "apiserver_internal_error"
	}
	m.totals.WithLabelValues(h.name, step, string(op), boundedCode(code), rejected).Inc()
	if err != nil {
		m.rejections.WithLabelValues(h.name, step, string(op), reason, boundedCode(rejection)).Inc()
	}
}

// boundedCode keeps a webhook from making as many series as there are numbers.
func boundedCode(code int) string { return strconv.Itoa(max(0, min(code, 600))) }

func (m *metrics) failedOpen(h *hook, step string) { m.opens.WithLabelValues(h.name, step).Inc() }

func (m *metrics) conditionExcluded(h *hook, step string, op admission.Operation) {
	m.outs.WithLabelValues(h.name, "webhook", step, string(op)).Inc()
}

func (m *metrics) conditionFailed(h *hook, step string, op admission.Operation) {
	m.problems.WithLabelValues(h.name, "webhook", step, string(op)).Inc()
}

// forget drops the series of a webhook that is gone.
func (m *metrics) forget(name, step string) {
	labels := prometheus.Labels{"name": name, "type": step}
	m.durations.DeletePartialMatch(labels)
	for _, c := range []*prometheus.CounterVec{m.rejections, m.opens, m.totals, m.outs, m.problems} {
		c.DeletePartialMatch(labels)
	}
}
