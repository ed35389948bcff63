// Package fake is an in-memory API for tests: the rules of metadata, versions,
// deletion, subresources, patches and watches that controllers depend on,
// without validation, admission or authorization. It runs under
// testing/synctest and can fail on purpose (see Faults).
package fake

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"

	"minke/client"
)

// Server is the API. It implements client.Interface and client.Source.
type Server struct {
	mu       sync.Mutex // guards what follows
	revision int64
	uids     int64
	tables   map[schema.GroupVersionResource]*table
	changed  chan struct{} // closed and replaced with every change
	faults   Faults
	requests []client.Request
	pristine []pristine
	// gone names namespaces that existed. In those that never did, objects
	// can be created, so that tests need not make them.
	gone map[string]bool
}

// pristine remembers what a handed-out object looked like.
type pristine struct{ shared, copy client.Object }

// table holds the objects of one resource and their whole history.
type table struct {
	resource schema.GroupVersionResource
	kind     schema.GroupVersionKind
	objects  map[client.Key]client.Object
	history  []change
	// compacted is the revision before which history is refused.
	compacted int64
}

type change struct {
	revision int64
	event    watch.Event
}

var (
	_ client.Interface = (*Server)(nil)
	_ client.Source    = (*Server)(nil)
)

// kinds maps every resource of client.Scheme to its kind.
var kinds = func() map[schema.GroupVersionResource]schema.GroupVersionKind {
	m := map[schema.GroupVersionResource]schema.GroupVersionKind{}
	for kind := range client.Scheme.AllKnownTypes() {
		if obj, err := client.Scheme.New(kind); err == nil {
			if _, ok := obj.(client.Object); ok {
				plural, _ := meta.UnsafeGuessKindToResource(kind)
				m[plural] = kind
			}
		}
	}
	return m
}()

// New returns a server that holds objs as they are, status included.
func New(objs ...client.Object) *Server {
	s := &Server{revision: 1, tables: map[schema.GroupVersionResource]*table{}, changed: make(chan struct{}), gone: map[string]bool{}}
	for _, obj := range objs {
		s.Put(obj)
	}
	return s
}

// Put stores obj as it is, past all rules, creating or replacing it. What
// metadata an object must have is filled in.
func (s *Server) Put(obj client.Object) client.Object {
	s.mu.Lock()
	defer s.mu.Unlock()
	resource, _ := meta.UnsafeGuessKindToResource(client.GroupVersionKindOf(obj))
	t := s.table(resource)
	old := t.objects[client.KeyOf(obj)]
	s.fillMeta(obj)
	if old != nil {
		obj.SetUID(old.GetUID())
	}
	return s.store(t, old, obj)
}

// Requests returns all requests made so far, except reads.
func (s *Server) Requests() []client.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Compact forgets history: watches from before now fail with Expired.
func (s *Server) Compact() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.tables {
		t.compacted, t.history = s.revision, nil
	}
	s.wake()
}

// CheckUnchanged tells which handed-out object somebody changed.
func (s *Server) CheckUnchanged() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.pristine {
		if !equality.Semantic.DeepEqual(p.shared, p.copy) {
			return fmt.Errorf("a shared %T %s was changed after it was handed out", p.shared, client.KeyOf(p.shared))
		}
	}
	return nil
}

// Guarded lets t fail at its end if somebody has changed a handed-out object, and
// returns s.
func (s *Server) Guarded(t interface {
	Cleanup(func())
	Error(...any)
}) *Server {
	t.Cleanup(func() {
		if err := s.CheckUnchanged(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *Server) table(resource schema.GroupVersionResource) *table {
	t := s.tables[resource]
	if t == nil {
		t = &table{resource: resource, kind: kinds[resource], objects: map[client.Key]client.Object{}}
		s.tables[resource] = t
	}
	return t
}

func (s *Server) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// store writes obj at a new revision; old is what it replaces, or nil.
func (s *Server) store(t *table, old, obj client.Object) client.Object {
	s.revision++
	obj.SetResourceVersion(strconv.FormatInt(s.revision, 10))
	obj.GetObjectKind().SetGroupVersionKind(t.kind)
	if t.kind.Kind == client.Namespaces.Kind {
		delete(s.gone, obj.GetName())
	}
	kind := watch.Modified
	if old == nil {
		kind = watch.Added
	}
	t.objects[client.KeyOf(obj)] = obj
	s.record(t, kind, obj)
	return obj
}

// remove deletes obj at a new revision and returns its last state.
func (s *Server) remove(t *table, obj client.Object) client.Object {
	s.revision++
	last := obj.DeepCopyObject().(client.Object)
	last.SetResourceVersion(strconv.FormatInt(s.revision, 10))
	delete(t.objects, client.KeyOf(obj))
	if t.kind.Kind == client.Namespaces.Kind {
		s.gone[obj.GetName()] = true
	}
	s.record(t, watch.Deleted, last)
	return last
}

func (s *Server) record(t *table, kind watch.EventType, obj client.Object) {
	t.history = append(t.history, change{s.revision, watch.Event{Type: kind, Object: obj}})
	s.pristine = append(s.pristine, pristine{obj, obj.DeepCopyObject().(client.Object)})
	s.wake()
}

// Snapshot implements client.Source.
func (s *Server) Snapshot(resource schema.GroupVersionResource, namespace string) (iter.Seq[runtime.Object], string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.faults.chance(s.faults.Fail) {
		return nil, "", s.faults.failure()
	}
	objs := s.table(resource).in(namespace)
	return func(yield func(runtime.Object) bool) {
		for _, obj := range objs {
			if !yield(obj) {
				return
			}
		}
	}, strconv.FormatInt(s.revision, 10), nil
}

// in returns the objects of a namespace (empty: all) in order.
func (t *table) in(namespace string) []client.Object {
	var objs []client.Object
	for key, obj := range t.objects {
		if namespace == "" || key.Namespace == namespace {
			objs = append(objs, obj)
		}
	}
	slices.SortFunc(objs, func(a, b client.Object) int {
		if c := strings.Compare(a.GetNamespace(), b.GetNamespace()); c != 0 {
			return c
		}
		return strings.Compare(a.GetName(), b.GetName())
	})
	return objs
}

// WatchShared implements client.Source.
func (s *Server) WatchShared(ctx context.Context, resource schema.GroupVersionResource, namespace, revision string) (watch.Interface, error) {
	return s.Watch(ctx, client.Request{Verb: "watch", Resource: resource, Namespace: namespace, List: listFrom(revision)})
}

func (t *table) group() schema.GroupResource { return t.resource.GroupResource() }

func (t *table) find(r *client.Request) (client.Object, error) {
	obj := t.objects[client.Key{Namespace: r.Namespace, Name: r.Name}]
	if obj == nil {
		return nil, apierrors.NewNotFound(t.group(), r.Name)
	}
	return obj, nil
}
