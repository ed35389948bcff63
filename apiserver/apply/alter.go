package apply

import (
	"encoding/json"
	"reflect"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/runtime"

	"minke/apiserver/codec/untyped"
)

// alter makes changes to an object with a Go type, in place. It tells false, and
// leaves the object half changed, when that is not so simple.
func alter(obj runtime.Object, changes []change) bool {
	for i := range changes {
		if c := &changes[i]; !c.inner && !put(reflect.ValueOf(obj).Elem(), c.steps, c.value) {
			return false
		}
	}
	return true
}

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

// put stores value at a path below v, which can be set.
func put(v reflect.Value, steps []step, value any) bool {
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
		at, ok := fieldsOf(v.Type())[s.name]
		return ok && s.item == nil && put(v.FieldByIndex(at), steps[1:], value)
	case reflect.Slice:
		return s.item != nil && s.at >= 0 && s.at < v.Len() && put(v.Index(s.at), steps[1:], value)
	case reflect.Map:
		return s.item == nil && putKey(v, s.name, steps[1:], value)
	}
	return false
}

func putKey(v reflect.Value, name string, rest []step, value any) bool {
	if v.Type().Key().Kind() != reflect.String {
		return false
	}
	key := reflect.ValueOf(strings.Clone(name)).Convert(v.Type().Key())
	inner := reflect.New(v.Type().Elem()).Elem()
	if was := v.MapIndex(key); was.IsValid() && len(rest) > 0 {
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
			return runtime.DefaultUnstructuredConverter.FromUnstructured(owned(value).(map[string]any), v.Addr().Interface()) == nil
		}
	}
	return false
}

// owned returns a copy whose strings hold no other text than their own.
func owned(v any) any {
	switch v := v.(type) {
	case string:
		return strings.Clone(v)
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, inner := range v {
			out[strings.Clone(name)] = owned(inner)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, inner := range v {
			out[i] = owned(inner)
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
