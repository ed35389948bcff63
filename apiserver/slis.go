package apiserver

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// healthMetrics keep what health checks said, for /metrics/slis (KEP-3466).
type healthMetrics struct {
	mu   sync.Mutex // guards seen
	seen map[checkKey]*checkSeen
}

type checkKey struct{ path, name string }

type checkSeen struct {
	well      bool // the last time
	good, bad uint64
}

var (
	healthNow = described("kubernetes_healthcheck", "This metric records the result of a single healthcheck.", "name", "type")
	healthSum = described("kubernetes_healthchecks_total", "This metric records the results of all healthcheck.", "name", "status", "type")
)

func (h *healthMetrics) observe(path, name string, well bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.seen == nil {
		h.seen = map[checkKey]*checkSeen{}
	}
	s := h.seen[checkKey{path, name}]
	if s == nil {
		s = &checkSeen{}
		h.seen[checkKey{path, name}] = s
	}
	if s.well = well; well {
		s.good++
	} else {
		s.bad++
	}
}

// Describe implements prometheus.Collector.
func (h *healthMetrics) Describe(out chan<- *prometheus.Desc) { out <- healthNow; out <- healthSum }

// Collect implements prometheus.Collector.
func (h *healthMetrics) Collect(out chan<- prometheus.Metric) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for k, s := range h.seen {
		now := 0.0
		if s.well {
			now = 1
		}
		out <- gauge(healthNow, now, k.name, k.path)
		if s.good > 0 {
			out <- counter(healthSum, s.good, k.name, "success", k.path)
		}
		if s.bad > 0 {
			out <- counter(healthSum, s.bad, k.name, "error", k.path)
		}
	}
}
