// Package server is the node's HTTPS server: logs, exec, attach and port
// forwarding of its pods, their list and their figures.
//
// Every request is authenticated and authorized before anything is looked up.
// What executes needs the right to create nodes/proxy, whatever its method: to
// read a node's figures or logs never means to run something on it.
package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"minke/client"
	"minke/kubelet/cri"
	"minke/tracing"
)

// Config is what the server serves.
type Config struct {
	NodeName string
	API      client.Interface
	Runtime  cri.Runtime
	// Pods lists the node's pods.
	Pods func() []*corev1.Pod
	// Ended returns a channel that is closed when the container ends.
	Ended  func(containerID string) <-chan struct{}
	LogDir string
	// Healthy tells whether the node works; nil means yes.
	Healthy        func() error
	Certificate    tls.Certificate
	GetCertificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	ClientCAs      *x509.CertPool
	// APIServer is the common name that may do everything.
	APIServer string
	// SystemLogDir is served at /logs/; empty refuses it.
	SystemLogDir string
	Started      time.Time
	// Collectors are metrics of other parts that /metrics shows.
	Collectors []prometheus.Collector
	// Tracer makes spans of requests; nil for none.
	Tracer *tracing.Tracer
}

// Server answers callers of one node.
type Server struct {
	Config
	log *slog.Logger
	mux *http.ServeMux
	// others gathers Collectors.
	others *prometheus.Registry
}

// New returns a server.
func New(c Config) *Server {
	s := &Server{Config: c, log: slog.Default().With("part", "kubelet", "of", "server"), mux: http.NewServeMux(), others: prometheus.NewRegistry()}
	s.others.MustRegister(c.Collectors...)
	s.handle("/healthz", "healthz", s.health)
	s.handle("/healthz/{check}", "healthz", s.health)
	s.handle("/pods", "pods", s.listPods)
	s.handle("/pods/{$}", "pods", s.listPods)
	s.handle("/runningpods/", "pods", s.listPods)
	s.handle("GET /containerLogs/{namespace}/{pod}/{container}", "proxy", s.containerLogs)
	s.handle("GET /stats/summary", "stats", s.summary)
	s.handle("GET /metrics", "metrics", s.metrics)
	s.handle("GET /metrics/resource", "metrics", s.resourceMetrics)
	s.handle("GET /logs/", "log", s.systemLogs)
	for _, path := range []string{"/{namespace}/{pod}/{container}", "/{namespace}/{pod}/{uid}/{container}"} {
		s.handle("/exec"+path, executes, s.exec)
		s.handle("/attach"+path, executes, s.attach)
		s.handle("POST /run"+path, executes, s.run)
	}
	s.handle("/portForward/{namespace}/{pod}", executes, s.portForward)
	s.handle("/portForward/{namespace}/{pod}/{uid}", executes, s.portForward)
	return s
}

// executes marks the routes that need the right to create nodes/proxy.
const executes = "execute"

func (s *Server) handle(pattern, subresource string, h http.HandlerFunc) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		if s.authorized(w, r, subresource) {
			span := s.traced(r, pattern)
			h(w, r.WithContext(span.Within(r.Context())))
			span.End()
		}
	})
}

// traced begins the span of a request that is allowed, named as its route. Whose child
// it is the caller says: the API server, or who has the same rights.
func (s *Server) traced(r *http.Request, pattern string) *tracing.Span {
	if s.Tracer == nil {
		return nil
	}
	route := pattern[strings.Index(pattern, "/"):]
	span := s.Tracer.Serve(tracing.Arrival{Name: route, Header: r.Header, Trusted: true})
	span.Set(tracing.String("http.request.method", r.Method), tracing.String("http.route", route), tracing.String("url.path", r.URL.Path))
	return span
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Serve accepts connections until ctx ends.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	config := &tls.Config{
		MinVersion: tls.VersionTLS12, ClientAuth: tls.RequestClientCert, ClientCAs: s.ClientCAs,
		// Streams are upgraded connections, which HTTP/2 does not have.
		NextProtos:     []string{"http/1.1"},
		GetCertificate: s.GetCertificate,
	}
	if s.ClientCAs != nil {
		config.ClientAuth = tls.VerifyClientCertIfGiven
	}
	if s.GetCertificate == nil {
		config.Certificates = []tls.Certificate{s.Certificate}
	}
	h := &http.Server{
		Handler: s, TLSConfig: config, ReadHeaderTimeout: 30 * time.Second, IdleTimeout: 90 * time.Second, MaxHeaderBytes: 64 << 10,
		ErrorLog:     slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		BaseContext:  func(net.Listener) context.Context { return ctx },
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){},
	}
	stop := context.AfterFunc(ctx, func() { h.Close() })
	defer stop()
	err := h.ServeTLS(l, "", "")
	if ctx.Err() != nil || errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve the node's API: %w", err)
}

func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	if s.Healthy != nil {
		if err := s.Healthy(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	fmt.Fprint(w, "ok")
}

// pod finds the pod that the request's path names, or answers that there is none.
func (s *Server) pod(w http.ResponseWriter, r *http.Request) *corev1.Pod {
	namespace, name, uid := r.PathValue("namespace"), r.PathValue("pod"), r.PathValue("uid")
	for _, p := range s.Pods() {
		if p.Namespace == namespace && p.Name == name && (uid == "" || string(p.UID) == uid) {
			return p
		}
	}
	http.Error(w, fmt.Sprintf("pod %q not found", name), http.StatusNotFound)
	return nil
}
