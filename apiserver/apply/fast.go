package apply

import (
	"maps"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"minke/apiserver/codec/inplace"
)

// lastApplied is the annotation of those that apply on the client's side. The
// library keeps it up to date for one manager.
const (
	lastApplied = "kubectl.kubernetes.io/last-applied-configuration"
	kubectl     = "kubectl"
)

// fast applies as Apply does, in one walk. It knows what nearly all applies are:
// of the version in which the object is stored and in which all of its managers
// know it, where nothing is given up that was applied before, and nobody else's
// field changes unless force is set. For the rest it tells false: the library
// decides. What it returns, it decides as the library does, which a test holds.
//
// fields are those of a live object with a Go type. They are taken over.
func (m *Manager) fast(live runtime.Object, fields map[string]any, applied *unstructured.Unstructured, manager string, force bool) (runtime.Object, bool) {
	a := &application{live: live, fields: fields, conf: applied.Object}
	var isUntyped bool
	if a.untyped, isUntyped = live.(*unstructured.Unstructured); isUntyped {
		a.fields = a.untyped.Object
	}
	if !m.takesUp(a, manager) {
		return nil, false
	}
	w := merger{schema: a.sets.schema, own: !isUntyped, paths: !isUntyped || len(a.others) > 0}
	if w.own && a.sets.keyless && !w.valid(a.sets.ref, a.fields, true) {
		return nil, false
	}
	merged, _ := w.merge(a.sets.ref, a.fields, true, a.conf, false).(map[string]any)
	if w.odd || merged == nil || manager == kubectl && hasLastApplied(merged) {
		return nil, false
	}
	if !m.settle(a.others, w.changes, a.sets, force) {
		return nil, false
	}
	kept := a.entries(w.differs)
	if isUntyped {
		return untypedResult(a.untyped, merged, w.differs, kept)
	}
	out := live.DeepCopyObject()
	if w.differs && (w.moved || !alter(out, w.changes)) {
		var err error
		if out, err = m.typed(merged); err != nil {
			return nil, false
		}
	}
	access, err := meta.Accessor(out)
	if err != nil {
		return nil, false
	}
	access.SetManagedFields(typedEntries(kept))
	return out, true
}

// alter makes changes to an object with a Go type, in place. If it tells false, the
// object may be half changed.
func alter(obj runtime.Object, changes []change) bool {
	for i := range changes {
		if c := &changes[i]; !c.inner && !inplace.Put(obj, c.steps, c.value) {
			return false
		}
	}
	return true
}

// application is one configuration on its way into an object.
type application struct {
	live         runtime.Object
	untyped      *unstructured.Unstructured // live, if it has no Go type
	fields, conf map[string]any
	sets         *fieldSets
	// me is who applies, before what it was until now, if there is that.
	me     entry
	before *entry
	others []entry
}

// takesUp reads who manages what. It tells false for what the library decides.
func (m *Manager) takesUp(a *application, manager string) bool {
	if m.kind.Library || m.kind.Served != m.kind.Stored || a.fields == nil || !of(a.fields, m.kind.Served) || !of(a.conf, m.kind.Served) {
		return false
	}
	metadata, ok := a.conf["metadata"].(map[string]any)
	if _, given := metadata["managedFields"]; !ok || given {
		return false
	}
	if a.sets = m.fieldSets(); a.sets == nil {
		return false
	}
	access, err := meta.Accessor(a.live)
	if err != nil {
		return false
	}
	var entries []entry
	if a.untyped != nil {
		entries, ok = entriesIn(a.untyped, a.sets)
	} else {
		entries, ok = entriesOf(access.GetManagedFields(), a.sets)
	}
	// What was never applied nor made by a client belongs to somebody, unless it
	// is only being made.
	if !ok || len(entries) == 0 && (access.GetUID() != "" || access.GetName() != "" || access.GetResourceVersion() != "") {
		return false
	}
	o := owner{schema: a.sets.schema, reset: m.reset}
	text, ok := o.fields(a.sets.ref, a.conf)
	if !ok {
		return false
	}
	a.me = entry{manager: manager, operation: string(metav1.ManagedFieldsOperationApply),
		version: m.kind.Served.GroupVersion().String(), subresource: m.kind.Subresource, fields: a.sets.read(text)}
	if a.me.fields == nil || a.me.fields.text != text {
		return false
	}
	a.others, a.before, ok = a.me.among(entries)
	return ok && (a.before == nil || a.before.fields == a.me.fields || a.before.fields.set.Difference(a.me.fields.set).Empty())
}

// entries returns the managedFields after it. An apply that changes nothing keeps
// its time.
func (a *application) entries(differs bool) []entry {
	me := a.me
	switch {
	case differs:
		me.time = &metav1.Time{Time: time.Now().UTC()}
	case a.before != nil:
		me.time = a.before.time
		if a.before.fields == me.fields {
			me.as = a.before.as
		}
	}
	if me.time != nil {
		me.seconds = me.time.Unix()
	}
	var kept []entry
	for _, e := range append(a.others, me) {
		if !e.fields.set.Empty() {
			kept = append(kept, e)
		}
	}
	sortEntries(kept)
	return kept
}

func of(fields map[string]any, kind schema.GroupVersionKind) bool {
	name, _ := fields["kind"].(string)
	version, _ := fields["apiVersion"].(string)
	return name == kind.Kind && version == kind.GroupVersion().String()
}

func hasLastApplied(fields map[string]any) bool {
	metadata, _ := fields["metadata"].(map[string]any)
	annotations, _ := metadata["annotations"].(map[string]any)
	text, _ := annotations[lastApplied].(string)
	return text != ""
}

// among parts the entries into those of others and the manager's own from before,
// if there is one. It tells false when one of them is not plain.
func (e *entry) among(entries []entry) (others []entry, before *entry, ok bool) {
	others = entries[:0]
	for i := range entries {
		one := entries[i]
		if !one.plain(e.version) {
			return nil, nil, false
		}
		for j := range others {
			if one.sameManager(&others[j]) {
				return nil, nil, false
			}
		}
		switch {
		case !one.sameManager(e):
			others = append(others, one)
		case before != nil:
			return nil, nil, false
		default:
			before = &one
		}
	}
	return others, before, true
}

// settle takes from others what changes. It tells false when that is theirs and
// may not be taken.
func (m *Manager) settle(others []entry, changes []change, sets *fieldSets, force bool) bool {
	for i := range others {
		e := &others[i]
		var lost []fieldpath.Path
		for j := range changes {
			if path := changes[j].path; !m.reset[changes[j].steps[0].Name] && e.fields.set.Has(path) {
				lost = append(lost, path)
			}
		}
		if len(lost) == 0 {
			continue
		}
		if !force {
			return false
		}
		less := e.fields.without(sets, lost)
		if less == nil {
			return false
		}
		*e = e.with(less)
	}
	return true
}

// fieldSets returns the field sets of the kind under its schema as it is now; nil
// if it has none.
func (m *Manager) fieldSets() *fieldSets {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sets != nil && m.kind.Merging == nil {
		return m.sets
	}
	if m.probe == nil {
		m.probe = &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": m.kind.Served.GroupVersion().String(), "kind": m.kind.Served.Kind}}
	}
	t, err := m.merging.ObjectToTyped(m.probe)
	if err != nil {
		return nil
	}
	if m.sets == nil || m.sets.schema != t.Schema() {
		m.sets = newFieldSets(t.Schema(), t.TypeRef())
	}
	return m.sets
}

// untypedResult is the object that an apply to u made of it.
func untypedResult(u *unstructured.Unstructured, merged map[string]any, differs bool, entries []entry) (runtime.Object, bool) {
	if !differs { // the configuration may write numbers in another way
		merged = maps.Clone(u.Object)
		metadata, _ := merged["metadata"].(map[string]any)
		metadata = maps.Clone(metadata)
		delete(metadata, "managedFields")
		merged["metadata"] = metadata
		merged, _ = copied(merged).(map[string]any)
	}
	metadata, ok := merged["metadata"].(map[string]any)
	if !ok {
		return nil, false
	}
	if len(entries) > 0 {
		if metadata["managedFields"], ok = untypedEntries(entries); !ok {
			return nil, false
		}
	}
	return &unstructured.Unstructured{Object: merged}, true
}

// typed makes an object of the kind's Go type.
func (m *Manager) typed(fields map[string]any) (runtime.Object, error) {
	obj, err := adapter{m.kind}.New(m.kind.Served)
	if err != nil {
		return nil, err
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(inplace.Owned(fields).(map[string]any), obj); err != nil {
		return nil, err
	}
	obj.GetObjectKind().SetGroupVersionKind(m.kind.Served)
	return obj, nil
}
