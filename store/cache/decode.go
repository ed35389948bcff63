package cache

import (
	"reflect"
	"runtime"
	"strconv"
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	apiruntime "k8s.io/apimachinery/pkg/runtime"

	"minke/store"
)

// decodeAll decodes entries on all CPUs. What cannot be decoded is nil, and
// what cannot be opened has an error.
func (c *Cache) decodeAll(entries []store.Entry) ([]*Item, []error) {
	const chunk = 64
	items, errs := make([]*Item, len(entries)), make([]error, len(entries))
	work := make(chan int)
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), 1+len(entries)/chunk) {
		workers.Go(func() {
			for from := range work {
				for i := from; i < min(from+chunk, len(entries)); i++ {
					items[i], errs[i] = c.item(&entries[i])
				}
			}
		})
	}
	for from := 0; from < len(entries); from += chunk {
		work <- from
	}
	close(work)
	workers.Wait()
	return items, errs
}

// item makes the item of an entry. It fails when the entry cannot be opened. An
// entry that cannot be decoded is left out, and said so: one broken object must
// not take the whole resource away.
func (c *Cache) item(e *store.Entry) (*Item, error) {
	value, err := c.open(e.Key, e.Value)
	if err != nil {
		c.opts.Log.Error("open object", "key", e.Key, "revision", e.Modified, "error", err)
		return nil, err
	}
	obj, err := c.codec.Decode(value, e.Modified)
	if err != nil {
		c.opts.Log.Error("decode object: it is left out", "key", e.Key, "revision", e.Modified, "error", err)
		return nil, nil
	}
	return c.itemOf(e, obj, value, false), nil
}

// itemOf makes the item of an entry; written tells that value was made of obj.
func (c *Cache) itemOf(e *store.Entry, obj apiruntime.Object, value []byte, written bool) *Item {
	item := &Item{Key: e.Key, object: obj, Value: value, Created: e.Created, Revision: e.Modified,
		encodings: encodings{budget: c.opts.Budget}}
	if c.lazy != nil {
		item.beLazy(c.lazy, obj, written)
	}
	c.opts.Detector.item(item, obj, c.codec)
	return item
}

// decode makes the event of e, if it shows; earlier are events not applied yet.
// It fails when the entry cannot be opened. Only the feed calls it.
func (c *Cache) decode(e *store.Event, earlier []*Event) (*Event, error) {
	key, rev := e.Entry.Key, e.Entry.Modified
	event := &Event{Revision: rev, encodings: encodings{budget: c.opts.Budget}}
	event.Prev = c.latest(key, earlier)
	if e.Deleted {
		if event.Prev == nil {
			return nil, nil // it could not be decoded when it came
		}
		event.Type = Deleted
		event.Item = event.Prev.deleted(rev)
		event.Item.encodings.budget = c.opts.Budget
		c.opts.Detector.item(event.Item, event.Item.object, c.codec)
		return event, nil
	}
	if h, obj := c.handedOver(key, e.Entry.Value); h != nil {
		setRevision(obj, rev)
		event.Item = c.itemOf(&e.Entry, obj, h.value, true)
		c.taken(h, event.Item)
	} else {
		var err error
		if event.Item, err = c.item(&e.Entry); event.Item == nil {
			return nil, err
		}
	}
	event.Type = Modified
	if event.Prev == nil {
		event.Type = Added
	}
	return event, nil
}

func (c *Cache) latest(key string, earlier []*Event) *Item {
	for i := len(earlier) - 1; i >= 0; i-- {
		if e := earlier[i]; e.Item.Key == key {
			if e.Type == Deleted {
				return nil
			}
			return e.Item
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	item, _ := c.items.Get(&Item{Key: key})
	return item
}

// deleted is the item's last state, with the revision of its deletion.
func (i *Item) deleted(rev store.Revision) *Item {
	last := &Item{Key: i.Key, Created: i.Created, Revision: rev, lazy: i.lazy, text: i.text, spot: i.spot}
	if i.object != nil {
		last.object = withRevision(i.object, rev)
	}
	return last
}

func setRevision(obj apiruntime.Object, rev store.Revision) {
	if m, err := meta.Accessor(obj); err == nil {
		m.SetResourceVersion(strconv.FormatInt(int64(rev), 10))
	}
}

// withRevision returns obj with another resourceVersion. It copies no more
// than must differ where it can: what both share never changes.
func withRevision(obj apiruntime.Object, rev store.Revision) apiruntime.Object {
	copied := shallow(obj)
	if copied == nil {
		copied = obj.DeepCopyObject()
	}
	setRevision(copied, rev)
	return copied
}

// shallow copies obj such that its metadata's own fields may be set; nil when
// it is not known how.
func shallow(obj apiruntime.Object) apiruntime.Object {
	if u, ok := obj.(*unstructured.Unstructured); ok {
		return shallowUnstructured(u)
	}
	v := reflect.ValueOf(obj)
	old, ok := obj.(metav1.ObjectMetaAccessor)
	if !ok || v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return nil
	}
	fresh := reflect.New(v.Elem().Type())
	fresh.Elem().Set(v.Elem())
	copied, ok := fresh.Interface().(apiruntime.Object)
	if !ok {
		return nil
	}
	om, isStruct := copied.(metav1.ObjectMetaAccessor).GetObjectMeta().(*metav1.ObjectMeta)
	if !isStruct || om == old.GetObjectMeta() {
		return nil // the metadata is shared by pointer
	}
	return copied
}

func shallowUnstructured(u *unstructured.Unstructured) apiruntime.Object {
	fields := make(map[string]any, len(u.Object))
	for k, v := range u.Object {
		fields[k] = v
	}
	if old, ok := fields["metadata"].(map[string]any); ok {
		metadata := make(map[string]any, len(old))
		for k, v := range old {
			metadata[k] = v
		}
		fields["metadata"] = metadata
	}
	return &unstructured.Unstructured{Object: fields}
}
