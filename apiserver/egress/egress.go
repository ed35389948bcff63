// Package egress chooses how the API server's own connections leave it
// (EgressSelectorConfiguration, KEP-1281): directly, or through a proxy that stands
// at the edge of another network.
//
//	controlplane   webhooks that are named by a URL, the collector of traces
//	etcd           the datastore
//	cluster        kubelets, pods, Services: webhooks and API servers behind them
//
// A name goes to the proxy as it is; where this server must check an address
// (package backend) it is resolved here.
package egress

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apiserver/pkg/apis/apiserver"

	"minke/tracing"
)

// Dial connects to "host:port".
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// Selector has a way for each network; nil is what the server does without a
// configuration. A nil Selector has none.
type Selector struct {
	controlPlane, etcd, cluster Dial
	metrics                     *metrics
}

// New returns the ways that a configuration says, or why it is not valid.
func New(config *apiserver.EgressSelectorConfiguration) (*Selector, error) {
	if errs := validate(config); len(errs) > 0 {
		return nil, errs.ToAggregate()
	}
	s := &Selector{metrics: newMetrics()}
	for _, one := range config.EgressSelections {
		dial, err := s.dial(&one.Connection)
		if err != nil {
			return nil, err
		}
		*s.network(one.Name) = dial
	}
	return s, nil
}

// ControlPlane is the way to what stands beside the API server.
func (s *Selector) ControlPlane() Dial {
	if s == nil {
		return nil
	}
	return s.controlPlane
}

// Etcd is the way to the datastore.
func (s *Selector) Etcd() Dial {
	if s == nil {
		return nil
	}
	return s.etcd
}

// Cluster is the way to nodes, pods and Services.
func (s *Selector) Cluster() Dial {
	if s == nil {
		return nil
	}
	return s.cluster
}

// To returns the way as a backend.Network has it.
func (d Dial) To() func(ctx context.Context, address string) (net.Conn, error) {
	if d == nil {
		return nil
	}
	return func(ctx context.Context, address string) (net.Conn, error) { return d(ctx, "tcp", address) }
}

// Collectors returns the metrics apiserver_egress_dialer_*.
func (s *Selector) Collectors() []prometheus.Collector {
	if s == nil {
		return nil
	}
	return s.metrics.collectors()
}

const dialTimeout = 30 * time.Second

func (s *Selector) dial(c *apiserver.Connection) (Dial, error) {
	switch {
	case c.ProxyProtocol == apiserver.ProtocolDirect:
		return (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext, nil
	case c.ProxyProtocol == apiserver.ProtocolGRPC:
		return s.through("grpc", "uds", konnectivity(c.Transport.UDS.UDSName)), nil
	case c.Transport.UDS != nil:
		return s.through("http_connect", "uds", &connectProxy{address: c.Transport.UDS.UDSName, dial: socket(c.Transport.UDS.UDSName)}), nil
	}
	address, dial, err := proxyServer(c.Transport.TCP)
	if err != nil {
		return nil, err
	}
	return s.through("http_connect", "tcp", &connectProxy{address: address, dial: dial}), nil
}

// proxy connects through a proxy server. Errors of the way to the proxy itself are
// of type unreached.
type proxy interface {
	connect(ctx context.Context, address string) (net.Conn, error)
}

// unreached says that the proxy itself could not be reached.
type unreached struct{ error }

func (u unreached) Unwrap() error { return u.error }

// through counts and traces the connections by way of p.
func (s *Selector) through(protocol, transport string, p proxy) Dial {
	return func(ctx context.Context, _, address string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, dialTimeout)
		defer cancel()
		ctx, span := tracing.Start(ctx, "Proxy via "+protocol+" protocol over "+transport, tracing.String("address", address))
		defer span.End()
		began := time.Now()
		s.metrics.starts.WithLabelValues(protocol, transport).Inc()
		conn, err := p.connect(ctx, address)
		if err != nil {
			stage := "proxy"
			if errors.As(err, &unreached{}) {
				stage = "connect"
			}
			s.metrics.failures.WithLabelValues(protocol, transport, stage).Inc()
			span.Fail(err)
			return nil, err
		}
		s.metrics.latencies.WithLabelValues(protocol, transport).Observe(time.Since(began).Seconds())
		return conn, nil
	}
}
