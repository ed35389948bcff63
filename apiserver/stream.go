package apiserver

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api"
	"minke/apiserver/codec"
	"minke/apiserver/h2"
	"minke/store"
	"minke/store/cache"
)

// stream writes the events of one watch. Events that are ready together leave
// together; what one client is behind is bounded by the buffer and the
// connection, beyond which the cache ends the watch.
type stream struct {
	c       *call
	sel     *selection
	view    *view
	control *http.ResponseController
	// buffer is nil while nothing is gathered: a watch at rest holds none.
	buffer *[]byte
	// now is how events can leave without waiting; nil if they cannot. offering
	// tells that this is what is going on.
	now      h2.Offer
	offering bool
	// after is the revision up to which changes are none of this watch's: it is the
	// one of a watch that began with a revision yet to come.
	after store.Revision
	// columnsSent tells that a table event has named the columns already.
	columnsSent bool
	// sent counts events by their size since the last write.
	sent  [len(eventBuckets) + 1]uint32
	bytes int
}

// streamBuffer is how many bytes are gathered before they are sent.
const streamBuffer = 32 << 10

var buffers = sync.Pool{New: func() any {
	b := make([]byte, 0, streamBuffer+4096)
	return &b
}}

func newStream(c *call, sel *selection) *stream {
	v := c.end.views.pick(c.accepted, codec.HasProtobuf(c.end.empty()))
	if c.accepted.As == "Table" && c.accepted.Format != codec.CBOR {
		v = &c.end.views.json
	}
	return &stream{c: c, sel: sel, view: v, control: http.NewResponseController(c.w.ResponseWriter)}
}

// begin answers before the first event, so that the client knows that it
// watches.
func (s *stream) begin() {
	contentType := codec.MediaJSON
	switch s.view.format {
	case codec.Protobuf:
		contentType = codec.MediaProtobuf + ";stream=watch"
	case codec.CBOR:
		contentType = codec.MediaCBORSequence
	}
	s.c.w.Header().Set("Content-Type", contentType)
	s.c.w.WriteHeader(http.StatusOK)
	s.send()
}

// run streams until the watch ends. While the client takes what it is sent, the
// cache's fan calls offer; what offer refuses, and all that is not an event of
// the cache, is written here.
func (s *stream) run(ctx context.Context, w *cache.Watcher, bookmarks bool) error {
	defer s.release()
	if s.offers() {
		w.Direct(s.offer)
		defer w.Indirect()
	}
	var tick <-chan time.Time
	var timer *time.Timer
	if bookmarks {
		timer = time.NewTimer(s.untilBookmark(ctx))
		defer timer.Stop()
		tick = timer.C
	}
	for {
		select {
		case <-w.Ready():
			events, err := w.Take()
			if err != nil {
				if err := endOf(err); err != nil {
					s.fail(err)
				}
				return nil
			}
			if len(events) == 0 {
				continue
			}
			if !s.changes(ctx, events) {
				return nil // and nothing may follow: w is not released
			}
			w.Release()
		case <-tick:
			timer.Reset(s.untilBookmark(ctx))
			if rev, ok := w.Progress(ctx); ok {
				if rev >= s.after {
					s.bookmark(rev, false)
				}
				if !s.flush() {
					return nil
				}
				w.Release()
			}
		case <-s.c.r.Context().Done():
			return nil
		}
	}
}

// untilBookmark returns when the next bookmark is due: after the usual pause, and
// once shortly before the watch ends, so that the next one begins where it ended.
func (s *stream) untilBookmark(ctx context.Context) time.Duration {
	pause := s.c.cfg.Limits.Bookmark
	if end, ok := ctx.Deadline(); ok {
		if last := time.Until(end) - lastBookmark; last > 0 {
			return min(pause, last)
		}
		return max(pause, lastBookmark) // after the end
	}
	return pause
}

// lastBookmark is how long before the end of a watch its last bookmark is due, as in
// Kubernetes.
const lastBookmark = 2 * time.Second

// changes writes events, and waits until the client has taken them.
func (s *stream) changes(ctx context.Context, events []*cache.Event) bool {
	events, err := s.c.shownEvents(ctx, events)
	if err != nil {
		s.fail(err)
		return false
	}
	for _, e := range events {
		if !s.change(e) {
			return false
		}
	}
	return s.flush()
}

// release also lifts the deadline: the connection serves other requests.
func (s *stream) release() {
	_ = s.control.SetWriteDeadline(time.Time{})
	s.drop()
}

// drop gives the buffer back, with what is in it.
func (s *stream) drop() {
	if s.buffer == nil {
		return
	}
	if cap(*s.buffer) <= 16*streamBuffer { // one huge event is no reason to keep so much
		*s.buffer = (*s.buffer)[:0]
		buffers.Put(s.buffer)
	}
	s.buffer = nil
}

// change writes what an event means to this watch:
//
//	matched before   matches now   event
//	no               yes           ADDED
//	yes              yes           MODIFIED
//	yes              no            DELETED, with the state before
func (s *stream) change(e *cache.Event) bool {
	if e.Revision <= s.after {
		return true
	}
	if s.sel.everything() {
		return s.add(e.Type.String(), e.Item)
	}
	before := e.Prev != nil && s.sel.matches(e.Prev)
	now := e.Type != cache.Deleted && s.sel.matches(e.Item)
	switch {
	case before && now:
		return s.add("MODIFIED", e.Item)
	case now:
		return s.add("ADDED", e.Item)
	case before && e.Type == cache.Deleted:
		return s.add("DELETED", e.Item)
	case before:
		return s.add("DELETED", leaving(e))
	}
	return true
}

// leaving is the state before an event with the event's resourceVersion.
func leaving(e *cache.Event) *cache.Item {
	obj := e.Prev.Object().DeepCopyObject()
	if o, ok := obj.(api.Object); ok {
		o.SetResourceVersion(strconv.FormatInt(int64(e.Revision), 10))
	}
	return cache.NewItem(e.Prev.Key, obj, e.Revision)
}

// add writes one event to the buffer, and the buffer out when it is full.
func (s *stream) add(kind string, item *cache.Item) bool {
	if s.c.accepted.As == "Table" {
		return s.addTable(kind, item)
	}
	if head, tail, ok := s.view.text(item); ok {
		b := s.room()
		before := len(*b)
		*b = codec.AppendTextEvent(*b, kind, head, int64(item.Revision), tail)
		return s.added(len(*b) - before)
	}
	data, err := s.view.encoding(item)
	if err != nil {
		s.c.log.Error("encode watch event", "key", item.Key, "error", err)
		return false
	}
	return s.append(kind, data)
}

func (s *stream) addTable(kind string, item *cache.Item) bool {
	table, err := s.c.table([]*cache.Item{item}, metav1.ListMeta{ResourceVersion: metaOf(item).GetResourceVersion()})
	if err != nil {
		return false
	}
	if s.columnsSent {
		table.ColumnDefinitions = nil
	}
	s.columnsSent = true
	encode := codec.EncodeJSON
	if s.view.format == codec.CBOR {
		encode = codec.EncodeCBOR
	}
	data, err := encode(table)
	return err == nil && s.append(kind, data)
}

// room returns the buffer, to append to.
func (s *stream) room() *[]byte {
	if s.buffer == nil {
		s.buffer = buffers.Get().(*[]byte)
	}
	return s.buffer
}

func (s *stream) append(kind string, data []byte) bool {
	s.room()
	switch s.view.format {
	case codec.Protobuf:
		*s.buffer = codec.AppendProtobufEvent(*s.buffer, kind, s.view.kind, data)
	case codec.CBOR:
		*s.buffer = codec.AppendCBOREvent(*s.buffer, kind, data)
	default:
		*s.buffer = codec.AppendJSONEvent(*s.buffer, kind, data)
	}
	return s.added(len(data))
}

// added counts what is in the buffer now, and writes it out when it is full.
func (s *stream) added(size int) bool {
	s.tally(size)
	return len(*s.buffer) < streamBuffer || s.offering || s.write()
}

// bookmark tells the client how far it has come, and at the end of the initial
// events, that they are complete.
func (s *stream) bookmark(rev store.Revision, initial bool) {
	obj := s.c.end.New()
	obj.GetObjectKind().SetGroupVersionKind(s.c.end.Kind)
	obj.SetResourceVersion(strconv.FormatInt(int64(rev), 10))
	if initial {
		obj.SetAnnotations(map[string]string{metav1.InitialEventsAnnotationKey: "true"})
	}
	s.add("BOOKMARK", cache.NewItem("", obj, rev))
}

// fail ends the watch with the event that says why.
func (s *stream) fail(err error) {
	s.error(err)
	s.flush()
}

// error writes the event that says why the watch ends.
func (s *stream) error(err error) {
	status := statusOf(err)
	status.TypeMeta = metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}
	own := *s.view
	own.kind = statusKind
	s.view = &own
	encode := codec.EncodeJSON
	switch own.format {
	case codec.Protobuf:
		encode = codec.EncodeMessage
	case codec.CBOR:
		encode = codec.EncodeCBOR
	}
	if data, err := encode(status); err == nil {
		s.append("ERROR", data)
	}
}

// write hands the buffer to the connection; flush also makes it leave.
func (s *stream) write() bool {
	if s.buffer == nil {
		return true
	}
	defer s.drop()
	s.count()
	_ = s.control.SetWriteDeadline(time.Now().Add(s.c.cfg.Limits.Stall))
	_, err := s.c.w.Write(*s.buffer)
	return err == nil
}

// tally counts an event for the metrics.
func (s *stream) tally(size int) {
	s.bytes += size
	s.sent[s.c.end.counts.eventSizes.bucket(float64(size))]++
}

// count adds what was tallied to what all watches of the endpoint share.
func (s *stream) count() {
	to := s.c.end.counts
	total := uint64(0)
	for i, n := range s.sent {
		if n > 0 {
			to.eventSizes.counts[i].Add(uint64(n))
			total += uint64(n)
		}
	}
	to.eventSizes.sum.Add(int64(s.bytes))
	to.events.Add(total)
	s.forget()
}

func (s *stream) forget() { s.sent, s.bytes = [len(eventBuckets) + 1]uint32{}, 0 }

func (s *stream) flush() bool { return s.write() && s.send() }

func (s *stream) send() bool {
	return s.control.Flush() == nil
}
