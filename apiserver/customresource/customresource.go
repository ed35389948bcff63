// Package customresource serves what CustomResourceDefinitions define: each
// established definition becomes resources of the API server, which come and
// go while it runs. Their objects are unstructured, have a structural schema
// (KEP-1693) with defaults, pruning and CEL rules, and otherwise live as all
// others do: the same store, verbs, watches and tables.
//
//	created ─► names accepted ─► served ─► Established ─┬─► changed: served anew
//	                                                    └─► deleted: instances go,
//	                                                        then the definition
package customresource

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"

	"minke/api"
	"minke/apiserver"
	"minke/apiserver/openapi"
	"minke/apiserver/webhook"
	"minke/store/cache"
)

// Server is what the API server offers for this.
type Server interface {
	SetCustom([]apiserver.Custom) error
	Items(resource schema.GroupVersionResource, namespace string) (iter.Seq[*cache.Item], string, error)
	Snapshot(resource schema.GroupVersionResource, namespace string) (iter.Seq[runtime.Object], string, error)
	WatchShared(ctx context.Context, resource schema.GroupVersionResource, namespace, revision string) (watch.Interface, error)
	Update(ctx context.Context, resource schema.GroupVersionResource, namespace, name string, change func(api.Object) error) (api.Object, error)
	Delete(ctx context.Context, resource schema.GroupVersionResource, namespace, name string, options metav1.DeleteOptions) error
}

// Config is what a Manager works with.
type Config struct {
	Server Server
	// BuiltIn are the resources whose names nobody else may have.
	BuiltIn []*api.Resource
	// Publish tells discovery and OpenAPI what is served besides BuiltIn.
	Publish func(resources []*api.Resource, schemas map[schema.GroupVersionKind]openapi.Schema)
	// Calls is how conversion webhooks are called.
	Calls *webhook.Client
	// Log defaults to slog.Default().
	Log *slog.Logger
}

// Manager keeps what the server serves in line with the definitions.
type Manager struct {
	cfg     Config
	log     *slog.Logger
	changed chan struct{}
	metrics *metrics

	// known are the definitions as they were last seen, by name; Load and Run use
	// it one after the other.
	known map[string]*known

	mu sync.Mutex // guards what follows
	// served is what each definition serves, by its name.
	served map[string]*served
	// cleaning has the definitions, by uid, whose objects are being deleted.
	cleaning map[string]bool
}

// served is what one definition serves.
type served struct {
	// shape changes with the definition's spec, state with anything that the
	// served resources depend on.
	shape, state string
	schemas      *schemas
	resources    []*api.Resource
	// storage is the resource by which the objects are deleted; it may be one
	// that nobody but the server itself sees.
	storage *api.Resource
}

// Definitions is the resource of CustomResourceDefinitions.
var Definitions = apiextensionsv1.SchemeGroupVersion.WithResource("customresourcedefinitions")

// New returns a manager. Load makes it serve what is defined, Run keeps it so.
func New(cfg Config) *Manager {
	if cfg.Log == nil {
		cfg.Log = slog.Default().With("part", "customresource")
	}
	if cfg.Publish == nil {
		cfg.Publish = func([]*api.Resource, map[schema.GroupVersionKind]openapi.Schema) {}
	}
	return &Manager{cfg: cfg, log: cfg.Log, changed: make(chan struct{}, 1), metrics: newMetrics(), known: map[string]*known{}, served: map[string]*served{}, cleaning: map[string]bool{}}
}

// Load serves what is defined already, so that the first request after a start
// finds it.
func (m *Manager) Load() error {
	now, err := m.definitions()
	if err != nil {
		return err
	}
	return m.serve(now.all)
}

// Resources lists the custom resources in the versions in which they are best
// read by the server's own parts, one for each definition.
func (m *Manager) Resources() []*api.Resource {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []*api.Resource
	for _, s := range m.served {
		if len(s.resources) > 0 {
			out = append(out, s.storage)
		}
	}
	return out
}

// Changed tells that Resources has changed. There is one reader.
func (m *Manager) Changed() <-chan struct{} { return m.changed }

// Run follows the definitions until ctx ends.
func (m *Manager) Run(ctx context.Context) error {
	var cleaners sync.WaitGroup
	defer cleaners.Wait()
	for ctx.Err() == nil {
		err := m.follow(ctx, &cleaners)
		if err != nil && ctx.Err() == nil && !apierrors.IsResourceExpired(err) {
			return fmt.Errorf("follow custom resource definitions: %w", err)
		}
	}
	return nil
}

// follow brings everything in line now and after each change, until the watch
// ends.
func (m *Manager) follow(ctx context.Context, cleaners *sync.WaitGroup) error {
	now, err := m.definitions()
	if err != nil {
		return err
	}
	w, err := m.cfg.Server.WatchShared(ctx, Definitions, "", now.revision)
	if err != nil {
		return err
	}
	defer w.Stop()
	for {
		m.sync(ctx, now, cleaners)
		if !next(ctx, w) {
			return ctx.Err()
		}
		if now, err = m.definitions(); err != nil {
			return err
		}
	}
}

// next waits for a change and takes all that are there; it tells false when the
// watch has ended.
func next(ctx context.Context, w watch.Interface) bool {
	select {
	case _, ok := <-w.ResultChan():
		if !ok {
			return false
		}
	case <-ctx.Done():
		return false
	}
	for {
		select {
		case _, ok := <-w.ResultChan():
			if !ok {
				return false
			}
		default:
			return true
		}
	}
}

// sync brings names, routes and conditions in line with the definitions, in
// this order: what says that it is established is served.
func (m *Manager) sync(ctx context.Context, d *definitions, cleaners *sync.WaitGroup) {
	if err := m.serve(d.all); err != nil {
		m.log.Error("custom resources cannot be served", "error", err)
		return
	}
	for _, crd := range d.all {
		if equality.Semantic.DeepEqual(&crd.Status, &m.known[crd.Name].crd.Status) {
			m.clean(ctx, crd, cleaners)
			continue
		}
		if err := m.writeStatus(ctx, crd, d.all); err != nil && ctx.Err() == nil {
			m.log.Warn("status of a custom resource definition cannot be written", "name", crd.Name, "error", err)
		}
		m.clean(ctx, crd, cleaners)
	}
}

// writeStatus stores the names and conditions that crd was given.
func (m *Manager) writeStatus(ctx context.Context, crd *definition, all []*definition) error {
	_, err := m.cfg.Server.Update(ctx, Definitions, "", crd.Name, func(obj api.Object) error {
		now := obj.(*definition)
		if now.UID != crd.UID || now.Generation != crd.Generation {
			return errStale
		}
		settle(now, takenBy(now, all, m.cfg.BuiltIn))
		return nil
	})
	if apierrors.IsNotFound(err) || errors.Is(err, errStale) {
		return nil // its event brings us back
	}
	return err
}

var errStale = errors.New("the definition has changed meanwhile")

// settle gives crd, in place, its names and conditions.
func settle(crd *definition, t taken) {
	acceptNames(crd, t)
	establish(crd)
	approve(crd)
}
