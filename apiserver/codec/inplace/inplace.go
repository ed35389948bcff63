// Package inplace changes objects with a Go type in place, by the names that their
// fields have in JSON. It knows the plain cases, which are nearly all: whoever gets
// false makes the object anew from its JSON.
package inplace

import (
	"encoding/json"
	"reflect"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/runtime"

	"minke/apiserver/codec/untyped"
)

// Step is one element of a path: the member of an object, or an item of a list.
type Step struct {
	Name string
	// Item tells that it is an item, At its index.
	Item bool
	At   int
}

// Put stores a value of JSON at a path in obj, a pointer to a struct. If it tells
// false, obj may be half changed.
func Put(obj any, path []Step, value any) bool {
	return put(reflect.ValueOf(obj).Elem(), path, value)
}

// Remove removes the entry at a path in obj, a pointer to a struct, from the map in
// which it is. It tells false for what is in no map.
func Remove(obj any, path []Step) bool {
	return remove(reflect.ValueOf(obj).Elem(), path)
}

func remove(v reflect.Value, path []Step) bool {
	for v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	if len(path) == 0 || path[0].Item || reflect.PointerTo(v.Type()).Implements(unmarshaler) {
		return false
	}
	switch v.Kind() {
	case reflect.Struct:
		at, ok := fieldsOf(v.Type())[path[0].Name]
		return ok && remove(v.FieldByIndex(at), path[1:])
	case reflect.Map:
		if len(path) > 1 || v.Type().Key().Kind() != reflect.String {
			return false
		}
		if !v.IsNil() {
			v.SetMapIndex(reflect.ValueOf(path[0].Name).Convert(v.Type().Key()), reflect.Value{})
		}
		return true
	}
	return false
}

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

// put stores value at a path below v, which can be set.
func put(v reflect.Value, steps []Step, value any) bool {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		return put(v.Elem(), steps, value)
	}
	if len(steps) == 0 {
		return assign(v, value)
	}
	if reflect.PointerTo(v.Type()).Implements(unmarshaler) {
		return false
	}
	s := &steps[0]
	switch v.Kind() {
	case reflect.Struct:
		at, ok := fieldsOf(v.Type())[s.Name]
		return ok && !s.Item && put(v.FieldByIndex(at), steps[1:], value)
	case reflect.Slice:
		return s.Item && s.At >= 0 && s.At < v.Len() && put(v.Index(s.At), steps[1:], value)
	case reflect.Map:
		return !s.Item && putKey(v, s.Name, steps[1:], value)
	}
	return false
}

func putKey(v reflect.Value, name string, rest []Step, value any) bool {
	if v.Type().Key().Kind() != reflect.String {
		return false
	}
	key := reflect.ValueOf(strings.Clone(name)).Convert(v.Type().Key())
	inner := reflect.New(v.Type().Elem()).Elem()
	if len(rest) > 0 {
		was := v.MapIndex(key)
		if !was.IsValid() {
			return false
		}
		inner.Set(was)
	}
	if !put(inner, rest, value) {
		return false
	}
	if v.IsNil() {
		v.Set(reflect.MakeMap(v.Type()))
	}
	v.SetMapIndex(key, inner)
	return true
}

// assign stores value, which is of JSON, in v.
func assign(v reflect.Value, value any) bool {
	if to, ok := v.Addr().Interface().(json.Unmarshaler); ok {
		v.SetZero()
		data, err := untyped.Append(nil, value)
		return err == nil && to.UnmarshalJSON(data) == nil
	}
	switch value := value.(type) {
	case string:
		if v.Kind() == reflect.String {
			v.SetString(strings.Clone(value))
			return true
		}
	case bool:
		if v.Kind() == reflect.Bool {
			v.SetBool(value)
			return true
		}
	case int64:
		if v.CanInt() && !v.OverflowInt(value) {
			v.SetInt(value)
			return true
		}
	case map[string]any:
		if v.Kind() == reflect.Map || v.Kind() == reflect.Struct {
			v.SetZero()
			return runtime.DefaultUnstructuredConverter.FromUnstructured(Owned(value).(map[string]any), v.Addr().Interface()) == nil
		}
	}
	return false
}

// Owned returns a copy whose strings hold no other text than their own.
func Owned(v any) any {
	switch v := v.(type) {
	case string:
		return strings.Clone(v)
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, inner := range v {
			out[strings.Clone(name)] = Owned(inner)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, inner := range v {
			out[i] = Owned(inner)
		}
		return out
	}
	return v
}

// byName caches fieldsOf, for the types of the API, which are not many.
var byName sync.Map // reflect.Type -> map[string][]int

// fieldsOf returns where the fields of a struct are by their names in JSON.
func fieldsOf(t reflect.Type) map[string][]int {
	if known, ok := byName.Load(t); ok {
		return known.(map[string][]int)
	}
	fields := map[string][]int{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-" || !f.IsExported():
		case name != "":
			fields[name] = f.Index
		case f.Type.Kind() == reflect.Struct && (f.Anonymous || strings.Contains(options, "inline")):
			for inner, at := range fieldsOf(f.Type) {
				if _, own := fields[inner]; !own {
					fields[inner] = append([]int{i}, at...)
				}
			}
		}
	}
	known, _ := byName.LoadOrStore(t, fields)
	return known.(map[string][]int)
}
