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

// Lazy is what a Codec may offer whose objects take much more memory than their
// bytes: they are decoded when they are asked for, and kept for a while only.
type Lazy interface {
	Lazy() bool
	// Size estimates the memory of the object that value holds, in bytes.
	Size(value []byte) int
	// Spot returns where in value, if it is a JSON text, its resourceVersion
	// would stand as a member; zero if that is not all that it lacks.
	Spot(value []byte) int
}

// Settler is what a Codec may offer so that an object that was just written is no
// other than one that was read: Settle makes of obj what Decode would make of
// what is stored for it, but for the resourceVersion.
type Settler interface{ Settle(obj runtime.Object) }

// Item is one object as of one revision. It is immutable and shared with
// everybody who asks: nobody may change its object or Value.
type Item struct {
	Key string
	// Value is what the store holds, the very bytes and not a copy. It is nil
	// in the item of a Deleted event.
	Value []byte
	// Created and Revision are the revisions at which the object was created
	// and last written. In a Deleted event's item Revision is the deletion's.
	Created, Revision store.Revision

	object runtime.Object // nil: decoded from text when asked for
	lazy   *laziness
	text   []byte
	spot   int // where the resourceVersion is missing in text; zero if unknown

	encodings encodings
}

// NewItem returns an item of an object that is not stored as it is.
func NewItem(key string, obj runtime.Object, rev store.Revision) *Item {
	return &Item{Key: key, object: obj, Revision: rev}
}

// With returns the item with another object, such as its form in another
// version.
func (i *Item) With(obj runtime.Object) *Item {
	return &Item{Key: i.Key, object: obj, Value: i.Value, Created: i.Created, Revision: i.Revision}
}

// Object returns the object, which is shared. If it is not at hand, it is
// decoded, once while it is kept.
func (i *Item) Object() runtime.Object {
	if i.object != nil {
		return i.object
	}
	return i.decoded()
}

// Text returns the object's JSON in two parts, between which the member
// "resourceVersion":"<Revision>" and a comma are missing. It tells false when
// the item has no such text.
func (i *Item) Text() (head, tail []byte, ok bool) {
	if i.spot == 0 {
		return nil, nil, false
	}
	return i.text[:i.spot], i.text[i.spot:], true
}

// Encoding returns the item's encoding called name, made by make at most once
// while it is kept, however many ask at the same time. The bytes are shared:
// nobody may change them. A failure of make is told and not kept.
func (i *Item) Encoding(name string, make func(runtime.Object) ([]byte, error)) ([]byte, error) {
	return i.encodings.get(name, func() ([]byte, error) { return make(i.Object()) })
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
