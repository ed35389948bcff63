package cluster

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"

	"minke/api"
	"minke/api/cel"
	"minke/api/feature"
	"minke/api/inprocess"
	"minke/apiserver"
	"minke/apiserver/admission"
	"minke/apiserver/admission/policy/typecheck"
	"minke/apiserver/admission/webhooks"
	"minke/apiserver/aggregate"
	"minke/apiserver/allocate"
	"minke/apiserver/audit"
	"minke/apiserver/authz"
	"minke/apiserver/customresource"
	"minke/apiserver/egress"
	"minke/apiserver/encryption"
	"minke/apiserver/flowcontrol"
	"minke/apiserver/h2"
	"minke/apiserver/webhook"
	"minke/client"
	"minke/cluster/options"
	"minke/cluster/pki"
	"minke/cluster/servers"
	"minke/store"
	"minke/store/cache"
	"minke/tracing"
)

// ServerConfig says what a server is made of.
type ServerConfig struct {
	// DataDir holds the store, in its folder db.
	DataDir string
	PKI     *pki.Authority
	// Address and Port are where nodes and pods reach the API.
	Address netip.Addr
	Port    int
	// Host is this machine's name among the servers; empty for its own.
	Host string
	// Names and IPs are further ones that the serving certificate covers.
	Names []string
	IPs   []netip.Addr
	// PodNet is divided among the nodes, NodeBits long each; ServiceNet is
	// where cluster IPs come from, DNS the one of cluster DNS.
	PodNet, ServiceNet netip.Prefix
	NodeBits           int
	DNS                netip.Addr
	Domain             string
	API                options.API
	// detector is set by tests alone.
	detector *cache.Detector
}

// Server is the store, the API, the controllers and the scheduler.
type Server struct {
	cfg ServerConfig
	log *slog.Logger
	// name tells this server from others (servers.NameOn).
	name  string
	store store.Store
	// encryption is nil when nothing is encrypted at rest.
	encryption *encryption.Encryption
	resources  []*api.Resource
	gates      feature.Gates
	api        *apiserver.Server
	custom     *customresource.Manager
	security   *security
	chain      admission.Chain
	allocator  *allocate.Allocator
	// calls is how webhooks of all kinds are called, webhooks those of admission.
	calls    *webhook.Client
	webhooks *webhooks.Webhooks
	// bootstrapped is reached when the objects that every cluster has are there,
	// routed when requests for other API servers are led to these.
	bootstrapped, routed *stage
	// aggregator knows the API servers behind this one.
	aggregator *aggregate.Manager
	elsewhere  *elsewhere
	// flow is nil when requests are bounded in number alone.
	flow *flowcontrol.Controller
	// audit is nil when nobody is told what happens.
	audit *audit.Auditor
	// egress has the ways to others; nil for the usual ones.
	egress *egress.Selector
	// tracer is nil when nothing is traced.
	tracer *tracing.Tracer
	// requests count what the parts of this process ask of it.
	requests *client.Metrics
	// self is the API as the server itself uses it, with all rights.
	self client.Interface
	tls  *tls.Config
	// endAPI ends what the API does without being asked by a request.
	endAPI context.CancelFunc
}

// NewServer opens the store and assembles the server; Run starts it.
func NewServer(ctx context.Context, cfg ServerConfig) (*Server, error) {
	s, err := prepare(cfg)
	if err != nil {
		return nil, err
	}
	st, err := cfg.API.Datastore.Open(cfg.DataDir, s.egress.Etcd())
	if err != nil {
		return nil, err
	}
	if err := s.on(ctx, st); err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return s, nil
}

// prepare makes what a server has before its store is open.
func prepare(cfg ServerConfig) (*Server, error) {
	s := &Server{cfg: cfg, log: slog.Default().With("part", "server"), elsewhere: newElsewhere(), requests: client.NewMetrics(),
		bootstrapped: newStage(), routed: newStage()}
	collectSooner()
	var err error
	if s.resources, s.gates, err = cfg.API.Resources(); err != nil {
		return nil, err
	}
	if err := cfg.API.Check(); err != nil {
		return nil, err
	}
	if s.tls, err = s.servingTLS(); err != nil {
		return nil, err
	}
	host, err := s.host()
	if err != nil {
		return nil, err
	}
	s.name = servers.NameOn(host)
	if s.encryption, err = cfg.API.Encryption.Open(s.name, s.log); err != nil {
		return nil, err
	}
	if s.egress, err = cfg.API.Egress.Selector(); err != nil {
		return nil, err
	}
	if s.tracer, err = cfg.API.Tracing.Tracer(s.name, s.egress.ControlPlane(), s.log); err != nil {
		return nil, err
	}
	return s, nil
}

// on assembles the server on a store.
func (s *Server) on(ctx context.Context, st store.Store) error {
	s.store = st
	// It outlives ctx: controllers that end give back what they hold.
	ctx, s.endAPI = context.WithCancel(context.WithoutCancel(ctx))
	if err := s.assemble(ctx); err != nil {
		s.endAPI()
		return err
	}
	s.self = s.Client("system:apiserver", authz.Masters)
	s.security.self = s.self
	return nil
}

// Client returns the API as user sees it, in this process.
func (s *Server) Client(user string, groups ...string) client.Interface {
	return client.Counted(client.InProcess(s.api, s.api, &inprocess.User{Name: user, Groups: groups}), s.requests)
}

// servingTLS makes the API's certificate, for every name by which it is known.
func (s *Server) servingTLS() (*tls.Config, error) {
	ips := []net.IP{net.IPv4(127, 0, 0, 1).To4(), s.cfg.Address.AsSlice(), firstAddress(s.cfg.ServiceNet).AsSlice()}
	for _, ip := range s.cfg.IPs {
		ips = append(ips, ip.AsSlice())
	}
	names := append([]string{
		"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc." + s.cfg.Domain,
	}, s.cfg.Names...)
	pair, err := s.cfg.PKI.ServingCert("apiserver", pki.Serving{CommonName: "kube-apiserver", Names: names, IPs: ips})
	if err != nil {
		return nil, err
	}
	config := &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{pair.TLS},
		// Certificates are asked for, not required; authn verifies them.
		ClientAuth: tls.RequestClientCert,
		ClientCAs:  s.cfg.PKI.Pool(),
		NextProtos: []string{"h2", "http/1.1"},
	}
	return config, s.cfg.API.Serving.Apply(config)
}

// Run serves the API on listeners and runs controllers and scheduler until ctx
// ends. ready is called once the API answers and the bootstrap objects exist.
func (s *Server) Run(ctx context.Context, listeners []net.Listener, ready func()) error {
	defer s.endAPI()
	err := moveFormer(ctx, s.store, s.encrypt())
	if err == nil {
		err = errors.Join(s.custom.Load(), s.webhooks.Load())
	}
	if err != nil {
		return errors.Join(err, s.store.Close())
	}
	stopTracer := runTracer(s.tracer)
	group, ctx := errgroup.WithContext(ctx)
	stopped := make(chan struct{}) // the controllers have, or never ran
	front := s.api.HTTPServer(s.tls)
	for _, l := range listeners {
		group.Go(func() error {
			if err := front.ServeTLS(h2.Listener(l), "", ""); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serve the API: %w", err)
			}
			return nil
		})
	}
	group.Go(func() error {
		<-ctx.Done()
		// Watches would keep a graceful end waiting; clients take them up again.
		err := front.Close()
		if s.cfg.API.Elects() {
			select {
			case <-stopped:
			case <-time.After(releaseTime):
			}
		}
		s.endAPI()
		return errors.Join(ctx.Err(), err)
	})
	group.Go(func() error { return s.security.run(ctx) })
	if s.audit != nil {
		group.Go(func() error { return s.audit.Run(ctx) })
	}
	group.Go(func() error { return s.runEncryption(ctx) })
	group.Go(func() error { return s.allocator.Run(ctx) })
	group.Go(func() error { return s.custom.Run(ctx) })
	group.Go(func() error { return s.webhooks.Run(ctx) })
	group.Go(func() error { return typecheck.Run(ctx, kinds{s.api, s.custom}) })
	group.Go(func() error {
		defer close(stopped)
		if err := s.bootstrap(ctx); err != nil {
			return fmt.Errorf("bootstrap: %w", err)
		}
		if s.joins() {
			if err := s.join(ctx, group); err != nil {
				return err
			}
		}
		s.bootstrapped.reach()
		ready()
		group.Go(func() error { return s.aggregator.Run(ctx, s.routed.reach) })
		group.Go(func() error { return s.beginAggregation(ctx) })
		group.Go(func() error { return s.keepFlow(ctx) })
		return s.runControllers(ctx)
	})
	err = group.Wait()
	s.api.Close()
	return errors.Join(err, stopTracer(), s.store.Close())
}

func firstAddress(p netip.Prefix) netip.Addr { return p.Masked().Addr().Next() }

func intOrString(port int32) intstr.IntOrString { return intstr.FromInt32(port) }

// kinds describes the kinds that the API serves, custom ones too.
type kinds struct {
	*apiserver.Server
	custom *customresource.Manager
}

// Declaration implements typecheck.Types.
func (k kinds) Declaration(kind schema.GroupVersionKind, name string) *cel.Declaration {
	if d := k.custom.Declaration(kind, name); d != nil {
		return d
	}
	return k.Server.Declaration(kind, name)
}
