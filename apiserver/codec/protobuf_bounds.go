package codec

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
)

// maxWeight bounds, in bytes, what the elements of a protobuf message's lists
// take in memory: a message of two bytes becomes a struct of a thousand, and
// lists grow by copying.
const maxWeight = 16 << 20

// checkMessage fails when the lists of a message that is to be decoded into obj
// would become too large. What is not well-formed is left to the decoder.
func checkMessage(raw []byte, obj runtime.Object) error {
	if len(raw) < smallMessage {
		return nil
	}
	w := weigher{left: maxWeight}
	w.weigh(raw, shapeOf(reflect.TypeOf(obj).Elem()), 0)
	if w.left < 0 {
		return apierrors.NewRequestEntityTooLargeError(fmt.Sprintf("limit is %d bytes of list elements in memory", maxWeight))
	}
	return nil
}

// smallMessage is the size up to which a message cannot become large: an element
// takes at least two bytes of it, and at most some two thousand of memory.
const smallMessage = 16 << 10

// shape is what there is to know of a message's fields, by their numbers.
type shape map[uint64]part

// part is a field that can hold messages or be repeated.
type part struct {
	// size is what one element adds to a list in memory; zero when the field
	// is not repeated.
	size int
	// of is the shape of the message that it holds; nil for strings and bytes.
	of *lazyShape
}

// lazyShape is made when a message has such a field, since types may contain
// themselves.
type lazyShape struct{ reflect.Type }

var shapes sync.Map // of shapes by reflect.Type; there are as many as types of messages

func shapeOf(t reflect.Type) shape {
	if known, ok := shapes.Load(t); ok {
		return known.(shape)
	}
	s := shape{}
	if t.Kind() == reflect.Slice { // such as authorization/v1 ExtraValue: a message of its own
		s[1] = partOf(t)
	}
	for i := 0; t.Kind() == reflect.Struct && i < t.NumField(); i++ {
		f := t.Field(i)
		tag := strings.Split(f.Tag.Get("protobuf"), ",")
		if len(tag) < 2 {
			continue
		}
		if number, err := strconv.ParseUint(tag[1], 10, 32); err == nil {
			if p := partOf(f.Type); p.size > 0 || p.of != nil {
				s[number] = p
			}
		}
	}
	shapes.Store(t, s)
	return s
}

func partOf(t reflect.Type) part {
	switch t.Kind() {
	case reflect.Pointer:
		return part{of: partOf(t.Elem()).of}
	case reflect.Struct:
		return part{of: &lazyShape{t}}
	case reflect.Slice:
		elem := t.Elem()
		if elem.Kind() == reflect.Uint8 {
			return part{}
		}
		return part{size: int(elem.Size()), of: partOf(elem).of}
	case reflect.Map:
		// An entry is a message of key and value.
		return part{size: int(t.Key().Size() + t.Elem().Size()), of: &lazyShape{t}}
	}
	return part{}
}

// entryShape is the shape of a map's entries.
func entryShape(t reflect.Type) shape {
	p := partOf(t.Elem())
	if t.Elem().Kind() == reflect.Slice { // a named list is a message of its own
		p = part{of: &lazyShape{t.Elem()}}
	}
	return shape{2: p}
}

type weigher struct{ left int }

func (w *weigher) weigh(raw []byte, s shape, depth int) {
	const varint, fixed64, delimited, fixed32 = 0, 1, 2, 5
	for len(raw) > 0 && w.left >= 0 && depth <= MaxDepth {
		tag, n := binary.Uvarint(raw)
		if n <= 0 {
			return
		}
		raw = raw[n:]
		size := 0
		switch tag & 7 {
		case varint:
			_, size = binary.Uvarint(raw)
		case fixed64:
			size = 8
		case fixed32:
			size = 4
		case delimited:
			length, n := binary.Uvarint(raw)
			if n <= 0 || length > uint64(len(raw)-n) {
				return
			}
			raw, size = raw[n:], int(length)
		}
		if size <= 0 && tag&7 != delimited || size > len(raw) {
			return
		}
		p := s[tag>>3]
		w.left -= p.size
		if p.of != nil && tag&7 == delimited {
			w.weigh(raw[:size], p.of.shape(), depth+1)
		}
		raw = raw[size:]
	}
}

func (l *lazyShape) shape() shape {
	if l.Kind() == reflect.Map {
		return entryShape(l.Type)
	}
	return shapeOf(l.Type)
}
