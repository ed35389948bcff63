package apiserver

import (
	"maps"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"minke/apiserver/flowcontrol"
)

// metrics count requests under the names that Kubernetes gives them. Labels
// take only values that the server itself knows: a client cannot add series.
type metrics struct {
	http.Handler
	registry *prometheus.Registry
	total    *prometheus.CounterVec
	duration *prometheus.HistogramVec
	current  *prometheus.GaugeVec

	mu sync.RWMutex // guards series
	// series keeps the looked-up metrics of each combination of labels.
	series map[seriesKey]series
}

type seriesKey struct {
	verb string
	end  *endpoint
	sub  string
	code int
}

type series struct {
	total    prometheus.Counter
	duration prometheus.Observer
}

func newMetrics(flow *flowcontrol.Controller, reads, writes inflight) *metrics {
	m := &metrics{registry: prometheus.NewRegistry(), series: map[seriesKey]series{}}
	m.total = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "apiserver_request_total",
		Help: "Counter of apiserver requests broken out for each verb, group, version, resource, scope, subresource and HTTP response code.",
	}, []string{"verb", "group", "version", "resource", "subresource", "scope", "code"})
	m.duration = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "apiserver_request_duration_seconds",
		Help:    "Response latency distribution in seconds for each verb, group, version, resource and subresource.",
		Buckets: []float64{0.0005, 0.001, 0.005, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60},
	}, []string{"verb", "group", "version", "resource", "subresource", "scope"})
	m.current = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "apiserver_longrunning_requests",
		Help: "Gauge of all active long-running apiserver requests broken out by verb.",
	}, []string{"verb"})
	m.registry.MustRegister(m.total, m.duration, m.current, inflightGauge("readOnly", func() int {
		if flow == nil {
			return len(reads)
		}
		n, _ := flow.InFlight()
		return n
	}), inflightGauge("mutating", func() int {
		if flow == nil {
			return len(writes)
		}
		_, n := flow.InFlight()
		return n
	}),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collectors.NewGoCollector())
	if flow != nil {
		m.registry.MustRegister(flow.Collector())
	}
	m.Handler = promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
	return m
}

func inflightGauge(kind string, count func() int) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name:        "apiserver_current_inflight_requests",
		Help:        "Number of currently used inflight request places of this apiserver per request kind.",
		ConstLabels: prometheus.Labels{"request_kind": kind},
	}, func() float64 { return float64(count()) })
}

// Registry is where other parts of the process add their metrics.
func (s *Server) Registry() *prometheus.Registry { return s.metrics.registry }

// record counts one finished request.
func (m *metrics) record(c *call, took time.Duration) {
	code := c.w.status
	if code == 0 {
		code = http.StatusOK
	}
	key := seriesKey{verb: c.metricVerb(), end: c.end, code: code}
	if c.end != nil {
		key.sub = c.knownSubresource()
	}
	m.mu.RLock()
	found, ok := m.series[key]
	m.mu.RUnlock()
	if !ok {
		found = m.make(key)
	}
	found.total.Inc()
	if key.verb != "WATCH" && key.verb != "CONNECT" {
		found.duration.Observe(took.Seconds())
	}
}

func (m *metrics) make(key seriesKey) series {
	var group, version, resource, scope string
	if key.end != nil {
		group, version, resource = key.end.kind.Group, key.end.kind.Version, key.end.Plural
		scope = "cluster"
		if key.end.Namespaced {
			scope = "namespace"
		}
	}
	s := series{
		total:    m.total.WithLabelValues(key.verb, group, version, resource, key.sub, scope, strconv.Itoa(key.code)),
		duration: m.duration.WithLabelValues(key.verb, group, version, resource, key.sub, scope),
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.series[key] = s
	return s
}

var metricVerbs = map[string]string{
	"get": "GET", "list": "LIST", "watch": "WATCH", "create": "POST", "update": "PUT",
	"patch": "PATCH", "delete": "DELETE", "deletecollection": "DELETE",
}

func (c *call) metricVerb() string {
	if c.info.IsResource && streams[c.info.Subresource] {
		return "CONNECT"
	}
	if v, ok := metricVerbs[c.info.Verb]; ok {
		return v
	}
	return "OTHER"
}

// knownSubresource returns the subresource if the server has it.
func (c *call) knownSubresource() string {
	sub := c.info.Subresource
	_, stored := c.end.Subresources[sub]
	_, acts := c.actions[actionKey(c.end.group, sub)]
	if sub == "" || stored || acts || sub == "scale" {
		return sub
	}
	return "other"
}

// forget drops what is kept for an endpoint that is gone.
func (m *metrics) forget(e *endpoint) {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.series, func(k seriesKey, _ series) bool { return k.end == e })
}
