package client

import (
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics count what a component asks of API servers, under the names and with
// the labels and buckets of Kubernetes' clients (rest_client_*). Each component
// has its own, for Counted; it shows them as it shows its other metrics.
//
// A client in this process is counted as host "in-process": its requests and how
// long they take, and a watch when it begins. It has no sizes, for its objects
// are not serialized. What informers read of the cache they share with the
// server is no request. No client here limits its own rate, so that there is no
// rest_client_rate_limiter_duration_seconds, as in Kubernetes without a limit.
type Metrics struct {
	requests, retries                      *prometheus.CounterVec
	durations, requestSizes, responseSizes *prometheus.HistogramVec
}

// inProcessHost is the host of an API server in this process.
const inProcessHost = "in-process"

// NewMetrics returns metrics that have counted nothing.
func NewMetrics() *Metrics {
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "rest_client_" + name, Help: help}, labels)
	}
	histograms := func(name, help string, buckets ...float64) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "rest_client_" + name, Help: help, Buckets: buckets}, []string{"verb", "host"})
	}
	sizes := []float64{64, 256, 512, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20}
	return &Metrics{
		requests:      counters("requests_total", "Number of HTTP requests, partitioned by status code, method, and host.", "code", "method", "host"),
		retries:       counters("request_retries_total", "Number of request retries, partitioned by status code, verb, and host.", "code", "verb", "host"),
		durations:     histograms("request_duration_seconds", "Request latency in seconds. Broken down by verb, and host.", 0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60),
		requestSizes:  histograms("request_size_bytes", "Request size in bytes. Broken down by verb and host.", sizes...),
		responseSizes: histograms("response_size_bytes", "Response size in bytes. Broken down by verb and host.", sizes...),
	}
}

func (m *Metrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.requests, m.retries, m.durations, m.requestSizes, m.responseSizes}
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(to chan<- *prometheus.Desc) {
	for _, c := range m.all() {
		c.Describe(to)
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(to chan<- prometheus.Metric) {
	for _, c := range m.all() {
		c.Collect(to)
	}
}

// Counted returns api with its requests counted by m, instead of by whatever
// counted them before. An api of another package is returned as it is.
func Counted(api Interface, m *Metrics) Interface {
	if c, ok := api.(interface{ counted(m *Metrics) Interface }); ok {
		return c.counted(m)
	}
	return api
}

// counts are a client's own view of its metrics. A nil one counts nothing.
type counts struct {
	*Metrics
	host string
	// byMethod keeps the series that are in use: to look one up by its labels
	// costs a request in process a good part of its time.
	byMethod sync.Map // of *methodCounts
}

// methodCounts are the series of one method.
type methodCounts struct {
	byCode            sync.Map // of prometheus.Counter
	duration          prometheus.Observer
	request, response prometheus.Observer
}

func newCounts(m *Metrics, host string) *counts { return &counts{Metrics: m, host: host} }

func (c *counts) of(method string) *methodCounts {
	if found, ok := c.byMethod.Load(method); ok {
		return found.(*methodCounts)
	}
	made := &methodCounts{duration: c.durations.WithLabelValues(method, c.host)}
	if c.host != inProcessHost {
		made.request, made.response = c.requestSizes.WithLabelValues(method, c.host), c.responseSizes.WithLabelValues(method, c.host)
	}
	kept, _ := c.byMethod.LoadOrStore(method, made)
	return kept.(*methodCounts)
}

// failed is the code of a request that got no answer.
const failed = 0

func codeText(code int) string {
	if code == failed {
		return "<error>"
	}
	return strconv.Itoa(code)
}

// answered counts one answer, or that there was none.
func (c *counts) answered(method string, code int) {
	if c == nil {
		return
	}
	of := c.of(method)
	counter, ok := of.byCode.Load(code)
	if !ok {
		counter, _ = of.byCode.LoadOrStore(code, c.requests.WithLabelValues(codeText(code), method, c.host))
	}
	counter.(prometheus.Counter).Inc()
}

// retried counts that a request is sent again after an answer.
func (c *counts) retried(method string, code int) {
	if c != nil {
		c.retries.WithLabelValues(codeText(code), method, c.host).Inc()
	}
}

// took counts how long a request took, with all its tries.
func (c *counts) took(method string, began time.Time) {
	if c != nil {
		c.of(method).duration.Observe(time.Since(began).Seconds())
	}
}

// sent and received count sizes, in bytes.
func (c *counts) sent(method string, n int) {
	if c != nil {
		c.of(method).request.Observe(float64(n))
	}
}

func (c *counts) received(method string, n int) {
	if c != nil {
		c.of(method).response.Observe(float64(n))
	}
}
