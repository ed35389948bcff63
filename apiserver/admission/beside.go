package admission

import (
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api"
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
	// Beside tells what goes with storing obj in place of old. Obj is nil when old
	// is deleted, old when obj is new. Neither may be changed.
	Beside(obj, old api.Object) []Beside
}

// Keepers returns the plug-ins that are Keepers.
func (c Chain) Keepers() (all []Keeper) {
	for _, p := range c {
		if k, ok := p.(Keeper); ok {
			all = append(all, k)
		}
	}
	return all
}
