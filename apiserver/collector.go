package apiserver

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// collector shows the server's own metrics.
type collector struct {
	*Server
	m *metrics
}

func described(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// describedRequest has the labels of requests, with more after the first.
func describedRequest(name, help string, more ...string) *prometheus.Desc {
	all := append([]string{requestLabels[0]}, more...)
	return described(name, help, append(all, requestLabels[1:]...)...)
}

var (
	requestTotal = described("apiserver_request_total",
		"Counter of apiserver requests broken out for each verb, dry run value, group, version, resource, scope, component, and HTTP response code.",
		"verb", "dry_run", "group", "version", "resource", "subresource", "scope", "component", "code")
	requestSeconds = describedRequest("apiserver_request_duration_seconds",
		"Response latency distribution in seconds for each verb, dry run value, group, version, resource, subresource, scope and component.", "dry_run")
	requestSLI = describedRequest("apiserver_request_sli_duration_seconds",
		"Response latency distribution (not counting webhook duration and priority & fairness queue wait times) in seconds for each verb, group, version, resource, subresource, scope and component.")
	responseSizes = describedRequest("apiserver_response_sizes",
		"Response size distribution in bytes for each group, version, verb, resource, subresource, scope and component.")
	longRequests = describedRequest("apiserver_longrunning_requests",
		"Gauge of all active long-running apiserver requests broken out by verb, group, version, resource, scope and component. Not all requests are tracked this way.")
	inflightRequests = described("apiserver_current_inflight_requests",
		"Number of requests of this apiserver that are served now, per request kind.", "request_kind")
	watchEvents     = described("apiserver_watch_events_total", "Number of events sent in watch clients", "group", "version", "resource")
	watchEventSizes = described("apiserver_watch_events_sizes", "Watch event size distribution in bytes", "group", "version", "resource")
	resourceObjects = described("apiserver_resource_objects", "Number of stored objects, split by kind, of the resources that were asked for.", "group", "resource")
	storageObjects  = described("apiserver_storage_objects", "Number of stored objects, split by kind (apiserver_resource_objects replaces it).", "resource")
	deprecatedAPIs  = described("apiserver_requested_deprecated_apis", "Gauge of deprecated APIs that have been requested, broken out by API group, version, resource, subresource, and removed_release.", "group", "version", "resource", "subresource", "removed_release")
	authnAttempts   = described("authentication_attempts", "Counter of authenticated attempts.", "result")
	authnSeconds    = described("authentication_duration_seconds", "Authentication duration in seconds broken out by result.", "result")
	authzAttempts   = described("authorization_attempts_total", "Counter of authorization attempts broken down by result. It can be either 'allowed', 'denied', 'no-opinion' or 'error'.", "result")
	authzSeconds    = described("authorization_duration_seconds", "Authorization duration in seconds broken out by result.", "result")
	serverDescribed = []*prometheus.Desc{requestTotal, requestSeconds, requestSLI, responseSizes, longRequests, inflightRequests, watchEvents, watchEventSizes, resourceObjects, storageObjects, deprecatedAPIs, authnAttempts, authnSeconds, authzAttempts, authzSeconds}
)

// Describe implements prometheus.Collector.
func (c collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range serverDescribed {
		out <- d
	}
}

func gauge(of *prometheus.Desc, v float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(of, prometheus.GaugeValue, v, labels...)
}

func counter(of *prometheus.Desc, v uint64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(of, prometheus.CounterValue, float64(v), labels...)
}

// Collect implements prometheus.Collector.
func (c collector) Collect(out chan<- prometheus.Metric) {
	all, times := c.m.all()
	for _, s := range all {
		if n := s.total.Load(); n > 0 {
			v := s.labels.values()
			out <- counter(requestTotal, n, append([]string{v[0], s.labels.dryRunValue()}, append(v[1:], strconv.Itoa(s.labels.code))...)...)
		}
	}
	for _, t := range times {
		t.collect(out)
	}
	reads, writes := c.inFlight(c.cfg.Flow)
	out <- gauge(inflightRequests, float64(reads), "readOnly")
	out <- gauge(inflightRequests, float64(writes), "mutating")
	c.collectEndpoints(out)
	for i := range c.m.authn {
		c.m.authn[i].collect(out, authnAttempts, authnSeconds, authnResults[i])
	}
	for i := range c.m.authz {
		c.m.authz[i].collect(out, authzAttempts, authzSeconds, authzResults[i])
	}
}

func (t *timings) collect(out chan<- prometheus.Metric) {
	v := t.labels.values()
	if verb := t.labels.verb; verb == "WATCH" || verb == "CONNECT" {
		out <- gauge(longRequests, float64(t.running.Load()), v...)
		return
	}
	out <- t.duration.metric(requestSeconds, append([]string{v[0], t.labels.dryRunValue()}, v[1:]...)...)
	if !t.labels.dryRun {
		out <- t.sli.metric(requestSLI, v...)
	}
	if t.sizes.bounds != nil {
		out <- t.sizes.metric(responseSizes, v...)
	}
}

func (a *attempts) collect(out chan<- prometheus.Metric, total, seconds *prometheus.Desc, result string) {
	if n := a.total.Load(); n > 0 {
		out <- counter(total, n, result)
		out <- a.times.metric(seconds, result)
	}
}

// collectEndpoints shows what endpoints count of themselves. A resource that
// nobody asked for is not read for its number.
func (c collector) collectEndpoints(out chan<- prometheus.Metric) {
	var ends []*endpoint
	for _, e := range c.routes.Load().endpoints {
		ends = append(ends, e)
	}
	slices.SortFunc(ends, func(a, b *endpoint) int {
		return cmp.Or(cmp.Compare(a.kind.Group, b.kind.Group), cmp.Compare(a.Plural, b.Plural), cmp.Compare(a.kind.Version, b.kind.Version))
	})
	shown := map[schema.GroupResource]bool{}
	for _, e := range ends {
		group, version := e.kind.Group, e.kind.Version
		if n := e.counts.events.Load(); n > 0 {
			out <- counter(watchEvents, n, group, version, e.Plural)
			out <- e.counts.eventSizes.metric(watchEventSizes, group, version, e.Plural)
		}
		if e.counts.deprecated.Load() {
			out <- gauge(deprecatedAPIs, 1, group, version, e.Plural, "", "")
		}
		if e.version != nil || e.cache == nil || shown[e.group] {
			continue
		}
		if n, loaded := e.cache.Count(); loaded {
			shown[e.group] = true
			out <- gauge(resourceObjects, float64(n), group, e.Plural)
			out <- gauge(storageObjects, float64(n), e.group.String())
		}
	}
}
