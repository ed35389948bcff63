package openapi

import (
	_ "embed"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
)

// allFacts says of types what Kubernetes' documents tell and reflection does
// not: the markers in their source (+listType, +optional, +default and the
// like), and comments where a type has no SwaggerDoc method or another text
// there. It has a line for each type, its package and name, followed by one for
// each field: a tab, the field's JSON name ("-" for the type itself), and its
// facts as WORD or WORD=VALUE; a doc comes last, as in a Go string. It lies in
// the program as it is, which costs nothing until somebody asks for a document.
//
//go:embed facts.txt
var allFacts string

// fact is what is known of one field, or of a type itself.
type fact struct {
	// list is x-kubernetes-list-type, keys x-kubernetes-list-map-keys; mapping
	// is x-kubernetes-map-type.
	list, mapping string
	keys          []string
	// needed is "optional" or "required" where the tag says the contrary.
	needed string
	// value is what +default says, or nil.
	value any
	// union is the discriminator and the members, FIELD:Name, of a union.
	union string
	// doc is nil where SwaggerDoc is right.
	doc *string
}

// facts are facts by type, then by field.
type facts map[string]map[string]fact

// loadFacts reads the facts. Who asked for them forgets them again.
func loadFacts() facts {
	found := facts{}
	var fields map[string]fact
	for line := range strings.Lines(allFacts) {
		line = strings.TrimSuffix(line, "\n")
		entry, isField := strings.CutPrefix(line, "\t")
		if !isField {
			fields = map[string]fact{}
			found[line] = fields
			continue
		}
		name, rest, _ := strings.Cut(entry, " ")
		fields[name] = parseFact(rest)
	}
	return found
}

func parseFact(text string) fact {
	var f fact
	for text != "" {
		if quoted, ok := strings.CutPrefix(text, "doc="); ok {
			if doc, err := strconv.Unquote(`"` + quoted + `"`); err == nil { // a test holds that all can be
				f.doc = &doc
			}
			break
		}
		var word string
		word, text, _ = strings.Cut(text, " ")
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "list":
			f.list = value
		case "keys":
			f.keys = strings.Split(value, ",")
		case "map":
			f.mapping = value
		case "union":
			f.union = value
		case "default":
			if json.Unmarshal([]byte(value), &f.value) != nil {
				f.value = nil
			}
		default:
			f.needed = key
		}
	}
	return f
}

func (f facts) of(t reflect.Type) map[string]fact { return f[t.PkgPath()+"."+t.Name()] }

// extend adds the extensions that a fact tells to a schema.
func (f fact) extend(s object) {
	if f.list != "" {
		s["x-kubernetes-list-type"] = f.list
	}
	if len(f.keys) > 0 {
		s["x-kubernetes-list-map-keys"] = f.keys
	}
	if f.mapping != "" {
		s["x-kubernetes-map-type"] = f.mapping
	}
	if f.union != "" {
		discriminator, members, _ := strings.Cut(f.union, ";")
		by := object{}
		for member := range strings.SplitSeq(members, ",") {
			field, name, _ := strings.Cut(member, ":")
			by[field] = name
		}
		union := object{"fields-to-discriminateBy": by}
		if discriminator != "" {
			union["discriminator"] = discriminator
		}
		s["x-kubernetes-unions"] = []object{union}
	}
}
