package codec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// List is a list response made of encodings that exist already: it is never
// encoded as a whole.
type List struct {
	// Kind is the list's kind, and Meta its metadata.
	Kind schema.GroupVersionKind
	Meta metav1.ListMeta
	// Untyped tells that the items have no Go type: their lists say that there is
	// no more to come, which others leave out.
	Untyped bool
	// Items are the encodings of the items: JSON objects, protobuf messages
	// without envelope, or CBOR as EncodeCBORElement makes it.
	Items [][]byte
	// Tails are for texts that lack their resourceVersion: what comes after it in
	// the item of the same index. Nil when all are whole.
	Tails []Tail
	// ItemHead is left out where an item begins with it (see TypeHead).
	ItemHead []byte
}

// Tail is the second part of a text, after the member resourceVersion.
type Tail struct {
	Revision int64
	Rest     []byte // nil for an item that is whole
}

// AppendVersion appends a resourceVersion as a member, and a comma.
func AppendVersion(b []byte, revision int64) []byte {
	b = append(b, `"resourceVersion":"`...)
	b = strconv.AppendInt(b, revision, 10)
	return append(b, `",`...)
}

// untypedMeta is the metadata of a list without a Go type.
type untypedMeta struct {
	Continue           string `json:"continue"`
	RemainingItemCount *int64 `json:"remainingItemCount,omitempty"`
	ResourceVersion    string `json:"resourceVersion"`
}

// flushAt is how many bytes are gathered before they go to the connection.
const flushAt = 64 << 10

// gathered has buffers of that size.
var gathered = sync.Pool{New: func() any { return new([flushAt]byte) }}

// WriteJSON writes the list, followed by a newline.
func (l *List) WriteJSON(w io.Writer) error {
	var all any = l.Meta
	if l.Untyped {
		all = untypedMeta{l.Meta.Continue, l.Meta.RemainingItemCount, l.Meta.ResourceVersion}
	}
	meta, err := json.Marshal(all)
	if err != nil {
		return fmt.Errorf("encode list metadata: %w", err)
	}
	buffer := gathered.Get().(*[flushAt]byte)
	defer gathered.Put(buffer)
	b := append(buffer[:0], TypeHead(l.Kind)...)
	b = append(b, `,"metadata":`...)
	b = append(b, meta...)
	if len(l.Items) == 0 && l.Kind.Kind == "PartialObjectMetadataList" { // as Kubernetes writes it
		_, err := w.Write(append(b, `,"items":null}`+"\n"...))
		return err
	}
	b = append(b, `,"items":[`...)
	for i, item := range l.Items {
		if i > 0 {
			b = append(b, ',')
		}
		if head := len(l.ItemHead); head > 0 && bytes.HasPrefix(item, l.ItemHead) && len(item) > head && item[head] == ',' {
			b, item = append(b, '{'), item[head+1:]
		}
		if b, err = appendOrFlush(w, b, item); err != nil {
			return err
		}
		if l.Tails == nil || l.Tails[i].Rest == nil {
			continue
		}
		b = AppendVersion(b, l.Tails[i].Revision)
		if b, err = appendOrFlush(w, b, l.Tails[i].Rest); err != nil {
			return err
		}
	}
	_, err = w.Write(append(b, "]}\n"...))
	return err
}

// WriteProtobuf writes the list in its envelope: field 1 the metadata, field 2
// each item.
func (l *List) WriteProtobuf(w io.Writer) error {
	meta, err := encodeListMeta(&l.Meta)
	if err != nil {
		return err
	}
	size := len(meta)
	for _, item := range l.Items {
		size += tagSize(len(item)) + len(item)
	}
	buffer := gathered.Get().(*[flushAt]byte)
	defer gathered.Put(buffer)
	b := append(buffer[:0], EnvelopeHead(l.Kind, size)...)
	b = append(b, meta...)
	for _, item := range l.Items {
		b = appendTag(b, 2, len(item))
		if b, err = appendOrFlush(w, b, item); err != nil {
			return err
		}
	}
	_, err = w.Write(b)
	return err
}

// WriteCBOR writes the list as one data item, its keys in the order of
// Kubernetes' deterministic encoding.
func (l *List) WriteCBOR(w io.Writer) error {
	buffer := gathered.Get().(*[flushAt]byte)
	defer gathered.Put(buffer)
	b, tail, err := appendCBORList(buffer[:0], l.Kind, &l.Meta, len(l.Items))
	if err != nil {
		return err
	}
	for _, item := range l.Items {
		if b, err = appendOrFlush(w, b, item); err != nil {
			return err
		}
	}
	_, err = w.Write(append(b, tail...))
	return err
}

// appendOrFlush adds item to b, writing b out when it is full.
func appendOrFlush(w io.Writer, b, item []byte) ([]byte, error) {
	if len(b)+len(item) <= cap(b)-64 {
		return append(b, item...), nil
	}
	if _, err := w.Write(b); err != nil {
		return nil, err
	}
	b = b[:0]
	if len(item) > flushAt/2 {
		_, err := w.Write(item)
		return b, err
	}
	return append(b, item...), nil
}

// tagSize returns the size of the head of a length-delimited field.
func tagSize(size int) int {
	n := 2
	for size >= 0x80 {
		size >>= 7
		n++
	}
	return n
}
