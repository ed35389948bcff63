package proxy

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
)

const (
	// late is how long a change may wait until the proxy is no longer healthy, as by
	// default in kube-proxy: twice its syncPeriod.
	late = time.Minute
	// toBeDeleted taints a node that the cluster autoscaler is about to delete.
	toBeDeleted = "ToBeDeletedByClusterAutoscaler"
)

// progress is how far the proxy has got with what changes.
type progress struct {
	// waiting is since when a change has waited to be taken, applying since when one
	// that was taken has waited; zero without any.
	waiting, applying time.Time
	// applied is when the last one was, zero before the first.
	applied time.Time
}

// queued notes that something has changed.
func (g *progress) queued(now time.Time) {
	if g.waiting.IsZero() {
		g.waiting = now
	}
}

// taken notes that all that has changed is being applied. What was taken before and
// has failed is so still.
func (g *progress) taken() {
	if g.applying.IsZero() {
		g.applying = g.waiting
	}
	g.waiting = time.Time{}
}

// failed notes that it was not applied, even if nothing had changed.
func (g *progress) failed(now time.Time) {
	if g.applying.IsZero() {
		g.applying = now
	}
}

// succeeded notes that what was taken is applied.
func (g *progress) succeeded(now time.Time) { g.applying, g.applied = time.Time{}, now }

// healthy tells whether no change waits for too long. A proxy that has only
// started is healthy.
func (g *progress) healthy(now time.Time) bool {
	for _, since := range []time.Time{g.waiting, g.applying} {
		if !since.IsZero() && !g.applied.IsZero() && now.Sub(since) >= late {
			return false
		}
	}
	return true
}

// note changes the progress, under the lock.
func (p *Proxy) note(what func(*progress)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	what(&p.progress)
}

func (p *Proxy) healthy() (healthy bool, applied time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.progress.healthy(time.Now()), p.progress.applied
}

// eligible tells whether load balancers should choose this node: it is there and
// about to stay (KEP-3836).
func (p *Proxy) eligible() bool {
	node, ok := p.nodes.Get("", p.cfg.NodeName)
	if !ok || node.DeletionTimestamp != nil {
		return false
	}
	for _, taint := range node.Spec.Taints {
		if taint.Key == toBeDeleted {
			return false
		}
	}
	return true
}

// healthz are kube-proxy's answers on its healthz port. /livez tells how the proxy
// is, for who would start it again; /healthz as well whether the node is eligible,
// for load balancers.
func (p *Proxy) healthz() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/livez", func(w http.ResponseWriter, _ *http.Request) { p.answer(w, nil) })
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		eligible := p.eligible()
		p.answer(w, &eligible)
	})
	return mux
}

func (p *Proxy) answer(w http.ResponseWriter, eligible *bool) {
	type family struct {
		LastUpdated time.Time `json:"lastUpdated"`
		Healthy     bool      `json:"healthy"`
	}
	healthy, applied := p.healthy()
	body := struct {
		LastUpdated  time.Time                  `json:"lastUpdated"`
		CurrentTime  time.Time                  `json:"currentTime"`
		NodeEligible *bool                      `json:"nodeEligible,omitempty"`
		Healthy      bool                       `json:"healthy"`
		Status       map[corev1.IPFamily]family `json:"status,omitempty"`
	}{LastUpdated: applied, CurrentTime: time.Now(), NodeEligible: eligible, Healthy: healthy}
	if !applied.IsZero() { // one transaction is for both
		both := family{applied, healthy}
		body.Status = map[corev1.IPFamily]family{corev1.IPv4Protocol: both, corev1.IPv6Protocol: both}
	}
	code := http.StatusServiceUnavailable
	if healthy && (eligible == nil || *eligible) {
		// Readers of old want it to be of late while all is well.
		code, body.LastUpdated = http.StatusOK, body.CurrentTime
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	// Who asked may be gone already.
	_ = json.NewEncoder(w).Encode(body)
}

// serveHealthz answers on the healthz port, if there is one and it does not yet.
func (p *Proxy) serveHealthz() {
	if p.cfg.HealthzPort == 0 || p.healthzServer != nil {
		return
	}
	l, err := net.Listen("tcp", fmt.Sprintf(":%d", p.cfg.HealthzPort))
	if err != nil {
		p.log.Error("cannot answer on the healthz port, trying again", "err", err, "in", lookAfter)
		return
	}
	p.healthzServer = newHealthServer(p.healthz())
	go p.healthzServer.Serve(l)
}

func (p *Proxy) closeHealthz() {
	if p.healthzServer != nil {
		p.healthzServer.Close()
	}
}
