// Package configreload counts how configuration files of the API server are read
// again, and says which content is in use: apiserver_KIND_config_controller_*, as
// Kubernetes names it.
package configreload

import (
	"crypto/sha256"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are those of one kind of configuration. A nil one counts nothing.
type Metrics struct {
	server string // the API server's id, hashed
	total  *prometheus.CounterVec
	last   *prometheus.GaugeVec
	config *prometheus.GaugeVec
}

// New returns the metrics of a kind, such as "encryption", of the API server with
// the id. They show nothing until there is a configuration.
func New(kind, serverID string) *Metrics {
	name := "apiserver_" + kind + "_config_controller_"
	labels := []string{"status", "apiserver_id_hash"}
	return &Metrics{
		server: Hash(serverID),
		total: prometheus.NewCounterVec(prometheus.CounterOpts{Name: name + "automatic_reloads_total",
			Help: "Total number of automatic reloads of " + kind + " configuration split by status and apiserver identity."}, labels),
		last: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name + "automatic_reload_last_timestamp_seconds",
			Help: "Timestamp of the last automatic reload of " + kind + " configuration split by status and apiserver identity."}, labels),
		config: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name + "last_config_info",
			Help: "Information about the last applied " + kind + " configuration with hash as label, split by apiserver identity."}, []string{"apiserver_id_hash", "hash"}),
	}
}

// Hash is how metrics show what not everybody may know: an id, or a file's
// content. Of nothing it is nothing.
func Hash[T string | []byte](data T) string {
	if len(data) == 0 {
		return ""
	}
	return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(data)))
}

// InUse says by its Hash which content is in use.
func (m *Metrics) InUse(hash string) {
	if m == nil {
		return
	}
	m.config.Reset()
	m.config.WithLabelValues(m.server, hash).Set(1)
}

// Reloaded counts that the file was read again. Without an error its content,
// which has the Hash, is in use now.
func (m *Metrics) Reloaded(hash string, err error) {
	if m == nil {
		return
	}
	outcome := "success"
	if err != nil {
		outcome = "failure"
	}
	m.total.WithLabelValues(outcome, m.server).Inc()
	m.last.WithLabelValues(outcome, m.server).SetToCurrentTime()
	if err == nil {
		m.InUse(hash)
	}
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(to chan<- *prometheus.Desc) {
	for _, c := range []prometheus.Collector{m.total, m.last, m.config} {
		c.Describe(to)
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(to chan<- prometheus.Metric) {
	for _, c := range []prometheus.Collector{m.total, m.last, m.config} {
		c.Collect(to)
	}
}
