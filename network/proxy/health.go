package proxy

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"minke/client"
	"minke/network/nft"
)

// health answers load balancers on the healthCheckNodePort of Services whose
// external traffic policy is Local: 200 while this node has endpoints and the
// proxy is healthy, else 503. It is used by the proxy's goroutine only.
type health struct {
	log     *slog.Logger
	healthy func() bool // whether the proxy is
	servers map[client.Key]*healthServer
}

type healthServer struct {
	port   int32
	server *http.Server
	local  atomic.Int64 // endpoints on this node
}

func newHealth(log *slog.Logger, healthy func() bool) *health {
	return &health{log: log, healthy: healthy, servers: map[client.Key]*healthServer{}}
}

func (h *health) update(k client.Key, s *corev1.Service, slices []*discoveryv1.EndpointSlice, at place) {
	port := int32(0)
	if s != nil && !skip(s) && s.Spec.Type == corev1.ServiceTypeLoadBalancer && s.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal {
		port = s.Spec.HealthCheckNodePort
	}
	have := h.servers[k]
	if have != nil && have.port != port {
		have.server.Close()
		delete(h.servers, k)
		have = nil
	}
	if port == 0 {
		return
	}
	if have == nil {
		var err error
		if have, err = serveHealth(k, port, h.healthy); err != nil {
			h.log.Error("cannot answer health checks of load balancers", "service", k, "err", err)
			return
		}
		h.servers[k] = have
	}
	have.local.Store(int64(localReady(s, slices, at)))
}

// localReady counts the ready endpoints on this node.
func localReady(s *corev1.Service, slices []*discoveryv1.EndpointSlice, at place) int {
	addrs := map[string]bool{}
	for _, f := range nft.Families {
		for _, sp := range s.Spec.Ports {
			for _, e := range endpoints(f, sp, slices) {
				if e.ready && e.node == at.node {
					addrs[e.addr.Addr().String()] = true
				}
			}
		}
	}
	return len(addrs)
}

func serveHealth(k client.Key, port int32, healthy func() bool) (*healthServer, error) {
	l, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
	if err != nil {
		return nil, err
	}
	s := &healthServer{port: port}
	s.server = newHealthServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { s.answer(w, k, healthy()) }))
	go s.server.Serve(l)
	return s, nil
}

// newHealthServer is for whoever can reach the node.
func newHealthServer(handler http.Handler) *http.Server {
	return &http.Server{ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, MaxHeaderBytes: 8 << 10, Handler: handler}
}

// answer has the form that load balancers know from kube-proxy.
func (s *healthServer) answer(w http.ResponseWriter, k client.Key, healthy bool) {
	n := s.local.Load()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("X-Load-Balancing-Endpoint-Weight", fmt.Sprint(n))
	if n == 0 || !healthy {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	type service struct {
		Namespace string `json:"namespace"`
		Name      string `json:"name"`
	}
	json.NewEncoder(w).Encode(struct {
		Service             service `json:"service"`
		LocalEndpoints      int64   `json:"localEndpoints"`
		ServiceProxyHealthy bool    `json:"serviceProxyHealthy"`
	}{service{k.Namespace, k.Name}, n, healthy})
}

func (h *health) close() {
	for _, s := range h.servers {
		s.server.Close()
	}
}
