// Package apply keeps who manages which field (metadata.managedFields) and
// merges configurations that are applied by server-side apply (KEP-555), with the
// merge schema of the built-in kinds that client-go carries.
//
// The plain cases, nearly all, it decides in one walk over the fields of both
// objects. What is not plain it leaves to apimachinery's field manager, which it
// also never contradicts: random configurations are applied both ways by a test.
//
// The schema is parsed when the first object is applied, and objects are
// tracked from the first time that they are applied: until then they carry no
// managedFields, and what they hold belongs to "before-first-apply".
package apply

import (
	"fmt"
	"maps"
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/client-go/applyconfigurations"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// Kind is how one way of writing a resource applies.
type Kind struct {
	// Served is the version that requests use, Stored the one in which
	// objects are kept.
	Served, Stored schema.GroupVersionKind
	// Subresource is the way of writing; empty for the object itself.
	Subresource string
	// Reset are the top-level fields that this way does not write. Whoever
	// applies them does not come to own them.
	Reset []string
	// Versions are constructors of all versions of the kind.
	Versions map[schema.GroupVersionKind]func() runtime.Object
	// Convert turns an object to another version of the group. It is nil for
	// objects without a Go type whose versions differ in their names alone.
	Convert func(obj runtime.Object, to schema.GroupVersion) (runtime.Object, error)
	// Default fills in what was left out, in place.
	Default func(runtime.Object)
	// Merging is how objects without a Go type merge; nil for the built-in
	// kinds. Entries, if there are any, make that faster.
	Merging managedfields.TypeConverter
	Entries Entries
	// Library tells that the library decides all: tests compare with it.
	Library bool
}

// Manager applies to one kind.
type Manager struct {
	kind    Kind
	fields  *managedfields.FieldManager
	merging managedfields.TypeConverter
	reset   map[string]bool
	entries Entries
	shapes  shapes

	mu    sync.Mutex // guards sets and probe
	sets  *fieldSets
	probe *unstructured.Unstructured // an empty object, to ask for the schema with
}

// NewManager returns the manager of a kind.
func NewManager(k Kind) (*Manager, error) {
	scheme := runtime.NewScheme()
	for gvk, make := range k.Versions {
		scheme.AddKnownTypeWithName(gvk, make())
	}
	reset := map[fieldpath.APIVersion]fieldpath.Filter{}
	if len(k.Reset) > 0 {
		set := fieldpath.NewSet()
		for _, name := range k.Reset {
			set.Insert(fieldpath.MakePathOrDie(name))
		}
		for gvk := range k.Versions {
			reset[fieldpath.APIVersion(gvk.GroupVersion().String())] = fieldpath.NewExcludeSetFilter(set)
		}
	}
	a := adapter{k}
	if k.Merging != nil {
		merging := k.Merging
		if k.Entries.Get != nil {
			merging = besides{merging}
		}
		fields, err := managedfields.NewDefaultCRDFieldManager(merging, a, a, a, k.Served, k.Stored.GroupVersion(), k.Subresource, reset)
		if err != nil {
			return nil, fmt.Errorf("make field manager of %s: %w", k.Served, err)
		}
		return newManager(k, fields, k.Merging), nil
	}
	merging := applyconfigurations.NewTypeConverter(scheme)
	fields, err := managedfields.NewDefaultFieldManager(merging, a, a, a,
		k.Served, k.Stored.GroupVersion(), k.Subresource, reset)
	if err != nil {
		return nil, fmt.Errorf("make field manager of %s: %w", k.Served, err)
	}
	return newManager(k, fields, merging), nil
}

func newManager(k Kind, fields *managedfields.FieldManager, merging managedfields.TypeConverter) *Manager {
	m := &Manager{kind: k, fields: fields, merging: merging, entries: k.Entries, reset: map[string]bool{}}
	for _, name := range k.Reset {
		m.reset[name] = true
	}
	return m
}

// Apply merges applied, an unstructured object, into live and returns the
// result in the stored version. Neither is changed. It fails with a Conflict
// StatusError when others manage what would change, unless force is set.
//
// fields, if there are any, are those of a live object with a Go type, which
// makes it faster. Apply takes them over.
func (m *Manager) Apply(live runtime.Object, fields map[string]any, applied *unstructured.Unstructured, manager string, force bool) (runtime.Object, error) {
	if obj, ok := m.fast(live, fields, applied, manager, force); ok {
		return obj, nil
	}
	merged, err := m.fields.Apply(m.copied(live), applied.DeepCopy(), manager, force)
	if err != nil {
		return nil, err
	}
	return m.whole(merged), nil
}

// Update notes in obj's managedFields what manager changed compared with live.
// It does nothing to objects that were never applied.
//
// was and now, if there are any, are the fields of live and of obj if they have a
// Go type, which makes it faster.
func (m *Manager) Update(live, obj runtime.Object, was, now map[string]any, manager string) runtime.Object {
	if m.fastUpdate(live, obj, was, now, manager, false) {
		return obj
	}
	return m.fields.UpdateNoErrors(live.DeepCopyObject(), obj, manager)
}

// Create is Update for a new object, which has no managedFields yet; empty is one
// of its kind without anything.
func (m *Manager) Create(empty, obj runtime.Object, was, now map[string]any, manager string) runtime.Object {
	if m.fastUpdate(empty, obj, was, now, manager, true) {
		return obj
	}
	return m.fields.UpdateNoErrors(empty.DeepCopyObject(), obj, manager)
}

// adapter gives the field manager what it wants to know of a kind.
type adapter struct{ kind Kind }

// New returns an empty object.
func (a adapter) New(gvk schema.GroupVersionKind) (runtime.Object, error) {
	make, ok := a.kind.Versions[gvk]
	if !ok {
		return nil, runtime.NewNotRegisteredErrForKind("minke", gvk)
	}
	obj := make()
	obj.GetObjectKind().SetGroupVersionKind(gvk)
	return obj, nil
}

// Default implements runtime.ObjectDefaulter.
func (a adapter) Default(obj runtime.Object) { a.kind.Default(bare(obj)) }

// Convert is not asked for by the field manager.
func (a adapter) Convert(_, _, _ any) error {
	return fmt.Errorf("convert %s: only ConvertToVersion is offered", a.kind.Served.Kind)
}

// ConvertFieldLabel is not asked for by the field manager.
func (a adapter) ConvertFieldLabel(gvk schema.GroupVersionKind, _, _ string) (string, string, error) {
	return "", "", fmt.Errorf("convert field label of %s: not offered", gvk)
}

// ConvertToVersion returns the object, typed, in the version that target picks.
func (a adapter) ConvertToVersion(in runtime.Object, target runtime.GroupVersioner) (runtime.Object, error) {
	if b, ok := in.(*beside); ok {
		out, err := a.ConvertToVersion(b.Unstructured, target)
		if u, same := out.(*unstructured.Unstructured); same && err == nil {
			return &beside{u, b.entries}, nil
		}
		return out, err
	}
	gvk := in.GetObjectKind().GroupVersionKind()
	to, ok := target.KindForGroupVersionKinds([]schema.GroupVersionKind{gvk})
	if version, exact := target.(schema.GroupVersion); exact {
		to, ok = version.WithKind(gvk.Kind), true // also in another group, as for Event
	}
	if !ok {
		return nil, runtime.NewNotRegisteredErrForKind("minke", gvk)
	}
	if u, ok := in.(*unstructured.Unstructured); ok && a.untyped() {
		if gvk == to {
			return u, nil
		}
		if a.kind.Convert != nil {
			return a.kind.Convert(u, to.GroupVersion())
		}
		renamed := &unstructured.Unstructured{Object: maps.Clone(u.Object)}
		renamed.SetGroupVersionKind(to)
		return renamed, nil
	}
	obj, err := a.typed(in, gvk)
	if err != nil || gvk == to {
		return obj, err
	}
	if _, known := a.kind.Versions[to]; !known {
		return nil, runtime.NewNotRegisteredErrForKind("minke", to)
	}
	return a.kind.Convert(obj, to.GroupVersion())
}

// untyped tells whether the kind has no Go type.
func (a adapter) untyped() bool {
	make, ok := a.kind.Versions[a.kind.Stored]
	if !ok {
		return false
	}
	_, untyped := make().(*unstructured.Unstructured)
	return untyped
}

// typed turns an unstructured object into one of its Go type.
func (a adapter) typed(in runtime.Object, gvk schema.GroupVersionKind) (runtime.Object, error) {
	fields, ok := in.(runtime.Unstructured)
	if !ok {
		return in, nil
	}
	obj, err := a.New(gvk)
	if err != nil {
		return nil, err
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(fields.UnstructuredContent(), obj); err != nil {
		return nil, fmt.Errorf("unable to convert unstructured object to %s: %w", gvk, err)
	}
	obj.GetObjectKind().SetGroupVersionKind(gvk)
	return obj, nil
}

// Tracked tells whether the object carries managedFields.
func Tracked(obj runtime.Object) bool {
	if u, ok := obj.(*unstructured.Unstructured); ok { // whose method reads each entry by reflection
		metadata, _ := u.Object["metadata"].(map[string]any)
		list, _ := metadata["managedFields"].([]any)
		return len(list) > 0
	}
	m, err := meta.Accessor(obj)
	return err == nil && len(m.GetManagedFields()) > 0
}

// Converter returns how objects of a built-in kind merge; empty is one of them.
// Kinds that are not stored, such as Scale, have no merge schema: their lists are
// atomic.
func Converter(kind schema.GroupVersionKind, empty runtime.Object) managedfields.TypeConverter {
	scheme := runtime.NewScheme()
	scheme.AddKnownTypeWithName(kind, empty)
	converter := applyconfigurations.NewTypeConverter(scheme)
	none := &unstructured.Unstructured{}
	none.SetGroupVersionKind(kind)
	if _, err := converter.ObjectToTyped(none); err != nil {
		return managedfields.NewDeducedTypeConverter()
	}
	return converter
}
