// Package untagged writes API objects as JSON with the names of their Go fields.
// Kubernetes validates its internal types, which have no tags, so that errors of
// it show values, and what differs between two of them, in this form.
package untagged

import (
	"bytes"
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Value is a value that encoding/json writes in the form of this package.
type Value struct{ v any }

// Of returns value in the form of this package, if its type, or that of its
// elements, is of an API and has another one.
func Of(value any) (Value, bool) {
	t := reflect.TypeOf(value)
	for t != nil && (t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map) {
		t = t.Elem()
	}
	if t == nil || t.Kind() != reflect.Struct || !internal(t) || !strings.HasPrefix(t.PkgPath(), "k8s.io/api/") {
		return Value{}, false
	}
	return Value{value}, true
}

// MarshalJSON implements json.Marshaler.
func (v Value) MarshalJSON() ([]byte, error) {
	var w writer
	if err := w.value(reflect.ValueOf(v.v)); err != nil {
		return nil, err
	}
	return w.Bytes(), nil
}

// Indented returns v in the form of this package, one space of indentation for
// each level.
func Indented(v any) (string, error) {
	text, err := Value{v}.MarshalJSON()
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	err = json.Indent(&out, text, "", " ")
	return out.String(), err
}

// internal tells whether t is a struct that Kubernetes has without tags. Those of
// apimachinery are the same everywhere.
func internal(t reflect.Type) bool {
	path := t.PkgPath()
	return !strings.HasPrefix(path, "k8s.io/apimachinery/") && path != "time" && !marshals(t)
}

func marshals(t reflect.Type) bool {
	return t.Implements(reflect.TypeFor[json.Marshaler]()) || t.Implements(reflect.TypeFor[encoding.TextMarshaler]())
}

type writer struct{ bytes.Buffer }

func (w *writer) value(v reflect.Value) error {
	for v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	if !v.IsValid() {
		w.WriteString("null")
		return nil
	}
	switch {
	case v.Kind() == reflect.Struct && internal(v.Type()):
		w.WriteByte('{')
		if err := w.fields(v, true); err != nil {
			return err
		}
		w.WriteByte('}')
	case v.Kind() == reflect.Map && !v.IsNil() && !marshals(v.Type()):
		return w.entries(v)
	case v.Kind() == reflect.Slice && !v.IsNil() && v.Type().Elem().Kind() != reflect.Uint8 && !marshals(v.Type()):
		w.WriteByte('[')
		for i := range v.Len() {
			w.comma(i == 0)
			if err := w.value(v.Index(i)); err != nil {
				return err
			}
		}
		w.WriteByte(']')
	default:
		return w.leaf(v)
	}
	return nil
}

func (w *writer) entries(v reflect.Value) error {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	w.WriteByte('{')
	for i, key := range keys {
		w.comma(i == 0)
		if err := w.leaf(key); err != nil {
			return err
		}
		w.WriteByte(':')
		if err := w.value(v.MapIndex(key)); err != nil {
			return err
		}
	}
	w.WriteByte('}')
	return nil
}

// fields writes the fields of a struct; those of embedded ones are its own. A
// type of kind and version is left out, as internal objects have none.
func (w *writer) fields(v reflect.Value, first bool) error {
	for _, i := range order(v.Type()) {
		f := v.Type().Field(i)
		size := w.Len()
		var err error
		switch {
		case !f.IsExported() && !f.Anonymous, f.Type == reflect.TypeFor[metav1.TypeMeta]():
			continue
		case f.Anonymous && f.Type.Kind() == reflect.Struct && internal(f.Type):
			err = w.embedded(first, func() error { return w.fields(v.Field(i), true) })
		case f.Anonymous && f.Type.Kind() == reflect.Struct:
			err = w.embedded(first, func() error { return w.members(v.Field(i)) })
		default:
			w.comma(first)
			w.WriteByte('"')
			w.WriteString(f.Name)
			w.WriteString(`":`)
			err = w.value(v.Field(i))
		}
		if err != nil {
			return err
		}
		first = first && w.Len() == size
	}
	return nil
}

// embedded writes a comma before what write writes, if that is anything.
func (w *writer) embedded(first bool, write func() error) error {
	before := w.Len()
	w.comma(first)
	begin := w.Len()
	err := write()
	if w.Len() == begin {
		w.Truncate(before)
	}
	return err
}

// members writes what a type with tags has within its braces.
func (w *writer) members(v reflect.Value) error {
	text, err := json.Marshal(v.Interface())
	w.Write(bytes.TrimSuffix(bytes.TrimPrefix(text, []byte("{")), []byte("}")))
	return err
}

func (w *writer) leaf(v reflect.Value) error {
	text, err := json.Marshal(v.Interface())
	w.Write(text)
	return err
}

func (w *writer) comma(first bool) {
	if !first {
		w.WriteByte(',')
	}
}

// order is the order of a struct's fields in the internal type, which is the
// versioned one's but for what came late to it.
func order(t reflect.Type) []int {
	all := make([]int, t.NumField())
	for i := range all {
		all[i] = i
	}
	if containerFirst[t] {
		return []int{0, 2, 1}
	}
	return all
}

// containerFirst are types of three fields: a name, a target and a container,
// which the internal ones name before the target.
var containerFirst = map[reflect.Type]bool{
	reflect.TypeFor[autoscalingv2.ContainerResourceMetricSource](): true,
	reflect.TypeFor[autoscalingv2.ContainerResourceMetricStatus](): true,
}
