package flowcontrol

import (
	"maps"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// Collector shows the controller's metrics, under Kubernetes' names. They are
// put together when somebody reads them.
func (c *Controller) Collector() prometheus.Collector { return collector{c} }

type collector struct{ *Controller }

const prefix = "apiserver_flowcontrol_"

func described(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prefix+name, help, labels, nil)
}

// describedFlow is a metric of each schema at its level.
func describedFlow(name, help string, labels ...string) *prometheus.Desc {
	return described(name, help, append([]string{"priority_level", "flow_schema"}, labels...)...)
}

var (
	rejectedTotal   = describedFlow("rejected_requests_total", "Number of requests rejected by API Priority and Fairness subsystem", "reason")
	dispatchedTotal = describedFlow("dispatched_requests_total", "Number of requests executed by API Priority and Fairness subsystem")
	inqueueRequests = describedFlow("current_inqueue_requests", "Number of requests currently pending in queues of the API Priority and Fairness subsystem")
	inqueueSeats    = describedFlow("current_inqueue_seats", "Number of seats currently pending in queues of the API Priority and Fairness subsystem")
	runningRequests = describedFlow("current_executing_requests", "Number of requests in initial (for a WATCH) or any (for a non-WATCH) execution stage in the API Priority and Fairness subsystem")
	runningSeats    = describedFlow("current_executing_seats", "Concurrency (number of seats) occupied by the currently executing (initial stage for a WATCH, any stage otherwise) requests in the API Priority and Fairness subsystem")
	queueLength     = describedFlow("request_queue_length_after_enqueue", "Length of queue in the API Priority and Fairness subsystem, as seen by each request after it is enqueued")
	waitSeconds     = describedFlow("request_wait_duration_seconds", "Length of time a request spent waiting in its queue", "execute")
	runSeconds      = describedFlow("request_execution_seconds", "Duration of initial stage (for a WATCH) or any (for a non-WATCH) stage of request execution in the API Priority and Fairness subsystem", "type")
	widths          = describedFlow("work_estimated_seats", "Number of estimated seats (maximum of initial and final seats) associated with requests in API Priority and Fairness")
	unseatedTotal   = describedFlow("request_dispatch_no_accommodation_total", "Number of times a dispatch attempt resulted in a non accommodation due to lack of available seats")

	nominalSeats = described("nominal_limit_seats", "Nominal number of execution seats configured for each priority level", "priority_level")
	lowerSeats   = described("lower_limit_seats", "Configured lower bound on number of execution seats available to each priority level", "priority_level")
	upperSeats   = described("upper_limit_seats", "Configured upper bound on number of execution seats available to each priority level", "priority_level")
	currentSeats = described("current_limit_seats", "current derived number of execution seats available to each priority level", "priority_level")
	demandHigh   = described("demand_seats_high_watermark", "High watermark, over last adjustment period, of demand_seats", "priority_level")
	demandMean   = described("demand_seats_average", "Time-weighted average, over last adjustment period, of demand_seats", "priority_level")
	demandDev    = described("demand_seats_stdev", "Time-weighted standard deviation, over last adjustment period, of demand_seats", "priority_level")
	demandSmooth = described("demand_seats_smoothed", "Smoothed seat demands", "priority_level")
	targetSeats  = described("target_seats", "Seat allocation targets", "priority_level")
	currentR     = described("current_r", "R(time of last change)", "priority_level")
	fairFraction = described("seat_fair_frac", "Fair fraction of server's concurrency to allocate to each priority level that can use it")
	runsByKind   = [2]string{"regular", "watch"}
	allDescribed = []*prometheus.Desc{rejectedTotal, dispatchedTotal, inqueueRequests, inqueueSeats, runningRequests, runningSeats, queueLength, waitSeconds, runSeconds, widths, unseatedTotal, nominalSeats, lowerSeats, upperSeats, currentSeats, demandHigh, demandMean, demandDev, demandSmooth, targetSeats, currentR, fairFraction}
)

// Describe implements prometheus.Collector.
func (c collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range allDescribed {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c collector) Collect(out chan<- prometheus.Metric) {
	c.setting.Lock()
	fraction := c.fraction
	c.setting.Unlock()
	out <- prometheus.MustNewConstMetric(fairFraction, prometheus.GaugeValue, fraction)
	for _, l := range c.current.Load().levels {
		for _, m := range l.collect() {
			out <- m
		}
	}
}

// collect reads under the lock and lets others send.
func (l *level) collect() []prometheus.Metric {
	l.mu.Lock()
	defer l.mu.Unlock()
	o := l.demand.last
	var all []prometheus.Metric
	for _, g := range []struct {
		of *prometheus.Desc
		v  float64
	}{
		{nominalSeats, float64(l.shape.nominal)}, {lowerSeats, float64(l.shape.least)}, {upperSeats, float64(l.shape.most)},
		{currentSeats, float64(l.limit)}, {demandHigh, float64(o.high)}, {demandMean, o.mean}, {demandDev, o.dev},
		{demandSmooth, o.smoothed}, {targetSeats, o.target}, {currentR, l.virtual},
	} {
		all = append(all, prometheus.MustNewConstMetric(g.of, prometheus.GaugeValue, g.v, l.name))
	}
	for _, name := range slices.Sorted(maps.Keys(l.flows)) {
		all = append(all, l.flows[name].collect(l.name)...)
	}
	return all
}

func (f *flowStats) collect(level string) (all []prometheus.Metric) {
	number := func(of *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string) {
		all = append(all, prometheus.MustNewConstMetric(of, kind, v, append([]string{level, f.schema}, labels...)...))
	}
	buckets := func(of *prometheus.Desc, h *histogram, labels ...string) {
		if h.total > 0 {
			all = append(all, h.metric(of, append([]string{level, f.schema}, labels...)))
		}
	}
	number(dispatchedTotal, prometheus.CounterValue, float64(f.dispatched))
	number(inqueueRequests, prometheus.GaugeValue, float64(f.waiting))
	number(inqueueSeats, prometheus.GaugeValue, float64(f.seatsWaiting))
	number(runningRequests, prometheus.GaugeValue, float64(f.running))
	number(runningSeats, prometheus.GaugeValue, float64(f.seats))
	for _, why := range []refusal{queueFull, noSeats, timedOut, cancelled} {
		if n := f.refused[why]; n > 0 {
			number(rejectedTotal, prometheus.CounterValue, float64(n), string(why))
		}
	}
	if f.unseated > 0 {
		number(unseatedTotal, prometheus.CounterValue, float64(f.unseated))
	}
	buckets(queueLength, &f.lengths)
	buckets(waitSeconds, &f.waits, "true")
	buckets(waitSeconds, &f.refusedWaits, "false")
	for i := range f.runs {
		buckets(runSeconds, &f.runs[i], runsByKind[i])
	}
	buckets(widths, &f.widths)
	return all
}

func (h *histogram) metric(of *prometheus.Desc, labels []string) prometheus.Metric {
	cumulative := make(map[float64]uint64, len(h.bounds))
	sum := uint64(0)
	for i, bound := range h.bounds {
		sum += h.counts[i]
		cumulative[bound] = sum
	}
	return prometheus.MustNewConstHistogram(of, h.total, h.sum, cumulative, labels...)
}

// InFlight returns how many requests run that read, and that write.
func (c *Controller) InFlight() (reads, writes int) {
	for _, l := range c.current.Load().levels {
		l.mu.Lock()
		reads += l.requests - l.writing
		writes += l.writing
		l.mu.Unlock()
	}
	return reads, writes
}
