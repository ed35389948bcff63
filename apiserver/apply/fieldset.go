package apply

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"sync"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/schema"
	"sigs.k8s.io/structured-merge-diff/v6/typed"
	"sigs.k8s.io/structured-merge-diff/v6/value"

	"minke/apiserver/codec/untyped"
)

// fieldSet is what an entry of managedFields says, read. It is shared and never
// changed.
type fieldSet struct {
	set *fieldpath.Set
	// text is the FieldsV1 as the library writes it.
	text string
	// plain tells that the set fits the schema as it is now.
	plain bool

	once sync.Once
	tree any // text, decoded, for objects without a Go type

	mu sync.Mutex // guards what follows
	// lost and less are what without was last asked for, and its answer: one
	// change is often made to many objects.
	lost string
	less *fieldSet
}

// decoded returns the text as a value, which is shared; nil if it cannot be read.
func (f *fieldSet) decoded() any {
	f.once.Do(func() { f.tree, _ = untyped.Decode([]byte(f.text)) })
	return f.tree
}

// without returns the set less some paths; nil if it cannot be written.
func (f *fieldSet) without(in *fieldSets, paths []fieldpath.Path) *fieldSet {
	var name []byte
	for _, path := range paths {
		name = append(appendPath(name, path), '\n')
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.less != nil && f.lost == string(name) {
		return f.less
	}
	text, err := f.set.Difference(fieldpath.NewSet(paths...)).ToJSON()
	if err != nil {
		return nil
	}
	f.lost, f.less = string(name), in.read(string(text))
	return f.less
}

func appendPath(b []byte, path fieldpath.Path) []byte {
	for i := range path {
		if name := path[i].FieldName; name != nil {
			b = append(strconv.AppendQuote(b, *name), '.')
		} else {
			b = append(append(b, path[i].String()...), '.')
		}
	}
	return b
}

// A setsBound bounds the texts of one generation of field sets of a kind, in
// bytes; the sets take some ten times as much. There are two generations.
const setsBound = 32 << 10

// fieldSets are the field sets of a kind's objects by their texts: nearly all
// objects have the same few. What is not asked for is forgotten.
type fieldSets struct {
	schema *schema.Schema
	ref    schema.TypeRef
	// keyless tells that objects that fit their Go type may still not fit the
	// schema: a list's items may lack all that tells them apart.
	keyless bool

	mu         sync.Mutex // guards what follows
	young, old map[string]*fieldSet
	size       int
}

func newFieldSets(s *schema.Schema, ref schema.TypeRef) *fieldSets {
	return &fieldSets{schema: s, ref: ref, keyless: keyless(s, ref, map[string]bool{})}
}

// keyless tells whether values of the type may have lists whose items' keys are
// all left out, and have no default.
func keyless(s *schema.Schema, ref schema.TypeRef, seen map[string]bool) bool {
	if ref.NamedType != nil {
		if seen[*ref.NamedType] {
			return false
		}
		seen[*ref.NamedType] = true
	}
	atom, _ := s.Resolve(ref)
	if t := atom.List; t != nil {
		of, _ := s.Resolve(t.ElementType)
		if len(t.Keys) > 0 && of.Map != nil && !slices.ContainsFunc(t.Keys, func(key string) bool {
			f, _ := of.Map.FindField(key)
			return f.Default != nil
		}) {
			return true
		}
		if keyless(s, t.ElementType, seen) {
			return true
		}
	}
	if t := atom.Map; t != nil {
		for i := range t.Fields {
			if keyless(s, t.Fields[i].Type, seen) {
				return true
			}
		}
		return keyless(s, t.ElementType, seen)
	}
	return false
}

// read returns the set that a text says; nil if it says none.
func (s *fieldSets) read(text string) *fieldSet {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.young[text]; f != nil {
		return f
	}
	return s.take(text)
}

// readBytes is read.
func (s *fieldSets) readBytes(text []byte) *fieldSet {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.young[string(text)]; f != nil {
		return f
	}
	return s.take(string(text))
}

// take makes a set one of the young ones; mu is held.
func (s *fieldSets) take(text string) *fieldSet {
	f := s.old[text]
	if f == nil {
		if f = s.parsed(text); f == nil {
			return nil
		}
	}
	if s.size += len(text); s.young == nil || s.size > setsBound {
		s.young, s.old, s.size = map[string]*fieldSet{}, s.young, len(text)
	}
	s.young[strings.Clone(text)] = f
	return f
}

func (s *fieldSets) parsed(text string) *fieldSet {
	f := &fieldSet{set: &fieldpath.Set{}}
	if err := f.set.FromJSON(strings.NewReader(text)); err != nil {
		return nil
	}
	normal, err := f.set.ToJSON()
	if err != nil {
		return nil
	}
	f.text = string(bytes.TrimSpace(normal))
	reconciled, err := typed.ReconcileFieldSetWithSchema(f.set, typed.AsTypedUnvalidated(value.NewValueInterface(nil), s.schema, s.ref))
	f.plain = err == nil && reconciled == nil
	return f
}
