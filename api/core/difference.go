package core

import (
	"bytes"
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"github.com/pmezard/go-difflib/difflib"
)

// mostLines bounds what is compared: the time may grow with the square of it.
const mostLines = 4000

// difference tells how a specification that may not change was changed, in the
// text that Kubernetes appends to its answer: a unified diff of both as JSON with
// the names and the order of Kubernetes' internal types. It is empty when there
// would be too much to compare.
func difference(old, now any) string {
	var texts [2][]string
	for i, v := range []any{old, now} {
		var w jsonWriter
		w.value(reflect.ValueOf(v))
		if texts[i] = difflib.SplitLines(w.String()); len(texts[i]) > mostLines {
			return ""
		}
	}
	text, err := difflib.GetUnifiedDiffString(difflib.UnifiedDiff{A: texts[0], B: texts[1], Context: 3})
	if err != nil {
		return "error generating diff: " + err.Error()
	}
	return text
}

// jsonWriter writes what json.MarshalIndent writes of types without tags.
type jsonWriter struct {
	bytes.Buffer
	depth int
}

func (w *jsonWriter) value(v reflect.Value) {
	for v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	switch {
	case v.Type().Implements(reflect.TypeFor[json.Marshaler]()), v.Type().Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		w.leaf(v)
	case v.Kind() == reflect.Struct:
		fields := fieldsOf(v)
		w.list('{', '}', len(fields), func(i int) {
			w.leaf(reflect.ValueOf(fields[i].name))
			w.WriteString(": ")
			w.value(fields[i].value)
		})
	case v.Kind() == reflect.Map && !v.IsNil():
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		w.list('{', '}', len(keys), func(i int) {
			w.leaf(keys[i])
			w.WriteString(": ")
			w.value(v.MapIndex(keys[i]))
		})
	case v.Kind() == reflect.Slice && !v.IsNil() && v.Type().Elem().Kind() != reflect.Uint8:
		w.list('[', ']', v.Len(), func(i int) { w.value(v.Index(i)) })
	default:
		w.leaf(v)
	}
}

// leaf writes what has no parts that are renamed.
func (w *jsonWriter) leaf(v reflect.Value) {
	text, err := json.Marshal(v.Interface())
	if err != nil {
		text, _ = json.Marshal(err.Error()) // a string always has a JSON form
	}
	w.Write(text)
}

func (w *jsonWriter) list(opening, closing byte, n int, item func(int)) {
	w.WriteByte(opening)
	w.depth++
	for i := range n {
		if i > 0 {
			w.WriteByte(',')
		}
		w.line()
		item(i)
	}
	if w.depth--; n > 0 {
		w.line()
	}
	w.WriteByte(closing)
}

func (w *jsonWriter) line() {
	w.WriteByte('\n')
	w.WriteString(strings.Repeat(" ", w.depth))
}
