package apiserver

import (
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"minke/api/inprocess"
	"minke/apiserver/flowcontrol"
)

// metrics count requests under the names that Kubernetes gives them. Counting
// is a few atomic additions; what is shown is put together when it is read.
type metrics struct {
	http.Handler
	registry *prometheus.Registry
	// slis serves /metrics/slis.
	slis   http.Handler
	health healthMetrics
	authn  [3]attempts // by outcome
	authz  [2]attempts

	mu sync.RWMutex // guards what follows
	// series and timings are those of each combination of labels.
	series  map[seriesKey]*series
	timings map[seriesKey]*timings
}

// attempts count one outcome of a check.
type attempts struct {
	total atomic.Uint64
	times histogram
}

func (a *attempts) took(d time.Duration) {
	a.total.Add(1)
	a.times.took(d)
}

func (m *metrics) authenticated(user *inprocess.User, err error, took time.Duration) {
	outcome := succeeded
	switch {
	case err != nil && !apierrors.IsUnauthorized(err):
		outcome = broken
	case err != nil || user == nil:
		outcome = failed
	}
	m.authn[outcome].took(took)
}

// Outcomes of authentication and authorization, and how they are called.
const (
	succeeded = 0
	failed    = 1 // nobody answers for the credentials
	broken    = 2
)

var (
	authnResults = [...]string{"success", "failure", "error"}
	authzResults = [...]string{"allowed", "denied"}
)

func newMetrics(s *Server) *metrics {
	m := &metrics{registry: prometheus.NewRegistry(), series: map[seriesKey]*series{}, timings: map[seriesKey]*timings{}}
	for i := range m.authn {
		m.authn[i].times = newTimes(checkBounds)
	}
	for i := range m.authz {
		m.authz[i].times = newTimes(checkBounds)
	}
	m.registry.MustRegister(collector{s, m},
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collectors.NewGoCollector())
	if s.cfg.Flow != nil {
		m.registry.MustRegister(s.cfg.Flow.Collector())
	}
	if s.cfg.Audit != nil {
		m.registry.MustRegister(s.cfg.Audit.Collectors()...)
	}
	m.Handler = promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
	slis := prometheus.NewRegistry()
	slis.MustRegister(&m.health)
	m.slis = promhttp.HandlerFor(slis, promhttp.HandlerOpts{})
	return m
}

// Registry is where other parts of the process add their metrics.
func (s *Server) Registry() *prometheus.Registry { return s.metrics.registry }

// get returns the series of l, made when it is asked for first.
func (m *metrics) get(l seriesKey) *series {
	m.mu.RLock()
	s := m.series[l]
	m.mu.RUnlock()
	if s != nil {
		return s
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.series[l]; s != nil {
		return s
	}
	s = &series{labels: l}
	l.code = 0
	if s.times = m.timings[l]; s.times == nil {
		s.times = &timings{labels: l, duration: newTimes(durationBounds), sli: newTimes(sliBounds)}
		if l.verb == "GET" || l.verb == "LIST" {
			s.times.sizes = newSizes(sizeBounds)
		}
		m.timings[l] = s.times
	}
	m.series[s.labels] = s
	return s
}

// forget drops what is kept for an endpoint that is gone.
func (m *metrics) forget(e *endpoint) {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.series, func(l seriesKey, _ *series) bool { return l.end == e })
	maps.DeleteFunc(m.timings, func(l seriesKey, _ *timings) bool { return l.end == e })
}

// all returns what there is to show.
func (m *metrics) all() ([]*series, []*timings) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return slices.Collect(maps.Values(m.series)), slices.Collect(maps.Values(m.timings))
}

// inFlight returns how many short requests are served, reads and writes.
func (s *Server) inFlight(flow *flowcontrol.Controller) (reads, writes int) {
	if flow != nil {
		return flow.InFlight()
	}
	return len(s.reads), len(s.writes)
}
