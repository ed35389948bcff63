package cache

import (
	"fmt"
	"reflect"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// equals tells whether two states are the same.
type equals func(a, b any) bool

// between tells where two states of an object part, which are not the same.
func (same equals) between(was, is runtime.Object) string {
	return same.below(reflect.ValueOf(was), reflect.ValueOf(is), "")
}

// below descends to the first place where was and is differ.
func (same equals) below(was, is reflect.Value, path string) string {
	if was.IsValid() && is.IsValid() && was.Type() == is.Type() && !whole(was) {
		switch was.Kind() {
		case reflect.Pointer, reflect.Interface:
			if !was.IsNil() && !is.IsNil() {
				return same.below(was.Elem(), is.Elem(), path)
			}
		case reflect.Struct:
			for i := range was.NumField() {
				if !same.values(was.Field(i), is.Field(i)) {
					return same.below(was.Field(i), is.Field(i), path+"."+was.Type().Field(i).Name)
				}
			}
		case reflect.Map:
			for _, from := range []reflect.Value{was, is} {
				for _, key := range from.MapKeys() {
					if !same.values(was.MapIndex(key), is.MapIndex(key)) {
						return same.below(was.MapIndex(key), is.MapIndex(key), fmt.Sprintf("%s[%q]", path, fmt.Sprint(key)))
					}
				}
			}
		case reflect.Slice:
			for i := range min(was.Len(), is.Len()) {
				if !same.values(was.Index(i), is.Index(i)) {
					return same.below(was.Index(i), is.Index(i), fmt.Sprintf("%s[%d]", path, i))
				}
			}
		}
	}
	return fmt.Sprintf("%s is %s and was %s", path, brief(is), brief(was))
}

// whole tells that a value is not looked into.
func whole(v reflect.Value) bool {
	switch v.Interface().(type) {
	case metav1.Time, metav1.MicroTime, resource.Quantity:
		return true
	}
	return false
}

func (same equals) values(a, b reflect.Value) bool {
	return a.IsValid() == b.IsValid() && same(a.Interface(), b.Interface())
}

// brief shows a value, or as much of it as one can look at.
func brief(v reflect.Value) string {
	if !v.IsValid() {
		return "not there"
	}
	text := fmt.Sprintf("%#v", v)
	if whole(v) {
		text = fmt.Sprint(v)
	}
	if len(text) > 300 {
		return text[:300] + "…"
	}
	return text
}

// difference shows where two pieces of bytes part, with what comes before and
// after.
func difference(was, is []byte) string {
	const before, after = 80, 200
	at := 0
	for at < min(len(was), len(is)) && was[at] == is[at] {
		at++
	}
	show := func(b []byte) []byte { return b[min(len(b), max(0, at-before)):min(len(b), at+after)] }
	return fmt.Sprintf("it is …%q… and was …%q…", show(is), show(was))
}
