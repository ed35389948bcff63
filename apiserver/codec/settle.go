package codec

import (
	"reflect"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Encodings have a metav1.Time in whole seconds and a MicroTime in whole
// microseconds. An object that never was encoded has what a clock gave; settle
// takes away what others would not see. Nor does protobuf tell an empty list or map
// from none, which JSON does wherever a field is always shown (see empties.go).
func settle(obj runtime.Object) {
	v := reflect.ValueOf(obj)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return
	}
	if t := settlerOf(v.Type().Elem()); t != nil {
		t(v.Elem())
	}
}

// settler settles a value, which can be set.
type settler func(reflect.Value)

// settlers has what settles each type that was met, nil where there is nothing to do.
var settlers sync.Map // of reflect.Type to settler

func settlerOf(t reflect.Type) settler {
	if known, ok := settlers.Load(t); ok {
		return known.(settler)
	}
	found := findSettler(t, map[reflect.Type]bool{})
	settlers.Store(t, found)
	return found
}

// findSettler returns nil when there is nothing to settle in t. Within are the types
// that t is a part of: those that contain themselves, which JSONSchemaProps does, are
// left as they are.
func findSettler(t reflect.Type, within map[reflect.Type]bool) settler {
	if within[t] {
		return nil
	}
	within[t] = true
	defer delete(within, t)
	switch {
	case t == secondsType:
		return func(v reflect.Value) { cut(&v.Addr().Interface().(*metav1.Time).Time, time.Second) }
	case t == microsType:
		return func(v reflect.Value) { cut(&v.Addr().Interface().(*metav1.MicroTime).Time, time.Microsecond) }
	}
	switch t.Kind() {
	case reflect.Struct:
		return settlerOfFields(t, within)
	case reflect.Pointer:
		if t.Elem() == secondsType || t.Elem() == microsType {
			return cutPointer
		}
		if each := findSettler(t.Elem(), within); each != nil {
			return func(v reflect.Value) {
				if !v.IsNil() {
					each(v.Elem())
				}
			}
		}
	case reflect.Slice:
		if each := findSettler(t.Elem(), within); each != nil {
			return func(v reflect.Value) {
				for i := range v.Len() {
					each(v.Index(i))
				}
			}
		}
	case reflect.Map:
		switch t.Elem() {
		case secondsType: // as PodDisruptionBudgets have; no kind has others
			return cutMap
		case bytesType:
			return fillMap
		}
	}
	return nil
}

func settlerOfFields(t reflect.Type, within map[reflect.Type]bool) settler {
	type field struct {
		at   int
		each settler
	}
	var fields []field
	for i := range t.NumField() {
		if !t.Field(i).IsExported() {
			continue
		}
		if each := findSettler(t.Field(i).Type, within); each != nil {
			fields = append(fields, field{i, each})
		}
		if shownEmpty(t.Field(i)) {
			fields = append(fields, field{i, dropEmpty})
		}
	}
	if len(fields) == 0 {
		return nil
	}
	return func(v reflect.Value) {
		for _, f := range fields {
			f.each(v.Field(f.at))
		}
	}
}
