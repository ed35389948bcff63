package reconcile

import (
	"cmp"
	"maps"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/util/workqueue"

	"minke/client"
)

// The metrics of all loops of this process, under the names and with the buckets
// that Kubernetes' work queues have.
var (
	depth    = gauges("workqueue_depth", "Current depth of workqueue")
	adds     = counters("workqueue_adds_total", "Total number of adds handled by workqueue")
	retries  = counters("workqueue_retries_total", "Total number of retries handled by workqueue")
	waited   = histograms("workqueue_queue_duration_seconds", "How long in seconds an item stays in workqueue before being requested.")
	worked   = histograms("workqueue_work_duration_seconds", "How long in seconds processing an item from workqueue takes.")
	underWay = running{
		unfinished: desc("workqueue_unfinished_work_seconds", "How many seconds of work has been done that is in progress and hasn't been observed by work_duration."),
		longest:    desc("workqueue_longest_running_processor_seconds", "How many seconds has the longest running processor for workqueue been running."),
		queues:     map[*counted]string{},
	}
)

const label = "name"

func gauges(name, help string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{label})
}

func counters(name, help string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
}

func histograms(name, help string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(1e-8, 10, 12),
	}, []string{label})
}

func desc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, []string{label}, nil)
}

// Collectors are the metrics of the loops of this process.
func Collectors() []prometheus.Collector {
	return []prometheus.Collector{depth, adds, retries, waited, worked, &underWay}
}

// counted is a queue of keys that counts what goes through it. Kubernetes' own
// counting queue would wake up twice a second to do so.
type counted struct {
	workqueue.TypedInterface[client.Key]
	depth          prometheus.Gauge
	adds           prometheus.Counter
	waited, worked prometheus.Observer

	mu sync.Mutex // guards both
	// added is when keys that wait were added, begun when the others were taken.
	added, begun map[client.Key]time.Time
}

// queues are the names that the controllers' queues have in Kubernetes, where
// dashboards look for them, if those are others than the controllers'.
var queues = map[string]string{
	"certificate-controller":                              "certificate",
	"clusterrole-aggregation-controller":                  "ClusterRoleAggregator",
	"cronjob-controller":                                  "cronjob",
	"daemonset-controller":                                "daemonset",
	"deployment-controller":                               "deployment",
	"disruption-controller":                               "disruption",
	"endpoint-controller":                                 "endpoint",
	"endpointslice-controller":                            "endpoint_slice",
	"endpointslice-mirroring-controller":                  "endpoint_slice_mirroring",
	"garbage-collector-controller":                        "garbage_collector_attempt_to_delete",
	"job-controller":                                      "job",
	"kube-apiserver-serving-clustertrustbundle-publisher": "ca_cert_publisher_cluster_trust_bundles",
	"namespace-controller":                                "namespace",
	"node-lifecycle-controller":                           "node_lifecycle_controller",
	"pv-protection-controller":                            "pvprotection",
	"pvc-protection-controller":                           "pvcprotection",
	"replicaset-controller":                               "replicaset",
	"replication-controller":                              "replicationmanager",
	"resourcequota-controller":                            "resourcequota_primary",
	"root-ca-certificate-publisher":                       "root_ca_cert_publisher",
	"serviceaccount-controller":                           "serviceaccount",
	"statefulset-controller":                              "statefulset",
	"ttl-after-finished-controller":                       "ttl_jobs_to_delete",
	"volumeattributesclass-protection-controller":         "vacprotection",
}

// queueName is the name under which a loop's queue is counted.
func queueName(loop string) string { return cmp.Or(queues[loop], loop) }

func newCounted(name string) *counted {
	return &counted{
		TypedInterface: workqueue.NewTypedWithConfig(workqueue.TypedQueueConfig[client.Key]{}),
		depth:          depth.WithLabelValues(name), adds: adds.WithLabelValues(name),
		waited: waited.WithLabelValues(name), worked: worked.WithLabelValues(name),
		added: map[client.Key]time.Time{}, begun: map[client.Key]time.Time{},
	}
}

// Add implements workqueue.TypedInterface. A key that waits already is not
// counted again.
func (q *counted) Add(key client.Key) {
	q.mu.Lock()
	if _, waits := q.added[key]; !waits && !q.ShuttingDown() {
		q.added[key] = time.Now()
		q.adds.Inc()
		q.depth.Inc()
	}
	q.mu.Unlock()
	q.TypedInterface.Add(key)
}

// Get implements workqueue.TypedInterface.
func (q *counted) Get() (client.Key, bool) {
	key, shutdown := q.TypedInterface.Get()
	if shutdown {
		return key, true
	}
	now := time.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	if since, ok := q.added[key]; ok {
		delete(q.added, key)
		q.depth.Dec()
		q.waited.Observe(now.Sub(since).Seconds())
	}
	q.begun[key] = now
	return key, false
}

// Done implements workqueue.TypedInterface.
func (q *counted) Done(key client.Key) {
	q.mu.Lock()
	if since, ok := q.begun[key]; ok {
		delete(q.begun, key)
		q.worked.Observe(time.Since(since).Seconds())
	}
	q.mu.Unlock()
	q.TypedInterface.Done(key)
}

// forget takes what still waits out of the depth, once nobody will take it.
func (q *counted) forget() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.depth.Sub(float64(len(q.added)))
	clear(q.added)
}

// underway tells for how long keys have been worked on: all of them together,
// and the one that was taken first.
func (q *counted) underway(now time.Time) (all, longest time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for since := range maps.Values(q.begun) {
		all += now.Sub(since)
		longest = max(longest, now.Sub(since))
	}
	return all, longest
}

// running tells, when it is asked, what the loops that run are at.
type running struct {
	unfinished, longest *prometheus.Desc

	mu     sync.Mutex // guards queues
	queues map[*counted]string
}

func (r *running) enter(q *counted, name string) (leave func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queues[q] = name
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.queues, q)
	}
}

// Describe implements prometheus.Collector.
func (r *running) Describe(to chan<- *prometheus.Desc) {
	to <- r.unfinished
	to <- r.longest
}

// Collect implements prometheus.Collector.
func (r *running) Collect(to chan<- prometheus.Metric) {
	now := time.Now()
	all, longest := map[string]time.Duration{}, map[string]time.Duration{}
	r.mu.Lock()
	for q, name := range r.queues {
		a, l := q.underway(now)
		all[name] += a
		longest[name] = max(longest[name], l)
	}
	r.mu.Unlock()
	for name := range all {
		to <- prometheus.MustNewConstMetric(r.unfinished, prometheus.GaugeValue, all[name].Seconds(), name)
		to <- prometheus.MustNewConstMetric(r.longest, prometheus.GaugeValue, longest[name].Seconds(), name)
	}
}
