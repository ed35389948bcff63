package admission

import (
	"context"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Checker is a plug-in that finds faults in an object which can be told only by
// what is stored besides. They are told together with those of validation, and
// before them.
type Checker interface {
	Check(ctx context.Context, a *Attributes) field.ErrorList
}

// Checkers returns the plug-ins that are Checkers.
func (c Chain) Checkers() (all []Checker) {
	for p := range c.All() {
		if k, ok := p.(Checker); ok {
			all = append(all, k)
		}
	}
	return all
}
