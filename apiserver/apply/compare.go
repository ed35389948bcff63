package apply

import (
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/schema"
)

// differ finds the fields in which two objects differ, as structured-merge-diff's
// Compare does. It knows the plain cases. Whatever else it meets makes it odd, and
// then the library decides.
type differ struct {
	merger // for its schema, its path, what is odd, and its checks
	// set are the fields that were added or altered, removed those that went.
	set, removed []fieldpath.Path
}

// side is a value in one of the two objects.
type side struct {
	v     any
	there bool
}

func (d *differ) note(in *[]fieldpath.Path) {
	if len(d.path) == 0 {
		return
	}
	path := make(fieldpath.Path, len(d.path))
	for i := range d.path {
		if s := &d.path[i]; s.item != nil {
			path[i] = *s.item
		} else {
			name := s.name
			path[i].FieldName = &name
		}
	}
	*in = append(*in, path)
}

// compare compares two values, of which one is there.
func (d *differ) compare(ref schema.TypeRef, was, now side) {
	atom, ok := d.schema.Resolve(ref)
	if !ok || d.odd || len(d.path) > maxDepth {
		d.odd = true
		return
	}
	null := was.there && was.v == nil || now.there && now.v == nil
	if null && kinds(atom) != 1 {
		d.odd = true
		return
	}
	if !null && was.there && now.there && !sameKind(was.v, now.v) {
		d.odd = true
		return
	}
	switch {
	case atom.Map != nil && (isMap(was.v) || isMap(now.v) || null && kinds(atom) == 1):
		d.compareMaps(atom.Map, ref, was, now)
	case atom.List != nil && (isList(was.v) || isList(now.v) || null && kinds(atom) == 1):
		d.compareLists(atom.List, ref, was, now)
	case atom.Scalar != nil && (was.v == nil || isScalar(*atom.Scalar, was.v)) && (now.v == nil || isScalar(*atom.Scalar, now.v)):
		d.compareLeaves(was, now)
	default:
		d.odd = true
	}
}

func isMap(v any) bool {
	_, ok := v.(map[string]any)
	return ok
}

func isList(v any) bool {
	_, ok := v.([]any)
	return ok
}

func sameKind(a, b any) bool { return isMap(a) == isMap(b) && isList(a) == isList(b) }

func (d *differ) compareLeaves(was, now side) {
	switch {
	case !now.there:
		d.note(&d.removed)
	case !was.there || !equal(was.v, now.v):
		d.note(&d.set)
	}
}

// fit tells whether both values fit the schema, where that is not certain.
func (d *differ) fit(ref schema.TypeRef, was, now side) bool {
	return d.own || (!was.there || d.valid(ref, was.v, true)) && (!now.there || d.valid(ref, now.v, true))
}

// branch notes that what has fields of its own was added or removed.
func (d *differ) branch(was, now side) {
	switch {
	case !was.there:
		d.note(&d.set)
	case !now.there:
		d.note(&d.removed)
	}
}

func (d *differ) compareMaps(t *schema.Map, ref schema.TypeRef, was, now side) {
	before, okWas := was.v.(map[string]any)
	after, okNow := now.v.(map[string]any)
	if was.v != nil && !okWas || now.v != nil && !okNow {
		d.odd = true
		return
	}
	if t.ElementRelationship == schema.Atomic || len(before) == 0 && len(after) == 0 {
		if !d.fit(ref, was, now) {
			d.odd = true
		}
		d.compareLeaves(was, now)
		return
	}
	member := func(name string, was, now side) {
		if len(d.path) == 1 && name == "managedFields" && d.path[0].name == "metadata" {
			return // they are taken out of both before
		}
		field, known := fieldType(t, name)
		if !known {
			d.odd = true
			return
		}
		d.push(step{name: name})
		d.compare(field, was, now)
		d.pop()
	}
	for name, v := range after {
		old, had := before[name]
		if member(name, side{old, had}, side{v, true}); d.odd {
			return
		}
	}
	for name, v := range before {
		if _, still := after[name]; !still {
			if member(name, side{v, true}, side{}); d.odd {
				return
			}
		}
	}
	d.branch(was, now)
}

func (d *differ) compareLists(t *schema.List, ref schema.TypeRef, was, now side) {
	before, okWas := was.v.([]any)
	after, okNow := now.v.([]any)
	if was.v != nil && !okWas || now.v != nil && !okNow {
		d.odd = true
		return
	}
	if t.ElementRelationship == schema.Atomic || len(before) == 0 && len(after) == 0 {
		if !d.fit(ref, was, now) {
			d.odd = true
		}
		d.compareLeaves(was, now)
		return
	}
	old, ok := index(d.schema, t, before)
	if !ok {
		d.odd = true
		return
	}
	all, ok := index(d.schema, t, after)
	if !ok {
		d.odd = true
		return
	}
	item := func(element *fieldpath.PathElement, was, now side) {
		d.push(step{item: element})
		d.compare(t.ElementType, was, now)
		d.pop()
	}
	for i, key := range all.keys {
		at, had := old.at[key]
		var v any
		if had {
			v = before[at]
		}
		if item(&all.elements[i], side{v, had}, side{after[i], true}); d.odd {
			return
		}
	}
	for i, key := range old.keys {
		if _, still := all.at[key]; !still {
			if item(&old.elements[i], side{before[i], true}, side{}); d.odd {
				return
			}
		}
	}
	d.branch(was, now)
}
