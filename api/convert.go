package api

import (
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Adjust is what the conversion of From to Stored needs besides their common
// shape. Each function may be nil.
type Adjust[From, Stored any] struct {
	// Fill sets what this version defaults otherwise than the stored one.
	Fill func(*From)
	// In and Out convert the fields whose shapes differ.
	In  func(from *From, to *Stored)
	Out func(from *Stored, to *From)
}

// Converted serves From as a version of Stored. Fields of the same JSON form are
// carried over as they are.
func Converted[From, List, Stored any, PF interface {
	*From
	runtime.Object
}, PL interface {
	*List
	runtime.Object
}, PS interface {
	*Stored
	Object
}](kind schema.GroupVersionKind, a Adjust[From, Stored]) Version {
	return Version{
		Kind:    kind,
		New:     func() runtime.Object { return PF(new(From)) },
		NewList: func() runtime.Object { return PL(new(List)) },
		Default: func(o runtime.Object) {
			if from, ok := o.(PF); ok && a.Fill != nil {
				a.Fill(from)
			}
		},
		Import: func(o runtime.Object) (Object, error) {
			from, ok := o.(PF)
			if !ok {
				return nil, fmt.Errorf("import %s: got %T", kind, o)
			}
			to := PS(new(Stored))
			if err := Reshape(from, to); err != nil {
				return nil, fmt.Errorf("import %s: %w", kind, err)
			}
			to.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
			if a.In != nil {
				a.In(from, to)
			}
			return to, nil
		},
		Export: func(o Object) (runtime.Object, error) {
			from, ok := o.(PS)
			if !ok {
				return nil, fmt.Errorf("export %s: got %T", kind, o)
			}
			to := PF(new(From))
			if err := Reshape(from, to); err != nil {
				return nil, fmt.Errorf("export %s: %w", kind, err)
			}
			to.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
			if a.Out != nil {
				a.Out(from, to)
			}
			return to, nil
		},
	}
}

// Reshape carries over the fields that both types have.
func Reshape(from, to any) error {
	data, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, to)
}
