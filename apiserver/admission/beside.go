package admission

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api"
	"minke/store"
)

// Beside is an object that is written in the transaction of another's.
type Beside struct {
	Resource schema.GroupVersionResource
	// Create is the new object; the transaction fails if there is one of its name.
	Create api.Object
	// Otherwise the object called Name in Namespace is deleted, if Is says that it
	// is the one; an object with finalizers is left to whoever cleans up.
	Namespace, Name string
	Is              func(stored api.Object) bool
}

// Keeper is a plug-in that keeps objects beside those of others. Both are there,
// or neither, whenever the server ends.
type Keeper interface {
	// Keeps tells whether there may be anything beside objects of obj's kind.
	Keeps(obj api.Object) bool
	// Beside tells what goes with storing obj in place of old. Obj is nil when old
	// is deleted, old when obj is new. Neither may be changed.
	Beside(obj, old api.Object) []Beside
}

// Entry is written in the transaction of an object, as it is, where no object of
// the API is.
type Entry struct {
	Key string
	// Modified is the revision of the entry's last write, which nobody else may
	// have overtaken; zero if there is none.
	Modified store.Revision
	Value    []byte
}

// Bookkeeper is a Keeper that keeps entries beside objects too.
type Bookkeeper interface {
	Keeper
	// Entries tells what goes with storing obj in place of old, as Beside does. It
	// fails with *cache.BesideError when admission's choice does not hold any more.
	Entries(ctx context.Context, obj, old api.Object) ([]Entry, error)
}

// Keepers returns the plug-ins that are Keepers.
func (c Chain) Keepers() (all []Keeper) {
	for p := range c.All() {
		if k, ok := p.(Keeper); ok {
			all = append(all, k)
		}
	}
	return all
}
