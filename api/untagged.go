package api

import (
	"encoding/json"
	"reflect"
)

// Untagged returns v, a struct, as errors show it: as a value of Kubernetes' internal
// type, whose fields have no names in JSON but their own, and are all shown.
func Untagged(v any) any {
	return untagged(reflect.ValueOf(v)).Interface()
}

var marshaler = reflect.TypeFor[json.Marshaler]()

// untaggedType is t without tags. Types that write themselves stay as they are.
func untaggedType(t reflect.Type) reflect.Type {
	if t.Implements(marshaler) || reflect.PointerTo(t).Implements(marshaler) {
		return t
	}
	switch t.Kind() {
	case reflect.Pointer:
		return reflect.PointerTo(untaggedType(t.Elem()))
	case reflect.Slice:
		return reflect.SliceOf(untaggedType(t.Elem()))
	case reflect.Struct:
		fields := make([]reflect.StructField, t.NumField())
		for i := range fields {
			f := t.Field(i)
			fields[i] = reflect.StructField{Name: f.Name, Type: untaggedType(f.Type)}
		}
		return reflect.StructOf(fields)
	}
	return t
}

func untagged(v reflect.Value) reflect.Value {
	t := untaggedType(v.Type())
	out := reflect.New(t).Elem()
	switch {
	case t == v.Type():
		return v
	case v.Kind() == reflect.Pointer && !v.IsNil():
		out.Set(reflect.New(t.Elem()))
		out.Elem().Set(untagged(v.Elem()))
	case v.Kind() == reflect.Slice && !v.IsNil():
		out.Set(reflect.MakeSlice(t, v.Len(), v.Len()))
		for i := range v.Len() {
			out.Index(i).Set(untagged(v.Index(i)))
		}
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			out.Field(i).Set(untagged(v.Field(i)))
		}
	}
	return out
}
