package apply

import (
	"strconv"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/schema"
	"sigs.k8s.io/structured-merge-diff/v6/value"

	"minke/apiserver/codec/inplace"
)

// merger merges a configuration into an object in one walk over both, as
// structured-merge-diff's Merge and Compare do one after the other. It knows the
// plain cases. Whatever else it meets makes it odd, and then the library decides,
// which also words the errors.
type merger struct {
	schema *schema.Schema
	// own tells that the object was decoded for this walk alone, from a type
	// that fits the schema: it may be taken apart, and needs no check.
	own bool
	// paths tells that the changes are to be gathered.
	paths bool

	odd     bool
	differs bool
	// moved tells that lists have items at other places than before.
	moved   bool
	path    []step
	changes []change
}

// step is one element of a path: the field of a map, or an item of a list.
type step struct {
	name string
	// item is set for items; at is where the item stands in the object's list,
	// or -1.
	item *fieldpath.PathElement
	at   int
}

// change is a field that a configuration adds or alters.
type change struct {
	path  fieldpath.Path
	steps []inplace.Step
	value any
	// inner tells that the field is part of what another change adds.
	inner bool
}

func (m *merger) push(s step) { m.path = append(m.path, s) }
func (m *merger) pop()        { m.path = m.path[:len(m.path)-1] }

func (m *merger) fail() any {
	m.odd = true
	return nil
}

// changed notes that the field at hand is added or altered. The object as a
// whole is nobody's.
func (m *merger) changed(v any, inner bool) {
	m.differs = true
	if !m.paths || len(m.path) == 0 {
		return
	}
	c := change{path: make(fieldpath.Path, len(m.path)), steps: make([]inplace.Step, len(m.path)), value: v, inner: inner}
	for i := range m.path {
		from, to := &m.path[i], &c.steps[i]
		if *to = (inplace.Step{Name: from.name, Item: from.item != nil, At: from.at}); to.Item {
			c.path[i] = *from.item
		} else {
			c.path[i].FieldName = &to.Name
		}
	}
	m.changes = append(m.changes, c)
}

// merge returns live, if there is any, with conf merged into it. inner tells that
// what is above was not there before.
func (m *merger) merge(ref schema.TypeRef, live any, there bool, conf any, inner bool) any {
	atom, ok := m.schema.Resolve(ref)
	if !ok || m.odd || len(m.path) > maxDepth || there && live == nil && kinds(atom) != 1 {
		return m.fail()
	}
	switch conf := conf.(type) {
	case map[string]any:
		if atom.Map == nil {
			return m.fail()
		}
		return m.mergeMap(atom.Map, ref, live, there, conf, inner)
	case []any:
		if atom.List == nil {
			return m.fail()
		}
		return m.mergeList(atom.List, ref, live, there, conf, inner)
	case nil:
		return m.fail() // a null stands for any kind
	}
	if atom.Scalar == nil || !isScalar(*atom.Scalar, conf) || live != nil && !isScalar(*atom.Scalar, live) {
		return m.fail()
	}
	return m.leaf(live, there, conf, inner)
}

// maxDepth bounds how deep values nest here.
const maxDepth = 200

// kinds counts what a value of the type may be.
func kinds(a schema.Atom) (n int) {
	if a.Scalar != nil {
		n++
	}
	if a.List != nil {
		n++
	}
	if a.Map != nil {
		n++
	}
	return n
}

// leaf merges what has one owner as a whole.
func (m *merger) leaf(live any, there bool, conf any, inner bool) any {
	if !there || !equal(live, conf) {
		m.changed(conf, inner)
	}
	return conf
}

func (m *merger) mergeMap(t *schema.Map, ref schema.TypeRef, live any, there bool, conf map[string]any, inner bool) any {
	before, ok := live.(map[string]any)
	if live != nil && !ok {
		return m.fail()
	}
	if t.ElementRelationship == schema.Atomic || len(conf) == 0 && len(before) == 0 {
		if !m.valid(ref, conf, false) || live != nil && !m.own && !m.valid(ref, live, true) {
			return m.fail()
		}
		return m.leaf(live, there, copied(conf), inner)
	}
	out := before
	if !m.own || out == nil {
		out = make(map[string]any, max(len(before), len(conf))+1)
	}
	if !there { // so that what is added comes before its parts
		m.changed(out, inner)
	}
	for name, v := range conf {
		field, known := fieldType(t, name)
		if !known {
			return m.fail()
		}
		was, had := before[name]
		m.push(step{name: name})
		merged := m.merge(field, was, had, v, inner || !there)
		m.pop()
		if m.odd {
			return nil
		}
		out[name] = merged
	}
	if m.own {
		return out
	}
	for name, v := range before {
		if _, given := conf[name]; given || name == "managedFields" && len(m.path) == 1 && m.path[0].name == "metadata" {
			continue
		}
		field, known := fieldType(t, name)
		if !known {
			return m.fail()
		}
		if out[name] = m.keep(field, v); m.odd {
			return nil
		}
	}
	return out
}

func fieldType(t *schema.Map, name string) (schema.TypeRef, bool) {
	if f, ok := t.FindField(name); ok {
		return f.Type, true
	}
	return t.ElementType, t.ElementType != schema.TypeRef{}
}

// keep returns a copy of what only the object has.
func (m *merger) keep(ref schema.TypeRef, live any) any {
	if m.own {
		return live
	}
	if !m.valid(ref, live, true) {
		return m.fail()
	}
	return copied(live)
}

func (m *merger) mergeList(t *schema.List, ref schema.TypeRef, live any, there bool, conf []any, inner bool) any {
	before, ok := live.([]any)
	if live != nil && !ok {
		return m.fail()
	}
	if t.ElementRelationship == schema.Atomic || len(conf) == 0 && len(before) == 0 {
		if !m.valid(ref, conf, false) || live != nil && !m.own && !m.valid(ref, live, true) {
			return m.fail()
		}
		return m.leaf(live, there, copied(conf), inner)
	}
	theirs, ok := index(m.schema, t, before)
	if !ok {
		return m.fail()
	}
	ours, ok := index(m.schema, t, conf)
	if !ok {
		return m.fail()
	}
	out := make([]any, 0, max(len(before), len(conf)))
	if !there {
		m.changed(out, inner) // the value is not asked for: its items tell that they moved
	}
	last := -1
	for _, p := range order(theirs, ours) {
		var item any
		switch {
		case p.conf < 0:
			item = m.keep(t.ElementType, before[p.live])
		default:
			s := step{item: &ours.elements[p.conf], at: p.live}
			var was any
			if p.live >= 0 {
				was = before[p.live]
			}
			m.push(s)
			item = m.merge(t.ElementType, was, p.live >= 0, conf[p.conf], inner || !there)
			m.pop()
		}
		if m.odd {
			return nil
		}
		switch {
		case p.live < 0:
			m.moved = true
		case p.live < last:
			m.moved, m.differs = true, true
		}
		last = max(last, p.live)
		out = append(out, item)
	}
	return out
}

// items are a list's items by what tells them apart.
type items struct {
	elements []fieldpath.PathElement
	keys     []string
	at       map[string]int
}

// index tells false for lists in which an item occurs twice, and for items that
// cannot be told apart here.
func index(s *schema.Schema, t *schema.List, list []any) (items, bool) {
	if t.ElementRelationship != schema.Associative {
		return items{}, false
	}
	all := items{elements: make([]fieldpath.PathElement, len(list)), keys: make([]string, len(list)), at: make(map[string]int, len(list))}
	var defaults *schema.Map
	if len(t.Keys) > 0 {
		atom, ok := s.Resolve(t.ElementType)
		if !ok || atom.Map == nil {
			return items{}, false
		}
		defaults = atom.Map
	}
	var text []byte
	for i, item := range list {
		var ok bool
		if all.elements[i], text, ok = element(t, defaults, item, text[:0]); !ok {
			return items{}, false
		}
		all.keys[i] = string(text)
		if _, twice := all.at[all.keys[i]]; twice {
			return items{}, false
		}
		all.at[all.keys[i]] = i
	}
	return all, true
}

// element returns what tells an item of a list apart, and its text.
func element(t *schema.List, of *schema.Map, item any, text []byte) (fieldpath.PathElement, []byte, bool) {
	if len(t.Keys) == 0 {
		text, ok := appendScalar(text, item)
		if !ok {
			return fieldpath.PathElement{}, nil, false
		}
		v := value.NewValueInterface(item)
		return fieldpath.PathElement{Value: &v}, text, true
	}
	fields, ok := item.(map[string]any)
	if !ok {
		return fieldpath.PathElement{}, nil, false
	}
	list := make(value.FieldList, 0, len(t.Keys))
	for _, name := range t.Keys {
		v, given := fields[name]
		if !given {
			field, _ := of.FindField(name)
			if v = field.Default; v == nil {
				continue
			}
		}
		if text, ok = appendScalar(append(append(text, name...), '='), v); !ok {
			return fieldpath.PathElement{}, nil, false
		}
		list = append(list, value.Field{Name: name, Value: value.NewValueInterface(v)})
	}
	if len(list) == 0 {
		return fieldpath.PathElement{}, nil, false
	}
	list.Sort()
	return fieldpath.PathElement{Key: &list}, text, true
}

// appendScalar appends a text that is another for each value. Floats it leaves
// alone, as they may equal whole numbers.
func appendScalar(b []byte, v any) ([]byte, bool) {
	switch v := v.(type) {
	case string:
		return strconv.AppendQuote(b, v), true
	case int64:
		return append(strconv.AppendInt(b, v, 10), ';'), true
	case int: // a default of the schema
		return append(strconv.AppendInt(b, int64(v), 10), ';'), true
	case bool:
		return strconv.AppendBool(b, v), true
	}
	return nil, false
}

// pair is an item of a merged list: where it stands in the object's list and in
// the configuration's; -1 for not at all.
type pair struct{ live, conf int }

// order returns the items of a merged list in their order: that of the
// configuration, with the object's other items where they stood between them.
func order(live, conf items) []pair {
	out := make([]pair, 0, max(len(live.keys), len(conf.keys)))
	find := func(in items, key string) int {
		if i, ok := in.at[key]; ok {
			return i
		}
		return -1
	}
	// shared are the items that both have, in the configuration's order.
	shared := make([]string, 0, len(conf.keys))
	for _, key := range conf.keys {
		if find(live, key) >= 0 {
			shared = append(shared, key)
		}
	}
	next := func() {
		if len(shared) > 0 {
			shared = shared[1:]
		}
	}
	done := make([]bool, len(conf.keys))
	for l, c := 0, 0; l < len(live.keys) || c < len(conf.keys); {
		if l < len(live.keys) && c < len(conf.keys) {
			key := live.keys[l]
			if key == conf.keys[c] {
				out = append(out, pair{l, c})
				done[c] = true
				l, c = l+1, c+1
				next()
				continue
			}
			if find(conf, key) >= 0 && len(shared) > 0 && shared[0] != key {
				l++ // it comes later, where the configuration has it
				continue
			}
		}
		if l < len(live.keys) {
			at := find(conf, live.keys[l])
			if at < 0 {
				out = append(out, pair{l, -1})
				l++
				continue
			}
			if done[at] {
				l++
			}
		}
		if c < len(conf.keys) {
			key := conf.keys[c]
			out = append(out, pair{find(live, key), c})
			done[c] = true
			c++
			if len(shared) > 0 && shared[0] == key {
				next()
			}
		}
	}
	return out
}
