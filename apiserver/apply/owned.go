package apply

import (
	"maps"
	"slices"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/schema"
)

// unowned are the fields that nobody comes to own: those of TypeMeta, and those
// of the metadata that the server sets or that never change.
var unowned = map[string]bool{"apiVersion": true, "kind": true}

var unownedMeta = map[string]bool{
	"name": true, "namespace": true, "creationTimestamp": true, "selfLink": true, "uid": true,
	"clusterName": true, "generation": true, "managedFields": true, "resourceVersion": true,
}

// owner writes the FieldsV1 of a configuration: the fields that whoever applies
// it comes to own.
type owner struct {
	schema *schema.Schema
	reset  map[string]bool
	odd    bool
}

// fields returns the FieldsV1, {} when there are none, as the library writes it
// byte for byte. It tells false for a configuration that is not plain.
func (o *owner) fields(ref schema.TypeRef, conf map[string]any) (string, bool) {
	b := append(make([]byte, 0, 512), '{')
	b, _ = o.content(b, ref, conf, 0, false)
	return string(append(b, '}')), !o.odd
}

// content appends the members of what is owned below v, and tells whether v
// itself is what is owned.
func (o *owner) content(b []byte, ref schema.TypeRef, v any, depth int, inMeta bool) ([]byte, bool) {
	atom, ok := o.schema.Resolve(ref)
	if !ok || depth > maxDepth {
		o.odd = true
		return b, false
	}
	switch v := v.(type) {
	case map[string]any:
		switch {
		case atom.Map == nil:
			o.odd = true
		case atom.Map.ElementRelationship == schema.Atomic:
			return b, true
		default:
			return o.ofMap(b, atom.Map, v, depth, inMeta), false
		}
	case []any:
		switch {
		case atom.List == nil:
			o.odd = true
		case atom.List.ElementRelationship == schema.Atomic:
			return b, true
		default:
			return o.ofList(b, atom.List, v, depth), false
		}
	case nil:
		o.odd = true
	default:
		if atom.Scalar == nil {
			o.odd = true
		}
		return b, true
	}
	return b, false
}

func (o *owner) ofMap(b []byte, t *schema.Map, fields map[string]any, depth int, inMeta bool) []byte {
	var few [16]string
	names := slices.AppendSeq(few[:0], maps.Keys(fields))
	slices.Sort(names)
	first := true
	for _, name := range names {
		if depth == 0 && (unowned[name] || o.reset[name]) || inMeta && unownedMeta[name] {
			continue
		}
		inner := fields[name]
		field, known := t.FindField(name)
		ref := field.Type
		if !known {
			ref = t.ElementType
		}
		m, isMap := inner.(map[string]any)
		member := !known || isMap && len(m) == 0
		meta := depth == 0 && name == "metadata"
		if meta {
			member = false
		}
		start := len(b)
		if !first {
			b = append(b, ',')
		}
		b = append(b, '"', 'f', ':')
		if !plainKey(name) {
			o.odd = true
			return b
		}
		b = append(append(b, name...), '"', ':')
		var any bool
		if b, any = o.member(b, ref, inner, depth, meta, member); !any {
			b = b[:start]
			continue
		}
		first = false
	}
	return b
}

// member appends the value of a path element: what is owned of v. It tells
// whether that is anything.
func (o *owner) member(b []byte, ref schema.TypeRef, v any, depth int, meta, self bool) ([]byte, bool) {
	b = append(b, '{')
	start := len(b)
	if self {
		b = append(b, `".":{},`...)
	}
	from := len(b)
	b, leaf := o.content(b, ref, v, depth+1, meta)
	if len(b) == from {
		return append(b[:start], '}'), self || leaf && !meta
	}
	return append(b, '}'), true
}

func (o *owner) ofList(b []byte, t *schema.List, list []any, depth int) []byte {
	all, ok := index(o.schema, t, list)
	if !ok {
		o.odd = true
		return b
	}
	sorted := make([]int, len(list))
	for i := range sorted {
		sorted[i] = i
	}
	slices.SortFunc(sorted, func(x, y int) int { return all.elements[x].Compare(all.elements[y]) })
	for n, i := range sorted {
		name, err := fieldpath.SerializePathElement(all.elements[i])
		if err != nil {
			o.odd = true
			return b
		}
		if n > 0 {
			b = append(b, ',')
		}
		if b, ok = appendName(b, name); !ok {
			o.odd = true
			return b
		}
		b = append(b, ':')
		from := len(b)
		b, _ = o.member(b, t.ElementType, list[i], depth, false, true)
		if _, isMap := list[i].(map[string]any); isMap && len(b) == from+len("{}") && !o.atomic(t.ElementType) {
			// Such an item is its manager's and nothing in it is: when it is
			// applied again, the library takes it for one that is given up.
			o.odd = true
		}
	}
	return b
}

func (o *owner) atomic(ref schema.TypeRef) bool {
	atom, _ := o.schema.Resolve(ref)
	return atom.Map != nil && atom.Map.ElementRelationship == schema.Atomic
}

// appendName appends a path element as a JSON string, if it needs no escapes but
// for its quotes.
func appendName(b []byte, name string) ([]byte, bool) {
	b = append(b, '"')
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c == '"':
			b = append(b, '\\', '"')
		case c < ' ', c >= 0x7f, c == '\\', c == '<', c == '>', c == '&':
			return b, false
		default:
			b = append(b, c)
		}
	}
	return append(b, '"'), true
}

// plainKey tells whether a name stands for itself in a JSON string.
func plainKey(name string) bool {
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c < ' ', c >= 0x7f, c == '"', c == '\\', c == '<', c == '>', c == '&':
			return false
		}
	}
	return true
}
