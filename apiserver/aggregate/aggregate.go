// Package aggregate lets other API servers serve group versions behind this
// one: an APIService names a Service, and requests for its group version are
// handed on, on behalf of whoever the caller was found to be. For the group
// versions that this server serves itself it keeps APIServices that say so.
//
//	APIService ─┬─ local: kept in line with resources and CRDs    (local.go)
//	            └─ remote ─┬─ route: authenticated, authorized ─► proxy
//	                       └─ checker: Service, EndpointSlices,
//	                          discovery ─► condition Available, discovery merged
//
// Without remote APIServices it costs one look into an empty table for each
// request; nothing is watched but APIServices. The local ones are stored like
// all objects, so that every verb works on them; they are written after the
// server is ready, since nothing but their readers depends on them, and cost a
// start after the first nothing but one list.
package aggregate

import (
	"context"
	"crypto/tls"
	"iter"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"minke/api"
	"minke/apiserver/backend"
	"minke/apiserver/discovery"
	"minke/apiserver/webhook"
)

// Server is what the API server offers for this.
type Server interface {
	Get(ctx context.Context, resource schema.GroupVersionResource, namespace, name string) (runtime.Object, error)
	Snapshot(resource schema.GroupVersionResource, namespace string) (iter.Seq[runtime.Object], string, error)
	WatchShared(ctx context.Context, resource schema.GroupVersionResource, namespace, revision string) (watch.Interface, error)
	Create(ctx context.Context, resource schema.GroupVersionResource, obj api.Object) (api.Object, error)
	Update(ctx context.Context, resource schema.GroupVersionResource, namespace, name string, change func(api.Object) error) (api.Object, error)
	Delete(ctx context.Context, resource schema.GroupVersionResource, namespace, name string, options metav1.DeleteOptions) error
}

// Config is what a Manager works with.
type Config struct {
	Server Server
	// Local are the group versions of the built-in resources.
	Local []schema.GroupVersion
	// Publish tells discovery what others serve.
	Publish func([]discovery.Remote)
	// Identity is the certificate by which aggregated servers know this one;
	// it is asked for when there is the first of them.
	Identity func() (*tls.Certificate, error)
	// Network is how Services are reached, at their cluster IP or, with
	// Endpoints, at one of their endpoints.
	Network   backend.Network
	Endpoints bool
	// Log defaults to slog.Default().
	Log *slog.Logger
}

type service = apiregistrationv1.APIService

// APIServices is the resource that is followed.
var APIServices = apiregistrationv1.SchemeGroupVersion.WithResource("apiservices")

// Manager keeps routes, APIServices and discovery in line.
type Manager struct {
	cfg      Config
	log      *slog.Logger
	local    map[schema.GroupVersion]bool
	services webhook.Services
	client   *webhook.Client
	identity func() (*tls.Certificate, error)
	// probing bounds how many servers are probed at a time.
	probing chan struct{}

	table  atomic.Pointer[table]
	loaded chan struct{} // closed with the first table
	// changed tells that custom has changed.
	changed chan struct{}

	mu        sync.Mutex // guards what follows
	custom    map[schema.GroupVersion]bool
	known     map[string][]resourceDiscovery
	indexes   map[string]index
	checkers  map[string]*checker
	published []discovery.Remote
}

// table is who serves what is not served here.
type table struct {
	remote map[schema.GroupVersion]*route
}

// maxProbes bounds the probes that run at a time.
const maxProbes = 8

// New returns a manager. It does nothing before Run.
func New(cfg Config) *Manager {
	if cfg.Log == nil {
		cfg.Log = slog.Default().With("part", "aggregate")
	}
	m := &Manager{
		cfg: cfg, log: cfg.Log, local: map[schema.GroupVersion]bool{}, services: webhook.Services{Reader: cfg.Server},
		identity: sync.OnceValues(cfg.Identity), probing: make(chan struct{}, maxProbes),
		loaded: make(chan struct{}), changed: make(chan struct{}, 1),
		known: map[string][]resourceDiscovery{}, indexes: map[string]index{}, checkers: map[string]*checker{},
	}
	if cfg.Endpoints {
		m.services.Slices = func(namespace string) (iter.Seq[runtime.Object], error) {
			all, _, err := cfg.Server.Snapshot(sliceResource, namespace)
			return all, err
		}
	}
	m.client = &webhook.Client{Services: m.services, Dial: m.dial}
	for _, gv := range cfg.Local {
		m.local[gv] = true
	}
	return m
}

// Route returns what answers requests for a group version that another server
// serves, nil for all others. Before the first table is there it waits, unless
// the group version is built in.
func (m *Manager) Route(ctx context.Context, gv schema.GroupVersion) http.Handler {
	t := m.table.Load()
	if t == nil {
		if m.local[gv] {
			return nil
		}
		select {
		case <-m.loaded:
			t = m.table.Load()
		case <-ctx.Done():
			return nil
		}
	}
	if r := t.remote[gv]; r != nil {
		return r
	}
	return nil
}

// SetCustom tells which group versions CustomResourceDefinitions make. It is told
// before Run, if there are any.
func (m *Manager) SetCustom(versions []schema.GroupVersion) {
	m.mu.Lock()
	m.custom = map[schema.GroupVersion]bool{}
	for _, gv := range versions {
		m.custom[gv] = true
	}
	m.mu.Unlock()
	select {
	case m.changed <- struct{}{}:
	default:
	}
}
