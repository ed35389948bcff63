package client

import (
	"cmp"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/tidwall/btree"
)

// view is the untyped heart of an informer: the objects in order, indexes on
// them, and the handlers that hear of changes.
//
// There is no buffer between the watch and the handlers: one goroutine takes an
// event, changes the view, and calls the handlers. A slow handler therefore
// slows the watch, which the server ends when it falls behind too far, and the
// view recovers by resuming or listing again. Memory stays bounded.
type view struct {
	api      Interface
	key      viewKey
	selected selection
	log      *slog.Logger
	synced   chan struct{}
	isSynced bool // guarded by deliver

	// deliver is held while the view changes and handlers run, so that a new
	// handler's replay and later events keep their order. Taken before mu.
	deliver  sync.Mutex
	handlers []Handler[Object] // guarded by deliver

	mu      sync.RWMutex // guards what follows
	objects *btree.BTreeG[entry]
	indexes map[string]*index
}

// tidyEach is after how many insertions the nodes of a view's tree are given
// arrays of their own, each at its next change: the halves of a node that was
// split share one, in which the left half holds on to objects that are long
// replaced.
const tidyEach = 512

type entry struct {
	Key
	obj Object
}

type index struct {
	values func(Object) []string
	// keys holds the objects of each value.
	keys map[string]map[Key]Object
}

func newView(api Interface, key viewKey, selected selection, log *slog.Logger) *view {
	return &view{
		api: api, key: key, selected: selected, log: log.With("resource", key.resource.Resource),
		synced:  make(chan struct{}),
		objects: btree.NewBTreeGOptions(entry.less, btree.Options{NoLocks: true}),
		indexes: map[string]*index{},
	}
}

func (e entry) less(other entry) bool { return compareKeys(e.Key, other.Key) < 0 }

func compareKeys(a, b Key) int {
	if c := strings.Compare(a.Namespace, b.Namespace); c != 0 {
		return c
	}
	return cmp.Compare(a.Name, b.Name)
}

func (v *view) get(key Key) Object {
	v.mu.RLock()
	defer v.mu.RUnlock()
	e, _ := v.objects.Get(entry{Key: key})
	return e.obj
}

// ascend calls each for the objects in namespace (empty: all) in order. each
// must be short: it runs under the lock.
func (v *view) ascend(namespace string, each func(Object)) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	v.objects.Ascend(entry{Key: Key{Namespace: namespace}}, func(e entry) bool {
		if namespace != "" && e.Namespace != namespace {
			return false
		}
		each(e.obj)
		return true
	})
}

func (v *view) addIndex(name string, values func(Object) []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.indexes[name] != nil {
		return
	}
	ix := &index{values: values, keys: map[string]map[Key]Object{}}
	v.indexes[name] = ix
	v.objects.Scan(func(e entry) bool {
		ix.add(e)
		return true
	})
}

func (v *view) indexed(name, value string) []Object {
	v.mu.RLock()
	defer v.mu.RUnlock()
	ix := v.indexes[name]
	if ix == nil {
		return nil
	}
	found := make([]entry, 0, len(ix.keys[value]))
	for key, obj := range ix.keys[value] {
		found = append(found, entry{key, obj})
	}
	slices.SortFunc(found, func(a, b entry) int { return compareKeys(a.Key, b.Key) })
	objs := make([]Object, len(found))
	for i, e := range found {
		objs[i] = e.obj
	}
	return objs
}

func (ix *index) add(e entry) {
	for _, value := range ix.values(e.obj) {
		if ix.keys[value] == nil {
			ix.keys[value] = map[Key]Object{}
		}
		ix.keys[value][e.Key] = e.obj
	}
}

func (ix *index) remove(e entry) {
	for _, value := range ix.values(e.obj) {
		delete(ix.keys[value], e.Key)
		if len(ix.keys[value]) == 0 {
			delete(ix.keys, value)
		}
	}
}

// handle replays what exists to h and adds it. It must not be called from a
// handler.
func (v *view) handle(h Handler[Object]) {
	v.deliver.Lock()
	defer v.deliver.Unlock()
	v.handlers = append(v.handlers, h)
	if h.Add == nil {
		return
	}
	var objs []Object
	v.ascend("", func(obj Object) { objs = append(objs, obj) })
	for _, obj := range objs {
		h.Add(obj)
	}
}

// put makes obj the current state of its key and tells the handlers. deliver
// must be held.
func (v *view) put(obj Object) {
	e := entry{KeyOf(obj), obj}
	v.mu.Lock()
	old, existed := v.objects.Set(e)
	if !existed && v.objects.Len()%tidyEach == 0 {
		v.objects.Copy()
	}
	for _, ix := range v.indexes {
		if existed {
			ix.remove(old)
		}
		ix.add(e)
	}
	v.mu.Unlock()
	for _, h := range v.handlers {
		switch {
		case existed && h.Update != nil:
			h.Update(old.obj, obj)
		case !existed && h.Add != nil:
			h.Add(obj)
		}
	}
}

// remove forgets the key and tells the handlers last, the object's last known
// state. deliver must be held.
func (v *view) remove(key Key, last Object) {
	v.mu.Lock()
	old, existed := v.objects.Delete(entry{Key: key})
	if existed {
		for _, ix := range v.indexes {
			ix.remove(old)
		}
	}
	v.mu.Unlock()
	if !existed {
		return
	}
	if last == nil {
		last = old.obj
	}
	for _, h := range v.handlers {
		if h.Delete != nil {
			h.Delete(last)
		}
	}
}

// clear removes everything and tells the handlers, who hear nothing more.
func (v *view) clear() {
	v.deliver.Lock()
	defer v.deliver.Unlock()
	var keys []Key
	v.ascend("", func(obj Object) { keys = append(keys, KeyOf(obj)) })
	for _, key := range keys {
		v.remove(key, nil)
	}
	v.handlers = nil
	if !v.isSynced { // nobody need wait for it any more
		v.isSynced = true
		close(v.synced)
	}
}
