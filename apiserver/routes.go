package apiserver

import (
	"fmt"
	"strings"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api"
	"minke/apiserver/apply"
	"minke/apiserver/codec"
	"minke/store/cache"
)

// routes finds endpoints. It never changes once it is in use.
type routes struct {
	endpoints map[schema.GroupVersionResource]*endpoint
	// custom has the endpoints of each custom resource, one for each version.
	custom map[schema.GroupResource][]*endpoint
	caches []*cache.Cache
}

// endpoint is one resource in one of the versions in which it is served.
type endpoint struct {
	*api.Resource
	// kind is the kind as served, listKind that of its lists.
	kind, listKind schema.GroupVersionKind
	// version is nil for the stored version.
	version *api.Version
	group   schema.GroupResource
	cache   *cache.Cache
	// prefix begins the keys of all objects: see layout.go.
	prefix string
	views  viewSet
	// hasProtobuf tells that the kind can be written as protobuf.
	hasProtobuf bool
	// fieldSets is shared by all versions.
	fieldSets *fieldSets
	// pages too, and by all definitions that share the cache.
	pages    *pages
	appliers *appliers
	// use is nil for built-in resources; see SetCustom.
	use *usage
	// counts are this version's own.
	counts *counts
	// watching counts the watches from outside, in all versions.
	watching *atomic.Int64
}

func newRoutes(resources []*api.Resource, budget budgets, cfg *Config) (*routes, error) {
	t := &routes{endpoints: map[schema.GroupVersionResource]*endpoint{}}
	for _, r := range resources {
		main := newEndpoint(r)
		if len(r.Verbs) != 1 || r.Verbs[0] != "create" {
			main.cache = newCache(main, budget, cfg)
			t.caches = append(t.caches, main.cache)
		}
		if !r.Unserved {
			if err := t.add(main); err != nil {
				return nil, err
			}
		}
		for i := range r.Also {
			also := *main
			also.version, also.kind = &r.Also[i], r.Also[i].Kind
			if err := t.add(&also); err != nil {
				return nil, err
			}
		}
	}
	return t, nil
}

func newEndpoint(r *api.Resource) *endpoint {
	return &endpoint{Resource: r, kind: r.Kind, group: r.GroupResource(), prefix: Prefix(r),
		fieldSets: &fieldSets{compute: r.FieldSet}, watching: &atomic.Int64{}, pages: &pages{}}
}

func newCache(e *endpoint, budget budgets, cfg *Config) *cache.Cache {
	o := cache.Options{Context: cfg.Context, Budget: budget.encodings, Decoded: budget.decoded, HistoryEvents: cfg.Limits.History,
		Detector: cfg.Detector, Log: cfg.Log}
	if cfg.Encrypt != nil {
		o.Sealer = cfg.Encrypt(e.group)
	}
	return cache.New(cfg.Store, e.prefix, e.storage(), o)
}

// storage is how the endpoint's objects are stored.
func (e *endpoint) storage() codec.Storage {
	return codec.Storage{Kind: e.Kind, New: e.New, Default: e.Default, Restore: e.Restore, Renamed: e.Renamed, StoredVersion: e.StoredVersion,
		Others: e.Readable, AsWritten: e.Convert != nil, Untyped: e.Conform != nil, Bulky: e.Bulky}
}

func (t *routes) add(e *endpoint) error {
	at := e.kind.GroupVersion().WithResource(e.Plural)
	if _, taken := t.endpoints[at]; taken {
		return fmt.Errorf("make API server: %s is registered twice", at)
	}
	t.endpoints[at] = e
	if e.use != nil {
		if t.custom == nil {
			t.custom = map[schema.GroupResource][]*endpoint{}
		}
		t.custom[e.group] = append(t.custom[e.group], e)
	}
	if e.counts == nil || e.version != nil {
		e.counts = newCounts()
	}
	if e.appliers != nil && e.use != nil {
		return nil // it was in an earlier table
	}
	e.listKind = e.kind.GroupVersion().WithKind(e.kind.Kind + "List")
	if list := e.NewList(); e.version == nil && list != nil && e.Conform != nil {
		e.listKind = list.GetObjectKind().GroupVersionKind() // a custom resource chooses it
	}
	e.hasProtobuf = codec.HasProtobuf(e.empty())
	e.views = newViewSet(e)
	e.appliers = &appliers{bySub: map[string]*apply.Manager{}}
	return nil
}

// asked names the resource as its requests do: that of events is one of two groups,
// and errors say which. Everything else knows it by group.
func (e *endpoint) asked() schema.GroupResource {
	return schema.GroupResource{Group: e.kind.Group, Resource: e.group.Resource}
}

// validate checks what is about to be created, in the version's own way if it has
// one.
func (e *endpoint) validate(obj api.Object) field.ErrorList {
	if e.version != nil && e.version.Validate != nil {
		return e.version.Validate(obj)
	}
	return e.Validate(obj)
}

// validateUpdate does that with what is about to replace old.
func (e *endpoint) validateUpdate(obj, old api.Object) field.ErrorList {
	if e.version != nil && e.version.ValidateUpdate != nil {
		return e.version.ValidateUpdate(obj, old)
	}
	return e.ValidateUpdate(obj, old)
}

// key returns the store's key of an object.
func (e *endpoint) key(namespace, name string) string {
	if e.Namespaced {
		return e.prefix + namespace + "/" + name
	}
	return e.prefix + name
}

// prefixIn returns what the keys of a namespace's objects begin with; of all
// objects when namespace is empty.
func (e *endpoint) prefixIn(namespace string) string {
	if namespace == "" || !e.Namespaced {
		return e.prefix
	}
	return e.prefix + namespace + "/"
}

// empty returns an object to decode a request into.
func (e *endpoint) empty() decodable {
	if e.version != nil {
		return e.version.New()
	}
	return e.New()
}

// imported turns a decoded object into the stored version, with defaults.
func (e *endpoint) imported(obj decodable) (api.Object, error) {
	if e.version == nil {
		stored, ok := obj.(api.Object)
		if !ok {
			return nil, fmt.Errorf("decode %s: a %T is not an API object", e.kind.Kind, obj)
		}
		e.Default(stored)
		return stored, nil
	}
	if e.version.Default != nil {
		e.version.Default(obj)
	}
	stored, err := e.version.Import(obj)
	if err != nil {
		return nil, fmt.Errorf("convert %s to %s: %w", e.kind, e.Kind, err)
	}
	e.Default(stored)
	stored.GetObjectKind().SetGroupVersionKind(e.Kind)
	return stored, nil
}

// exported turns a stored object into the version that is served.
func (e *endpoint) exported(obj decodable) (decodable, error) {
	if e.version == nil {
		return obj, nil
	}
	out, err := e.version.Export(obj.(api.Object))
	if err != nil {
		return nil, fmt.Errorf("convert %s to %s: %w", e.Kind, e.kind, err)
	}
	out.GetObjectKind().SetGroupVersionKind(e.kind)
	return out, nil
}

// actionKey returns the key in Config.Actions of a resource or subresource.
func actionKey(resource schema.GroupResource, subresource string) string {
	if subresource == "" {
		return resource.String()
	}
	return strings.Join([]string{resource.String(), subresource}, "/")
}
