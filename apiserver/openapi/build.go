package openapi

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// build makes a document.
type build struct {
	*types
	custom map[schema.GroupVersionKind]Schema
	cbor   bool
	paths  object
	// shared are the parameters that operations refer to, by name; refs are the
	// references by what they stand for. Only v2 has such.
	shared object
	refs   map[any]object
}

func (s *Server) newBuild(f flavour) *build {
	return &build{types: newTypes(f), custom: s.custom, cbor: s.cbor, paths: object{}, shared: object{}, refs: map[any]object{}}
}

// versions adds the resources of group versions. all are the group versions in
// which the kinds that each has are told.
func (b *build) versions(s *Server, versions, all []schema.GroupVersion) {
	ways := newWays()
	var ops []operation
	for _, gv := range versions {
		published := false
		for _, v := range versionsOf(gv, s.resources) {
			published = published || !v.custom
			ops = append(ops, v.operations(s.actions, ways)...)
			b.models(v)
		}
		if published {
			ops = append(ops, listResources(gv))
		}
	}
	b.operations(ops)
	for _, t := range []reflect.Type{deleteOptions, watchEvent} {
		for _, gv := range all {
			b.mark(t, gv.WithKind(t.Name()))
		}
	}
}

// models defines what a resource consists of.
func (b *build) models(v version) {
	for _, m := range []model{v.object, v.list} {
		if m.goType == nil {
			continue
		}
		kind := v.kind
		if m == v.list {
			kind.Kind = m.goType.Name()
		}
		b.ref(m.goType)
		b.mark(m.goType, kind)
	}
}

// operations renders operations and adds them to the paths.
func (b *build) operations(all []operation) {
	byPath := map[string][]operation{}
	for _, op := range all {
		byPath[op.path] = append(byPath[op.path], op)
	}
	for _, path := range slices.Sorted(maps.Keys(byPath)) {
		ops := byPath[path]
		lists := make([][]parameter, len(ops))
		for i := range ops {
			lists[i] = slices.Clone(ops[i].parameters)
		}
		item := object{}
		if common := arrange(lists); len(common) > 0 {
			item["parameters"] = b.parameters(common)
		}
		for i, op := range ops {
			op.parameters = lists[i]
			item[op.method] = b.operation(op)
		}
		b.paths[path] = item
	}
	for _, t := range []reflect.Type{apiVersions, groupList, apiGroup, resourceList, status} {
		b.mark(t, schema.GroupVersionKind{Version: "v1", Kind: t.Name()})
	}
}

func (b *build) operation(op operation) object {
	out := object{"operationId": op.id, "tags": []string{op.tag}}
	if op.description != "" {
		out["description"] = op.description
	}
	if op.action != "" {
		out["x-kubernetes-action"], out[kindsKey] = op.action, kindObject(op.kind)
	}
	if t := op.answer.goType; t != nil && t.Name() == op.kind.Kind {
		defer b.mark(t, op.kind)
	}
	if b.flavour == v2 {
		b.renderV2(op, out)
	} else {
		b.renderV3(op, out)
	}
	return out
}

var codeTexts = map[string]string{"200": "OK", "201": "Created", "202": "Accepted"}

func (b *build) renderV2(op operation, out object) {
	parameters := b.parameters(op.parameters)
	if !op.body.none() {
		parameters = append([]object{b.body(op)}, parameters...)
	}
	if len(parameters) > 0 {
		out["parameters"] = parameters
	}
	consumes, produces := b.mediaOf(op)
	if len(consumes) > 0 {
		out["consumes"] = consumes
	}
	if len(produces) > 0 {
		out["produces"] = produces
	}
	out["schemes"] = []string{"https"}
	responses := object{"401": object{"description": "Unauthorized"}}
	for _, code := range op.codes {
		responses[code] = object{"description": codeTexts[code], "schema": b.schemaOf(op.answer)}
	}
	out["responses"] = responses
}

func (b *build) renderV3(op operation, out object) {
	consumes, produces := b.mediaOf(op)
	if !op.body.none() {
		body := object{"content": content(consumes, b.schemaOf(op.body))}
		if op.method != "delete" {
			body["required"] = true
		}
		out["requestBody"] = body
	}
	if len(op.parameters) > 0 {
		out["parameters"] = b.parameters(op.parameters)
	}
	responses := object{"401": object{"description": "Unauthorized"}}
	for _, code := range op.codes {
		responses[code] = object{"description": codeTexts[code], "content": content(produces, b.schemaOf(op.answer))}
	}
	out["responses"] = responses
}

func content(media []string, schema object) object {
	out := object{}
	for _, m := range media {
		out[m] = object{"schema": schema}
	}
	return out
}

// kindsKey is where a definition tells which kinds it is.
const kindsKey = "x-kubernetes-group-version-kind"

// mark tells in a definition which kinds it is.
func (b *build) mark(t reflect.Type, kind schema.GroupVersionKind) {
	b.markName(modelName(t), kind)
}

func (b *build) markName(name string, kind schema.GroupVersionKind) {
	def, ok := b.defined[name]
	if !ok {
		return
	}
	have, _ := def[kindsKey].([]object)
	one := kindObject(kind)
	for _, h := range have {
		if reflect.DeepEqual(h, one) {
			return
		}
	}
	have = append(have, one)
	slices.SortFunc(have, func(a, b object) int {
		return cmp.Or(strings.Compare(a["group"].(string), b["group"].(string)), strings.Compare(a["version"].(string), b["version"].(string)), strings.Compare(a["kind"].(string), b["kind"].(string)))
	})
	def[kindsKey] = have
}

func kindObject(k schema.GroupVersionKind) object {
	return object{"group": k.Group, "version": k.Version, "kind": k.Kind}
}
