package openapi

import (
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
	"sigs.k8s.io/yaml"
)

// This file writes OpenAPI v2 in gnostic's protobuf (openapi.v2.Document), the
// parts of it that Minke's documents have. The numbers are those of
// OpenAPIv2.proto.

// message is a protobuf message under construction.
type message []byte

func (m *message) text(number protowire.Number, s string) {
	if s != "" {
		*m = protowire.AppendString(protowire.AppendTag(*m, number, protowire.BytesType), s)
	}
}

func (m *message) flag(number protowire.Number, v bool) {
	if v {
		*m = protowire.AppendVarint(protowire.AppendTag(*m, number, protowire.VarintType), 1)
	}
}

func (m *message) sub(number protowire.Number, s message) {
	*m = protowire.AppendBytes(protowire.AppendTag(*m, number, protowire.BytesType), s)
}

func (m *message) texts(number protowire.Number, list any) {
	items, _ := list.([]any)
	for _, item := range items {
		*m = protowire.AppendString(protowire.AppendTag(*m, number, protowire.BytesType), str(item))
	}
}

// each calls f with the members of an object in order of their names.
func each(v any, f func(name string, value object)) {
	o, _ := v.(object)
	for _, name := range slices.Sorted(maps.Keys(o)) {
		if member, ok := o[name].(object); ok {
			f(name, member)
		}
	}
}

func str(v any) string { s, _ := v.(string); return s }

func yes(v any) bool { b, _ := v.(bool); return b }

// pair is a NamedAny, NamedSchema and the like: name 1, value 2.
func pair(name string, value message) message {
	var m message
	m.text(1, name)
	m.sub(2, value)
	return m
}

func encodeDocument(doc object) message {
	var m, info, paths, definitions, parameters message
	m.text(1, str(doc["swagger"]))
	about, _ := doc["info"].(object)
	info.text(1, str(about["title"]))
	info.text(2, str(about["version"]))
	m.sub(2, info)
	each(doc["paths"], func(name string, item object) { paths.sub(2, pair(name, encodePath(item))) })
	m.sub(8, paths)
	each(doc["definitions"], func(name string, s object) { definitions.sub(1, pair(name, encodeSchema(s))) })
	m.sub(9, definitions)
	each(doc["parameters"], func(name string, p object) { parameters.sub(1, pair(name, encodeOne(p))) })
	m.sub(10, parameters)
	return m
}

var methods = map[string]protowire.Number{"get": 2, "put": 3, "post": 4, "delete": 5, "options": 6, "head": 7, "patch": 8}

func encodePath(item object) message {
	var m message
	for _, name := range slices.Sorted(maps.Keys(methods)) {
		if op, ok := item[name].(object); ok {
			m.sub(methods[name], encodeOperation(op))
		}
	}
	encodeParameters(&m, 9, item["parameters"])
	return m
}

func encodeOperation(op object) message {
	var m, responses message
	m.texts(1, op["tags"])
	m.text(3, str(op["description"]))
	m.text(5, str(op["operationId"]))
	m.texts(6, op["produces"])
	m.texts(7, op["consumes"])
	encodeParameters(&m, 8, op["parameters"])
	each(op["responses"], func(code string, r object) { responses.sub(1, pair(code, encodeResponse(r))) })
	m.sub(9, responses)
	m.texts(10, op["schemes"])
	encodeExtensions(&m, 13, op)
	return m
}

// encodeResponse wraps a Response in its ResponseValue.
func encodeResponse(r object) message {
	var value, m, item message
	m.text(1, str(r["description"]))
	if s, ok := r["schema"].(object); ok {
		item.sub(1, encodeSchema(s))
		m.sub(2, item)
	}
	value.sub(1, m)
	return value
}

func encodeParameters(m *message, number protowire.Number, list any) {
	items, _ := list.([]any)
	for _, p := range items {
		var item, ref message
		o, _ := p.(object)
		if at := str(o["$ref"]); at != "" {
			ref.text(1, at)
			item.sub(2, ref)
		} else {
			item.sub(1, encodeOne(o))
		}
		m.sub(number, item)
	}
}

// encodeOne writes a Parameter.
func encodeOne(o object) message {
	var kind message
	if str(o["in"]) == "body" {
		var body message
		body.text(2, "body")
		body.text(3, "body")
		body.flag(4, yes(o["required"]))
		if s, ok := o["schema"].(object); ok {
			body.sub(5, encodeSchema(s))
		}
		kind.sub(1, body)
	} else {
		kind.sub(2, encodeParameter(o))
	}
	return kind
}

// encodeParameter writes a NonBodyParameter: 3 for the query, 4 for the path.
func encodeParameter(p object) message {
	var m, sub message
	sub.flag(1, yes(p["required"]))
	sub.text(2, str(p["in"]))
	sub.text(3, str(p["description"]))
	sub.text(4, str(p["name"]))
	if str(p["in"]) == "path" {
		sub.text(5, str(p["type"]))
		sub.flag(18, yes(p["uniqueItems"]))
		m.sub(4, sub)
		return m
	}
	sub.text(6, str(p["type"]))
	sub.flag(20, yes(p["uniqueItems"]))
	m.sub(3, sub)
	return m
}

func encodeSchema(s object) message {
	var m message
	m.text(1, str(s["$ref"]))
	m.text(2, str(s["format"]))
	m.text(4, str(s["description"]))
	m.texts(19, s["required"])
	if of, ok := s["additionalProperties"].(object); ok {
		var item message
		item.sub(1, encodeSchema(of))
		m.sub(21, item)
	}
	if kind := str(s["type"]); kind != "" {
		var item message
		item.text(1, kind)
		m.sub(22, item)
	}
	if of, ok := s["items"].(object); ok {
		var item message
		item.sub(1, encodeSchema(of))
		m.sub(23, item)
	}
	if properties, ok := s["properties"].(object); ok {
		var all message
		each(properties, func(name string, p object) { all.sub(1, pair(name, encodeSchema(p))) })
		m.sub(25, all)
	}
	encodeExtensions(&m, 31, s)
	return m
}

// words are what most extensions are, which need no quotes in YAML.
var words = map[string]bool{
	"get": true, "list": true, "watch": true, "watchlist": true, "post": true, "put": true, "patch": true, "delete": true, "deletecollection": true, "connect": true,
	"atomic": true, "set": true, "map": true, "merge": true, "name": true, "type": true,
}

// encodeExtensions writes what begins with "x-" as YAML.
func encodeExtensions(m *message, number protowire.Number, o object) {
	for _, name := range slices.Sorted(maps.Keys(o)) {
		if !strings.HasPrefix(name, "x-") {
			continue
		}
		var value message
		if word, ok := o[name].(string); ok && words[word] {
			value.text(2, word+"\n")
		} else if text, err := yaml.Marshal(o[name]); err == nil {
			value.text(2, string(text))
		}
		m.sub(number, pair(name, value))
	}
}
