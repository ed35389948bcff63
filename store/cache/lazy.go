package cache

import (
	"bytes"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
)

// DecodedBudget bounds the decoded objects that are kept of caches whose codec
// is lazy, in bytes as estimated, in caches made without a budget of their own
// choice.
const DecodedBudget = 8 << 20

// laziness is how the items of one cache come to their objects.
type laziness struct {
	codec   Codec
	spots   Lazy // the same
	objects *Budget
}

// newLaziness returns nil for a codec whose objects are all kept.
func newLaziness(codec Codec, objects *Budget) *laziness {
	l, ok := codec.(Lazy)
	if !ok || !l.Lazy() {
		return nil
	}
	return &laziness{codec: codec, spots: l, objects: objects}
}

// decodedName is under which an item's object is kept beside its encodings.
const decodedName = "object"

func (i *Item) decoded() runtime.Object {
	e := i.encodings.made(decodedName, i.lazy.objects, func(e *encoding) error {
		obj, err := i.lazy.codec.Decode(i.text, i.Revision)
		e.object, e.size = obj, i.lazy.spots.Size(i.text)
		return err
	})
	if e.err != nil {
		// It was decoded when it came: the bytes were good.
		panic(fmt.Errorf("decode %s at revision %d again: %w", i.Key, i.Revision, e.err))
	}
	return e.object
}

// beLazy lets go of the item's object, but for keeping it a while. written
// tells that its bytes were made of this very object.
func (i *Item) beLazy(l *laziness, obj runtime.Object, written bool) {
	i.lazy, i.text, i.object = l, i.Value, nil
	if i.spot = l.spots.Spot(i.Value); i.spot != 0 && !written {
		again, err := l.codec.Encode(obj)
		if err != nil || !bytes.Equal(again, i.Value) {
			i.spot = 0
		}
	}
	i.encodings.made(decodedName, l.objects, func(e *encoding) error {
		e.object, e.size = obj, l.spots.Size(i.text)
		return nil
	})
}
