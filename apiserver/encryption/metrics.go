package encryption

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"minke/apiserver/configreload"
)

// metrics have Kubernetes' names, labels and buckets. Those of KMS v1
// (dek_cache_fill_percent, dek_cache_inter_arrival_time_seconds) are left out.
type metrics struct {
	// server is the API server's id, hashed.
	server     string
	operations *prometheus.CounterVec
	durations  *prometheus.HistogramVec
	// misses count the seeds that a plug-in had to unwrap.
	misses, seedFailures prometheus.Counter
	seeds                prometheus.Histogram
	calls                *prometheus.HistogramVec
	invalidIDs           *prometheus.CounterVec
	kept                 *prometheus.GaugeVec
	used, told           *keyUses
	reloads              *configreload.Metrics
}

// The values of the label transformation_type.
const (
	fromStorage = "from_storage"
	toStorage   = "to_storage"
)

func newMetrics(serverID string) *metrics {
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "apiserver_" + name, Help: help}, labels)
	}
	gauges := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "apiserver_" + name, Help: help}, labels)
	}
	histograms := func(name, help string, first float64, n int, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "apiserver_" + name, Help: help, Buckets: prometheus.ExponentialBuckets(first, 2, n)}, labels)
	}
	return &metrics{
		server: configreload.Hash(serverID),
		operations: counters("storage_transformation_operations_total", "Total number of transformations. Successful transformation will have a status 'OK' and a varied status string when the transformation fails.",
			"resource", "transformation_type", "transformer_prefix", "status"),
		durations: histograms("storage_transformation_duration_seconds", "Latencies in seconds of value transformation operations.", 5e-6, 25, "transformation_type", "transformer_prefix"),
		misses: prometheus.NewCounter(prometheus.CounterOpts{Name: "apiserver_storage_envelope_transformation_cache_misses_total",
			Help: "Total number of cache misses while accessing key decryption key(KEK)."}),
		seedFailures: prometheus.NewCounter(prometheus.CounterOpts{Name: "apiserver_storage_data_key_generation_failures_total",
			Help: "Total number of failed data encryption key(DEK) generation operations."}),
		seeds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "apiserver_storage_data_key_generation_duration_seconds",
			Help: "Latencies in seconds of data encryption key(DEK) generation operations.", Buckets: prometheus.ExponentialBuckets(5e-6, 2, 14)}),
		calls: histograms("envelope_encryption_kms_operations_latency_seconds", "KMS operation duration with gRPC error code status total.", 1e-4, 20,
			"provider_name", "method_name", "grpc_status_code"),
		invalidIDs: counters("envelope_encryption_invalid_key_id_from_status_total", "Number of times an invalid keyID is returned by the Status RPC call split by error.", "provider_name", "error"),
		kept:       gauges("envelope_encryption_dek_source_cache_size", "Number of records in data encryption key (DEK) source cache. On a restart, this value is an approximation of the number of decrypt RPC calls the server will make to the KMS plugin.", "provider_name"),
		used:       newKeyUses(true),
		told:       newKeyUses(false),
		reloads:    configreload.New("encryption", serverID),
	}
}

// Collectors are the metrics of what is sealed and opened.
func (e *Encryption) Collectors() []prometheus.Collector {
	m := e.metrics
	return []prometheus.Collector{m.operations, m.durations, m.misses, m.seedFailures, m.seeds, m.calls, m.invalidIDs, m.kept,
		m.used.of(m), m.told.of(m), m.reloads}
}

// transformed counts a value that the provider with the prefix has sealed or
// opened.
func (m *metrics) transformed(resource, way, prefix string, began time.Time, err error) {
	if m == nil {
		return
	}
	m.operations.WithLabelValues(resource, way, prefix, codeOf(err)).Inc()
	if err == nil {
		m.durations.WithLabelValues(way, prefix).Observe(time.Since(began).Seconds())
	}
}

// codeOf is the gRPC code of a plug-in's answer.
func codeOf(err error) string {
	if err == nil {
		return codes.OK.String()
	}
	var answer interface{ GRPCStatus() *status.Status }
	if errors.As(err, &answer) {
		return answer.GRPCStatus().Code().String()
	}
	return "unknown-non-grpc"
}

// timed measures the calls of a plug-in.
func (m *metrics) timed(plugIn string) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, request, answer any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
		began := time.Now()
		err := invoke(ctx, method, request, answer, conn, options...)
		m.calls.WithLabelValues(plugIn, method, codeOf(err)).Observe(time.Since(began).Seconds())
		return err
	}
}
