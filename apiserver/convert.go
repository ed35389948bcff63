package apiserver

import (
	"context"
	"fmt"
	"iter"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"minke/api"
	"minke/apiserver/codec"
	"minke/store/cache"
)

// Objects of a resource with Convert lie in the cache as they were written. A
// request sees them in its own version:
//
//	cache ─ shown… ─► get, list, watch, the state before a write
//	cache ◄─ stored ─ the state after a write, in the version that is stored
//
// What a conversion made is kept beside the item, as its other encodings are,
// so that a second reader needs no call. For all other resources these
// functions return what they are given.

const (
	// shownBatch is how many items are converted together.
	shownBatch = 250
	// convertTime bounds a conversion that no request bounds.
	convertTime = 30 * time.Second
)

// encodingOf names the kept conversion to the endpoint's version.
func (e *endpoint) encodingOf() string { return "converted@" + e.Resource.Kind.Version }

func (e *endpoint) convertOne(ctx context.Context, to string, obj api.Object) (api.Object, error) {
	out, err := e.Convert(ctx, to, []api.Object{obj})
	if err != nil {
		return nil, err
	}
	return out[0], nil
}

func (c *call) shownItem(item *cache.Item) (*cache.Item, error) {
	if c.end.Convert == nil {
		return item, nil
	}
	items, err := c.shownItems(c.ctx, []*cache.Item{item})
	if err != nil {
		return nil, err
	}
	return items[0], nil
}

// shownItems returns items in the endpoint's version.
func (c *call) shownItems(ctx context.Context, items []*cache.Item) ([]*cache.Item, error) {
	if c.end.Convert == nil || len(items) == 0 {
		return items, nil
	}
	out := make([]*cache.Item, len(items))
	var missing []int
	var objs []api.Object
	for i, item := range items {
		obj := item.Object().(api.Object)
		if obj.GetObjectKind().GroupVersionKind() == c.end.Resource.Kind {
			out[i] = item
			continue
		}
		if kept := item.Kept(c.end.encodingOf()); kept != nil {
			shown, err := c.end.keptItem(item, kept)
			if err != nil {
				return nil, err
			}
			out[i] = shown
			continue
		}
		missing, objs = append(missing, i), append(objs, obj)
	}
	if len(missing) == 0 {
		return out, nil
	}
	converted, err := c.end.Convert(ctx, c.end.Resource.Kind.Version, objs)
	if err != nil {
		return nil, err
	}
	for n, i := range missing {
		obj := converted[n]
		out[i] = like(items[i], obj)
		if _, err := items[i].Encoding(c.end.encodingOf(), func(runtime.Object) ([]byte, error) { return codec.EncodeJSON(obj) }); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// like is item with another object.
func like(item *cache.Item, obj runtime.Object) *cache.Item {
	return item.With(obj)
}

func (e *endpoint) keptItem(item *cache.Item, kept []byte) (*cache.Item, error) {
	obj := &unstructured.Unstructured{}
	if _, err := codec.Unmarshal(kept, obj, e.Resource.Kind, codec.Ignore); err != nil {
		return nil, fmt.Errorf("read the conversion of %s: %w", item.Key, err)
	}
	return like(item, obj), nil
}

// shownSeq goes over items; err is set when it ends before the last.
type shownSeq struct {
	each iter.Seq[*cache.Item]
	err  error
}

// shownAll goes over all, in the endpoint's version, some at a time. When
// nothing is selected, by sel, the caller converts what it keeps.
func (c *call) shownAll(ctx context.Context, all iter.Seq[*cache.Item], sel *selection) *shownSeq {
	s := &shownSeq{each: all}
	if c.end.Convert == nil || sel != nil && sel.everything() {
		return s
	}
	s.each = func(yield func(*cache.Item) bool) {
		var batch []*cache.Item
		flush := func() bool {
			shown, err := c.shownItems(ctx, batch)
			batch = batch[:0]
			if err != nil {
				s.err = err
				return false
			}
			for _, item := range shown {
				if !yield(item) {
					return false
				}
			}
			return true
		}
		for item := range all {
			if batch = append(batch, item); len(batch) == shownBatch && !flush() {
				return
			}
		}
		flush()
	}
	return s
}

// shownEvents returns events with their objects in the endpoint's version.
func (c *call) shownEvents(ctx context.Context, events []*cache.Event) ([]*cache.Event, error) {
	if c.end.Convert == nil {
		return events, nil
	}
	var items []*cache.Item
	for _, e := range events {
		items = append(items, e.Item)
		if e.Prev != nil {
			items = append(items, e.Prev)
		}
	}
	items, err := c.shownItems(ctx, items)
	if err != nil {
		return nil, err
	}
	out := make([]*cache.Event, len(events))
	for i, e := range events {
		out[i] = &cache.Event{Type: e.Type, Revision: e.Revision, Item: items[0]}
		items = items[1:]
		if e.Prev != nil {
			out[i].Prev, items = items[0], items[1:]
		}
	}
	return out, nil
}

// stored writes obj in the version that is stored, and returns it in the
// endpoint's.
func (c *call) stored(obj api.Object, write func(api.Object) (*cache.Item, error)) (*cache.Item, error) {
	c.ticket.Away() // many may wait for the same write to the disk
	defer c.ticket.Back()
	if c.end.Convert == nil {
		return write(obj)
	}
	version := c.end.StoredVersion
	if version == "" {
		version = c.end.Resource.Kind.Version
	}
	converted, err := c.end.convertOne(c.ctx, version, obj)
	if err != nil {
		return nil, err
	}
	item, err := write(converted)
	if err != nil {
		return nil, err
	}
	return c.shownItem(item)
}
