package codec

import (
	"reflect"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Encodings have a metav1.Time in whole seconds and a MicroTime in whole
// microseconds. An object that never was encoded has what a clock gave; Settle
// takes away what others would not see. Nor does protobuf tell an empty list or map
// from none, which JSON does wherever a field is always shown (see empties.go).
func Settle(obj runtime.Object) {
	v := reflect.ValueOf(obj)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return
	}
	if t := timesOf(v.Type().Elem()); t != nil {
		t(v.Elem())
	}
}

// times settles a value, which can be set.
type times func(reflect.Value)

// coarse has what settles each type that was met, nil where there is nothing to do.
var coarse sync.Map // of reflect.Type to times

func timesOf(t reflect.Type) times {
	if known, ok := coarse.Load(t); ok {
		return known.(times)
	}
	found := findTimes(t, map[reflect.Type]bool{})
	coarse.Store(t, found)
	return found
}

var (
	secondsType = reflect.TypeFor[metav1.Time]()
	microsType  = reflect.TypeFor[metav1.MicroTime]()
)

// findTimes returns nil when there is nothing to settle in t. Within are the types
// that t is a part of: those that contain themselves, which JSONSchemaProps does, are
// left as they are.
func findTimes(t reflect.Type, within map[reflect.Type]bool) times {
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
		return timesOfFields(t, within)
	case reflect.Pointer:
		if t.Elem() == secondsType || t.Elem() == microsType {
			return cutPointer
		}
		if each := findTimes(t.Elem(), within); each != nil {
			return func(v reflect.Value) {
				if !v.IsNil() {
					each(v.Elem())
				}
			}
		}
	case reflect.Slice:
		if each := findTimes(t.Elem(), within); each != nil {
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

func timesOfFields(t reflect.Type, within map[reflect.Type]bool) times {
	type field struct {
		at   int
		each times
	}
	var fields []field
	for i := range t.NumField() {
		if !t.Field(i).IsExported() {
			continue
		}
		if each := findTimes(t.Field(i).Type, within); each != nil {
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

// cut writes only where there is something to cut: times may be shared with
// objects that are stored already.
func cut(t *time.Time, unit time.Duration) {
	if fine(*t, unit) {
		*t = t.Truncate(unit)
	}
}

func fine(t time.Time, unit time.Duration) bool { return t.Nanosecond()%int(unit) != 0 }

// cutPointer makes another time, since whoever wrote the object may go on using
// this one.
func cutPointer(v reflect.Value) {
	switch t := v.Interface().(type) {
	case *metav1.Time:
		if t != nil && fine(t.Time, time.Second) {
			v.Set(reflect.ValueOf(&metav1.Time{Time: t.Truncate(time.Second)}))
		}
	case *metav1.MicroTime:
		if t != nil && fine(t.Time, time.Microsecond) {
			v.Set(reflect.ValueOf(&metav1.MicroTime{Time: t.Truncate(time.Microsecond)}))
		}
	}
}

func cutMap(v reflect.Value) {
	for _, key := range v.MapKeys() {
		if t := v.MapIndex(key).Interface().(metav1.Time); fine(t.Time, time.Second) {
			v.SetMapIndex(key, reflect.ValueOf(metav1.Time{Time: t.Truncate(time.Second)}))
		}
	}
}
