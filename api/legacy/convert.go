package legacy

import (
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api"
)

// lifecycle is what k8s.io/api's old types tell of themselves.
type lifecycle interface {
	APILifecycleDeprecated() (major, minor int)
	APILifecycleRemoved() (major, minor int)
	APILifecycleReplacement() schema.GroupVersionKind
}

// deprecation is Kubernetes' own text, and that Minke still converts.
func deprecation(kind schema.GroupVersionKind, o any) string {
	gv, name := kind.GroupVersion(), kind.Kind
	text := fmt.Sprintf("%s %s is deprecated", gv, name)
	l, ok := o.(lifecycle)
	if !ok {
		return text + "; Minke converts it"
	}
	major, minor := l.APILifecycleDeprecated()
	removedMajor, removedMinor := l.APILifecycleRemoved()
	text = fmt.Sprintf("%s in v%d.%d+, unavailable in v%d.%d+", text, major, minor, removedMajor, removedMinor)
	r, ok := o.(interface {
		APILifecycleReplacement() schema.GroupVersionKind
	})
	if ok {
		next := r.APILifecycleReplacement()
		text += fmt.Sprintf("; use %s %s", next.GroupVersion(), next.Kind)
	}
	return text + "; Minke converts it"
}

// adjust is what the conversion of From to Stored needs besides their common
// shape. Each function may be nil.
type adjust[From, Stored any] struct {
	// fill sets what this version defaults otherwise than the stored one.
	fill func(*From)
	// in and out convert the fields whose shapes differ.
	in  func(from *From, to *Stored)
	out func(from *Stored, to *From)
}

// version serves From as a version of Stored. Fields of the same JSON form are
// carried over as they are.
func version[From, List, Stored any, PF interface {
	*From
	runtime.Object
}, PL interface {
	*List
	runtime.Object
}, PS interface {
	*Stored
	api.Object
}](kind schema.GroupVersionKind, a adjust[From, Stored]) api.Version {
	return api.Version{
		Kind:       kind,
		Deprecated: deprecation(kind, new(From)),
		Hidden:     true,
		New:        func() runtime.Object { return PF(new(From)) },
		NewList:    func() runtime.Object { return PL(new(List)) },
		Default: func(o runtime.Object) {
			if from, ok := o.(PF); ok && a.fill != nil {
				a.fill(from)
			}
		},
		Import: func(o runtime.Object) (api.Object, error) {
			from, ok := o.(PF)
			if !ok {
				return nil, fmt.Errorf("import %s: got %T", kind, o)
			}
			to := PS(new(Stored))
			if err := reshape(from, to); err != nil {
				return nil, fmt.Errorf("import %s: %w", kind, err)
			}
			to.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
			if a.in != nil {
				a.in(from, to)
			}
			return to, nil
		},
		Export: func(o api.Object) (runtime.Object, error) {
			from, ok := o.(PS)
			if !ok {
				return nil, fmt.Errorf("export %s: got %T", kind, o)
			}
			to := PF(new(From))
			if err := reshape(from, to); err != nil {
				return nil, fmt.Errorf("export %s: %w", kind, err)
			}
			to.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
			if a.out != nil {
				a.out(from, to)
			}
			return to, nil
		},
	}
}

// reshape carries over the fields that both types have.
func reshape(from, to any) error {
	data, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, to)
}
