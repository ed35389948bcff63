package apply

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// maxUpdaters is how many entries of updates an object has at most; beyond that
// the library merges the oldest.
const maxUpdaters = 10

// fastUpdate does as Update, in one walk. It knows nearly all updates: of the
// version in which the object is stored and in which all of its managers know it.
// For the rest it tells false, and obj is as it was: the library decides. What it
// returns, it decides as the library does, which a test holds.
//
// was and now are the fields of live and obj if they have a Go type. Whoever
// creates obj comes from an empty one, and nobody manages it yet.
func (m *Manager) fastUpdate(live, obj runtime.Object, was, now map[string]any, manager string, creates bool) bool {
	a := &application{live: live, fields: was, conf: now}
	var isUntyped bool
	if a.untyped, isUntyped = live.(*unstructured.Unstructured); isUntyped {
		u, ok := obj.(*unstructured.Unstructured)
		if !ok {
			return false
		}
		a.fields, a.conf = a.untyped.Object, u.Object
	}
	if m.kind.Library || m.kind.Served != m.kind.Stored || a.fields == nil || a.conf == nil ||
		!of(a.fields, m.kind.Served) || !of(a.conf, m.kind.Served) {
		return false
	}
	if a.sets = m.fieldSets(); a.sets == nil {
		return false
	}
	a.me = entry{manager: manager, operation: string(metav1.ManagedFieldsOperationUpdate),
		version: m.kind.Served.GroupVersion().String(), subresource: m.kind.Subresource}
	if manager == "" || !creates && !m.known(a, obj) {
		return false
	}
	d := differ{merger: merger{schema: a.sets.schema, own: !isUntyped}}
	if d.own && a.sets.keyless && !(d.valid(a.sets.ref, a.fields, true) && d.valid(a.sets.ref, a.conf, true)) {
		return false
	}
	if d.compare(a.sets.ref, side{a.fields, true}, side{a.conf, true}); d.odd {
		return false
	}
	entries, ok := m.divided(a, m.counted(d.set), m.counted(d.removed))
	if !ok {
		return false
	}
	return putEntries(obj, entries)
}

// known reads who manages what: as obj says it, or else as the live object does.
func (m *Manager) known(a *application, obj runtime.Object) bool {
	from := obj
	if m.kind.Subresource != "" || !managed(obj) {
		from = a.live
	}
	var entries []entry
	var ok bool
	if u, isUntyped := from.(*unstructured.Unstructured); isUntyped {
		entries, ok = entriesIn(u, a.sets)
	} else if access, err := meta.Accessor(from); err == nil {
		entries, ok = entriesOf(access.GetManagedFields(), a.sets)
	}
	if !ok || len(entries) == 0 {
		return false // whoever has an empty list wants them reset
	}
	updaters := 0
	for i := range entries {
		if entries[i].operation == a.me.operation {
			updaters++
		}
	}
	if updaters >= maxUpdaters {
		return false
	}
	a.others, a.before, ok = a.me.among(entries)
	return ok
}

// managed tells whether an object has managedFields, be they none.
func managed(obj runtime.Object) bool {
	if u, isUntyped := obj.(*unstructured.Unstructured); isUntyped {
		metadata, _ := u.Object["metadata"].(map[string]any)
		_, given := metadata["managedFields"]
		return given
	}
	access, err := meta.Accessor(obj)
	return err == nil && access.GetManagedFields() != nil
}

// counted are the paths that anybody owns and that this way of writing writes.
func (m *Manager) counted(paths []fieldpath.Path) []fieldpath.Path {
	return slices.DeleteFunc(paths, func(p fieldpath.Path) bool {
		return p[0].FieldName != nil && m.reset[*p[0].FieldName]
	})
}

// divided returns the entries after an update that set some fields and removed
// others.
func (m *Manager) divided(a *application, set, removed []fieldpath.Path) ([]entry, bool) {
	kept := make([]entry, 0, len(a.others)+1)
	for i := range a.others {
		e := &a.others[i]
		if lost := append(e.has(set), e.has(removed)...); len(lost) > 0 {
			less := e.fields.without(a.sets, lost)
			if less == nil {
				return nil, false
			}
			*e = e.with(less)
		}
		if !e.fields.set.Empty() {
			kept = append(kept, *e)
		}
	}
	set = slices.DeleteFunc(set, isUnowned)
	me := a.me
	switch {
	case a.before == nil && len(set) == 0:
		sortEntries(kept)
		return kept, true
	case a.before == nil:
		me.fields = a.sets.of(fieldpath.NewSet(set...))
	default:
		me = *a.before
		if gone := me.has(removed); len(gone) > 0 || len(me.has(set)) < len(set) {
			me = me.with(a.sets.of(me.fields.set.Difference(fieldpath.NewSet(gone...)).Union(fieldpath.NewSet(set...))))
		}
	}
	if me.fields == nil {
		return nil, false
	}
	if len(set) > 0 {
		me.as, me.time = nil, &metav1.Time{Time: time.Now().UTC()}
		me.seconds = me.time.Unix()
	}
	if !me.fields.set.Empty() {
		kept = append(kept, me)
	}
	sortEntries(kept)
	return kept, true
}

// has returns those of the paths that the entry has.
func (e *entry) has(paths []fieldpath.Path) (out []fieldpath.Path) {
	for _, path := range paths {
		if e.fields.set.Has(path) {
			out = append(out, path)
		}
	}
	return out
}

func isUnowned(p fieldpath.Path) bool {
	if p[0].FieldName == nil {
		return false
	}
	name := *p[0].FieldName
	switch len(p) {
	case 1:
		return unowned[name] || name == "metadata"
	case 2:
		return name == "metadata" && p[1].FieldName != nil && unownedMeta[*p[1].FieldName]
	}
	return false
}

// of returns a set as it is shared; nil if it cannot be written.
func (s *fieldSets) of(set *fieldpath.Set) *fieldSet {
	text, err := set.ToJSON()
	if err != nil {
		return nil
	}
	return s.read(string(text))
}

// putEntries sets the managedFields of an object.
func putEntries(obj runtime.Object, entries []entry) bool {
	u, isUntyped := obj.(*unstructured.Unstructured)
	if !isUntyped {
		access, err := meta.Accessor(obj)
		if err != nil {
			return false
		}
		access.SetManagedFields(typedEntries(entries))
		return true
	}
	metadata, ok := u.Object["metadata"].(map[string]any)
	if !ok {
		return false
	}
	list, ok := untypedEntries(entries)
	if ok && len(list) > 0 {
		metadata["managedFields"] = list
	} else if ok {
		delete(metadata, "managedFields")
	}
	return ok
}
