package apiserver

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/store/cache"
)

// To compress a list takes several times as long as all else about it. So what
// several ask for in the same form is compressed once for each state of its
// resource: who asks first has it compressed on the way, who asks next makes what
// is kept, and all others wait for that one and get it.
//
//	      asked            asked again           made
//	( ) ────────> (known) ─────────────> (made) ──────> (kept)
//	 ^               └─ a newer state, unused ─┴───────────┘
//	 └────────────────────────────────────┘
//
// Lists of more than maxPackable bytes, uncompressed, are not kept, nor pages of
// lists: the tokens in them have a time. No more than maxPacked lists of maxPackedBytes
// are, and none that nobody has asked for in twice packedTime.
const (
	maxPackable    = 8 << 20
	maxPacked      = 64
	maxPackedBytes = 16 << 20
	packedTime     = 5 * time.Second
	// maxPackedQuery bounds what of a request is remembered.
	maxPackedQuery = 1 << 10
)

// packedLists are the lists that are kept compressed. The zero value is ready.
type packedLists struct {
	mu    sync.Mutex // guards all below, and what packedList says
	lists map[packedKey]*packedList
	bytes int
	// uses counts requests; swept is what it was when unused lists were dropped
	// last.
	uses, swept uint64
	sweep       *time.Timer // nil while there is no list
}

// packedKey is what a list looks like depends on, beside the state.
type packedKey struct {
	view             *view
	namespace, query string
}

type packedList struct {
	of   *cache.Snapshot
	used uint64
	// made is closed when data is there; nil while nobody makes it.
	made chan struct{}
	data []byte // nil if it could not be made
}

// get returns the list of a state, compressed, or nil if the caller is to make
// it for itself. pack makes what is kept; await waits for it, if another caller
// makes it already, and tells false when that is not worth while any more.
func (p *packedLists) get(key packedKey, of *cache.Snapshot, pack func() []byte, await func(<-chan struct{}) bool) []byte {
	p.mu.Lock()
	p.uses++
	l := p.lists[key]
	if l == nil || l.of != of {
		p.know(key, &packedList{of: of, used: p.uses})
		p.mu.Unlock()
		return nil
	}
	l.used = p.uses
	if l.made == nil {
		l.made = make(chan struct{})
		p.mu.Unlock()
		p.make(key, l, pack)
		return l.data
	}
	p.mu.Unlock()
	if !await(l.made) {
		return nil
	}
	return l.data
}

// know replaces what was kept for key.
func (p *packedLists) know(key packedKey, l *packedList) {
	p.drop(key)
	if len(p.lists) >= maxPacked {
		p.dropOldest(l)
	}
	if p.lists == nil {
		p.lists = map[packedKey]*packedList{}
	}
	p.lists[key] = l
	if p.sweep == nil {
		p.sweep = time.AfterFunc(packedTime, p.dropUnused)
	}
}

func (p *packedLists) make(key packedKey, l *packedList, pack func() []byte) {
	var data []byte
	defer func() { // be it that pack panics
		p.mu.Lock()
		defer p.mu.Unlock()
		l.data = data
		close(l.made)
		switch {
		case p.lists[key] != l: // there is a newer state
		case data == nil:
			p.drop(key)
		default:
			for p.bytes += len(data); p.bytes > maxPackedBytes && p.dropOldest(l); {
			}
		}
	}()
	data = pack()
}

// drop forgets what is kept for key. What is being made counts no bytes yet.
func (p *packedLists) drop(key packedKey) {
	if l := p.lists[key]; l != nil {
		p.bytes -= len(l.data)
		delete(p.lists, key)
	}
}

// dropOldest forgets the list that was used longest ago, but not except. It tells
// false when there is none.
func (p *packedLists) dropOldest(except *packedList) bool {
	var oldest packedKey
	used := p.uses + 1
	for key, l := range p.lists {
		if l != except && l.used < used {
			oldest, used = key, l.used
		}
	}
	if used > p.uses {
		return false
	}
	p.drop(oldest)
	return true
}

func (p *packedLists) dropUnused() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for key, l := range p.lists {
		if l.used <= p.swept {
			p.drop(key)
		}
	}
	p.swept = p.uses
	if len(p.lists) == 0 {
		p.sweep = nil
		return
	}
	p.sweep.Reset(packedTime)
}

// writeWhole is writeStream for a list of the state of, or of none if it is nil.
func (c *call) writeWhole(of *cache.Snapshot, m metav1.ListMeta, v *view, contentType string, size int, write func(io.Writer) error) error {
	query := c.r.URL.RawQuery
	if of == nil || m.Continue != "" || c.end.Convert != nil || size < gzipFrom || size > maxPackable || len(query) > maxPackedQuery || !acceptsGzip(c.r) {
		return c.writeStream(http.StatusOK, contentType, size, write)
	}
	data := c.packed.get(packedKey{v, c.info.Namespace, query}, of, func() []byte { return c.pack(write) }, c.awaitPacked)
	if data == nil {
		return c.writeStream(http.StatusOK, contentType, size, write)
	}
	c.sayGzip()
	c.w.Header()["Content-Length"] = c.values.length.of(strconv.Itoa(len(data)))
	return c.writeAsIs(http.StatusOK, contentType, len(data), func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// awaitPacked waits without a turn: who makes the list needs one.
func (c *call) awaitPacked(made <-chan struct{}) bool {
	select {
	case <-made:
		return true
	default:
	}
	c.ticket.Away()
	defer c.ticket.Back()
	select {
	case <-made:
		return true
	case <-c.ctx.Done():
		return false
	}
}

// pack returns what write writes, compressed, or nil if that fails.
func (c *call) pack(write func(io.Writer) error) []byte {
	var b bytes.Buffer
	if c.compress(&b, write) != nil {
		return nil
	}
	return bytes.Clone(b.Bytes()) // the buffer may be twice as large
}
