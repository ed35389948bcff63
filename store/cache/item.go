package cache

import (
	"k8s.io/apimachinery/pkg/runtime"

	"minke/store"
)

// Codec turns objects into stored bytes and back.
type Codec interface {
	// Encode returns what is stored for obj, without its resourceVersion. It
	// may not keep obj or the bytes.
	Encode(obj runtime.Object) ([]byte, error)
	// Decode returns the object that value holds and sets its resourceVersion
	// to rev. It may share value's bytes but not change them.
	Decode(value []byte, rev store.Revision) (runtime.Object, error)
}

// Item is one object as of one revision. It is immutable and shared with
// everybody who asks: nobody may change Object or Value.
type Item struct {
	Key    string
	Object runtime.Object
	// Value is what the store holds, the very bytes and not a copy. It is nil
	// in the item of a Deleted event.
	Value []byte
	// Created and Revision are the revisions at which the object was created
	// and last written. In a Deleted event's item Revision is the deletion's.
	Created, Revision store.Revision

	encodings encodings
}

// Encoding returns the item's encoding called name, made by make at most once
// while it is kept, however many ask at the same time. The bytes are shared:
// nobody may change them. A failure of make is told and not kept.
func (i *Item) Encoding(name string, make func(runtime.Object) ([]byte, error)) ([]byte, error) {
	return i.encodings.get(name, func() ([]byte, error) { return make(i.Object) })
}

// Kept returns the item's encoding called name if it is kept, else nil.
func (i *Item) Kept(name string) []byte { return i.encodings.peek(name) }

// EventType tells what an event did.
type EventType int

// The three kinds of change.
const (
	Added EventType = iota + 1
	Modified
	Deleted
)

// String returns the name that watch events on the wire have.
func (t EventType) String() string {
	switch t {
	case Added:
		return "ADDED"
	case Modified:
		return "MODIFIED"
	case Deleted:
		return "DELETED"
	}
	return "UNKNOWN"
}

// Event is one change of one object. All watchers share it: it is immutable.
type Event struct {
	Type EventType
	// Item is the state after the change. For Deleted it is the last state,
	// its resourceVersion being the revision of the deletion.
	Item *Item
	// Prev is the state before; nil for Added.
	Prev     *Item
	Revision store.Revision

	encodings encodings
}

// Encoding returns the event's encoding called name, made by make at most once
// while it is kept, whatever the number of watchers. See Item.Encoding.
func (e *Event) Encoding(name string, make func(*Event) ([]byte, error)) ([]byte, error) {
	return e.encodings.get(name, func() ([]byte, error) { return make(e) })
}

// size estimates what the event keeps in memory that the current state does
// not: a decoded object is about twice its stored bytes.
func (e *Event) size() int {
	n := 256
	if e.Prev != nil {
		n += 3 * len(e.Prev.Value)
	}
	return n
}
