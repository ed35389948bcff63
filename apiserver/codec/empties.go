package codec

import (
	"reflect"
	"strings"
)

// shownEmpty tells that a field is a list or a map that JSON shows also when there is
// nothing in it: as null if it is nil.
func shownEmpty(f reflect.StructField) bool {
	name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "" || name == "-" || strings.Contains(options, "omitempty") {
		return false
	}
	return f.Type.Kind() == reflect.Map || f.Type.Kind() == reflect.Slice && f.Type != bytesType
}

var bytesType = reflect.TypeFor[[]byte]()

func dropEmpty(v reflect.Value) {
	if v.Len() == 0 && !v.IsNil() {
		v.SetZero()
	}
}

// fillMap makes bytes that are nil empty: a map's values are always there.
func fillMap(v reflect.Value) {
	for _, key := range v.MapKeys() {
		if v.MapIndex(key).IsNil() {
			v.SetMapIndex(key, reflect.ValueOf([]byte{}).Convert(v.Type().Elem()))
		}
	}
}
