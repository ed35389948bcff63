package apiserver

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"minke/apiserver/codec"
	"minke/store"
	"minke/store/cache"
	"minke/tracing"
)

// list answers with a consistent snapshot of what is selected, or one page.
func (c *call) list() error {
	o, sel, err := c.listOptions()
	if err != nil {
		return err
	}
	p, err := c.page(o, sel)
	if err != nil {
		return err
	}
	defer p.recycle()
	return c.writeList(p.items, p.meta, p.of)
}

// page is a part of a list.
type page struct {
	of    *cache.Snapshot
	items []*cache.Item
	meta  metav1.ListMeta
	room  *[]*cache.Item // what items began in, if that is used again
}

var pageRooms = sync.Pool{New: func() any { return new([]*cache.Item) }}

// begin makes room for so many items.
func (p *page) begin(items int) {
	if items > maxComposed {
		p.items = make([]*cache.Item, 0, items)
		return
	}
	p.room = pageRooms.Get().(*[]*cache.Item)
	p.items = slices.Grow((*p.room)[:0], items)
}

// recycle ends the use of items.
func (p *page) recycle() {
	if p.room != nil {
		clear(*p.room)
		pageRooms.Put(p.room)
	}
	p.room, p.items = nil, nil
}

// page collects what o asks for.
func (c *call) page(o *internalversion.ListOptions, sel *selection) (*page, error) {
	if o.ResourceVersion == "0" {
		o.Limit = 0 // what is at hand is given as a whole, as Kubernetes' watch cache does
	}
	span := c.work.Child("cacher.GetList", tracing.String("type", c.end.Plural))
	defer span.End()
	snapshot, from, err := c.snapshot(o)
	if err != nil {
		return nil, err
	}
	span.Event("Ready")
	after := ""
	if from.Start != "" {
		after = c.end.prefix + from.Start
	}
	p := &page{of: snapshot}
	revision := snapshot.Revision()
	p.meta.ResourceVersion = strconv.FormatInt(int64(revision), 10)
	prefix := c.end.prefixIn(c.info.Namespace)
	if sel.name != "" && (c.info.Namespace != "" || !c.end.Namespaced) {
		item, ok := snapshot.Get(prefix + sel.name)
		if !ok || item.Key <= after {
			return p, nil
		}
		if item, err = c.shownItem(item); err == nil && sel.matches(item) {
			p.items = append(p.items, item)
		}
		return p, err
	}
	if o.Limit == 0 && sel.everything() {
		p.begin(snapshot.Len(prefix))
	}
	var remaining int64
	all := c.shownAll(c.ctx, snapshot.All(prefix, after), sel)
	seen := 0
	for item := range all.each {
		if seen++; seen%itemsOfPiece == 0 {
			c.ticket.Yield()
		}
		if !sel.matches(item) {
			continue
		}
		if o.Limit == 0 || int64(len(p.items)) < o.Limit {
			p.items = append(p.items, item)
			continue
		}
		if remaining++; !sel.everything() {
			break // that there is more is all that is told then
		}
	}
	if all.err != nil {
		return nil, all.err
	}
	if p.room != nil {
		*p.room = p.items
	}
	if p.items, err = c.shownItems(c.ctx, p.items); err != nil {
		return nil, err
	}
	span.Event("Filtered items", tracing.Int("count", len(p.items)))
	if remaining > 0 {
		c.end.pages.keep(snapshot, time.Unix(from.Since, 0), o.Continue == "")
		last := p.items[len(p.items)-1].Key
		p.meta.Continue = token{Revision: revision, Start: strings.TrimPrefix(last, c.end.prefix) + "\x00", Since: from.Since}.encode()
		if sel.everything() {
			p.meta.RemainingItemCount = &remaining
		}
	} else if o.Continue != "" {
		c.end.pages.ended(revision)
	}
	return p, nil
}

// snapshot returns the state that o asks for, and where in it to begin.
//
//	resourceVersion   match          state
//	""                –              the latest
//	"0"               NotOlderThan   what is here, be the store away or not
//	N                 NotOlderThan   the latest, once it is as new as N
//	N                 Exact          N
//	N with a limit    –              N (the rule for clients of old)
//	in continue       –              the token's, or the latest if it is -1
func (c *call) snapshot(o *internalversion.ListOptions) (*cache.Snapshot, token, error) {
	begin := token{Since: time.Now().Unix()}
	if o.Continue != "" {
		s, from, err := c.continued(o.Continue)
		if err == nil && o.ResourceVersion != "" && o.ResourceVersion != "0" {
			return nil, begin, apierrors.NewBadRequest("specifying resource version is not allowed when using continue")
		}
		return s, from, err
	}
	switch o.ResourceVersion {
	case "":
		s, err := c.end.cache.Snapshot(c.ctx, 0)
		return s, begin, err
	case "0":
		s, err := c.end.cache.Held(c.ctx)
		return s, begin, err
	}
	rev, err := parseRevision(o.ResourceVersion)
	if err != nil {
		return nil, begin, err
	}
	if o.ResourceVersionMatch == metav1.ResourceVersionMatchExact || o.ResourceVersionMatch == "" && o.Limit > 0 {
		s, err := c.snapshotAt(c.ctx, rev)
		return s, begin, err
	}
	if err := c.waitFor(o.ResourceVersion); err != nil {
		return nil, begin, err
	}
	s, err := c.end.cache.Snapshot(c.ctx, 0)
	return s, begin, err
}

func (c *call) snapshotAt(ctx context.Context, rev store.Revision) (*cache.Snapshot, error) {
	s, err := c.end.cache.Snapshot(ctx, rev)
	if errors.Is(err, store.ErrFutureRevision) {
		return nil, tooLargeRevision(rev, c.end.cache.Revision())
	}
	if errors.Is(err, store.ErrCompacted) {
		return nil, apierrors.NewResourceExpired("The resourceVersion for the provided list is too old.")
	}
	return s, err
}

func (c *call) continued(text string) (*cache.Snapshot, token, error) {
	t, err := decodeToken(text)
	if err != nil {
		return nil, t, err
	}
	rev := t.Revision
	if rev > c.end.cache.Revision() {
		s, err := c.snapshotAt(c.ctx, rev) // of another server, or another resource
		if err != nil {
			return nil, t, err
		}
		return s, t, nil
	}
	if t.old(time.Now()) {
		return nil, t, expiredToken(t)
	}
	if rev < 0 {
		rev, t.Since = 0, time.Now().Unix()
	}
	if s := c.end.pages.at(rev); s != nil {
		return s, t, nil
	}
	s, err := c.end.cache.Snapshot(c.ctx, rev)
	if errors.Is(err, store.ErrCompacted) {
		return nil, t, expiredToken(t)
	}
	return s, t, err
}

// writeList answers with items, composed from their kept encodings. of is the
// state of which they are all that the request asks for; nil if there is none.
func (c *call) writeList(items []*cache.Item, m metav1.ListMeta, of *cache.Snapshot) error {
	c.auditList(items, m)
	if c.objects != nil {
		return c.giveList(items, m)
	}
	switch c.accepted.As {
	case "Table":
		return c.writeTable(http.StatusOK, items, m)
	case "PartialObjectMetadata":
		text := "you requested PartialObjectMetadata, but the requested object is a list"
		if c.end.Conform != nil {
			text += " (*unstructured.UnstructuredList)"
		}
		return notAcceptable(text)
	}
	v := c.end.views.element(c.end.views.pick(c.accepted, c.end.hasProtobuf))
	l := composed.Get().(*composition)
	defer l.recycle()
	l.begin(len(items), v.stored)
	l.Kind, l.Meta, l.ItemHead = v.listKind, m, v.itemHead
	l.Untyped = c.end.Conform != nil && c.accepted.As == ""
	size := 256
	for i, item := range items {
		if i%itemsOfPiece == itemsOfPiece-1 {
			c.ticket.Yield()
		}
		if head, tail, ok := v.text(item); ok {
			l.Items[i], l.Tails[i] = head, codec.Tail{Revision: int64(item.Revision), Rest: tail}
			size += len(head) + len(tail) + maxVersion
			continue
		}
		data, err := v.encoding(item)
		if err != nil {
			return err
		}
		l.Items[i] = data
		size += len(data) + 1
	}
	switch v.format {
	case codec.Protobuf:
		return c.writeWhole(of, m, v, codec.MediaProtobuf, size, l.WriteProtobuf)
	case codec.CBOR:
		return c.writeWhole(of, m, v, codec.MediaCBOR, size, l.WriteCBOR)
	}
	if c.accepted.Format != codec.YAML && !c.pretty() {
		return c.writeWhole(of, m, v, codec.MediaJSON, size, l.WriteJSON)
	}
	var b bytes.Buffer
	if err := l.WriteJSON(&b); err != nil {
		return err
	}
	data, err := codec.Finish(bytes.TrimSpace(b.Bytes()), c.accepted.Format, c.pretty())
	if err != nil {
		return err
	}
	return c.writeStream(http.StatusOK, c.textType(), len(data), func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// itemsOfPiece is after how many items others may have the processor, if it is
// their turn: some 0.1 ms.
const itemsOfPiece = 512

// composition is a list response whose slices are used again.
type composition struct {
	codec.List
	items [][]byte
	tails []codec.Tail
}

var composed = sync.Pool{New: func() any { return new(composition) }}

// maxComposed is the number of items from which slices are not used again.
const maxComposed = 8 << 10

func (l *composition) begin(items int, stored bool) {
	l.items = slices.Grow(l.items, items)[:items]
	l.Items = l.items
	if stored && items > 0 {
		l.tails = slices.Grow(l.tails, items)[:items]
		l.Tails = l.tails
	}
}

// recycle keeps nothing of the items.
func (l *composition) recycle() {
	l.List = codec.List{}
	if cap(l.items) > maxComposed {
		return
	}
	clear(l.items)
	clear(l.tails)
	l.items, l.tails = l.items[:0], l.tails[:0]
	composed.Put(l)
}

// giveList answers a client in this process with a list that shares all that
// the items point to.
func (c *call) giveList(items []*cache.Item, m metav1.ListMeta) error {
	objs := make([]runtime.Object, len(items))
	for i, item := range items {
		obj, err := c.end.exported(item.Object())
		if err != nil {
			return err
		}
		objs[i] = obj
	}
	list := c.end.emptyList()
	if err := meta.SetList(list, objs); err != nil {
		return err
	}
	access, err := meta.ListAccessor(list)
	if err != nil {
		return err
	}
	access.SetResourceVersion(m.ResourceVersion)
	access.SetContinue(m.Continue)
	access.SetRemainingItemCount(m.RemainingItemCount)
	list.GetObjectKind().SetGroupVersionKind(c.end.listKind)
	c.writer().(objectRecorder).WriteObject(http.StatusOK, list)
	return nil
}

func (e *endpoint) emptyList() runtime.Object {
	if e.version != nil {
		return e.version.NewList()
	}
	return e.NewList()
}
