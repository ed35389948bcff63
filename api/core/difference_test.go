package core

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// TestJSONWriter: what has no tags and no embedded fields is written as
// encoding/json writes it.
func TestJSONWriter(t *testing.T) {
	one := "1"
	for name, v := range map[string]any{
		"struct": struct {
			A, B *string
			C    []int
			D    map[string][]string
			E    []byte
			F    map[string]int
			G    []struct{}
			H    struct{}
			I    any
			Q    resource.Quantity
		}{A: &one, C: []int{}, D: map[string][]string{"b": {"<x>"}, "a": nil}, E: []byte("e"), G: []struct{}{{}}, Q: resource.MustParse("1Gi")},
		"nil list": []string(nil), "string": "x", "pointer": (*string)(nil),
	} {
		t.Run(name, func(t *testing.T) {
			if name == "struct" {
				v = reflect.ValueOf(v).Interface()
			}
			want, err := json.MarshalIndent(v, "", " ")
			if err != nil {
				t.Fatal(err)
			}
			var w jsonWriter
			w.value(reflect.ValueOf(v))
			if w.String() != string(want) {
				t.Errorf("got\n%s\nwant\n%s", w.String(), want)
			}
		})
	}
}

// TestInternalOrder: every name of the tables is a field, so that a spelling
// error does not show as a field in the wrong place.
func TestInternalOrder(t *testing.T) {
	for kind, names := range internalOrder {
		for name := range strings.FieldsSeq(names) {
			if _, ok := kind.FieldByName(name); !ok {
				t.Errorf("%s has no field %s", kind, name)
			}
		}
	}
	var w jsonWriter
	w.value(reflect.ValueOf(corev1.PodSpec{HostNetwork: true}))
	if want := " \"SecurityContext\": {\n  \"HostNetwork\": true,\n  \"HostPID\": false,\n"; !strings.Contains(w.String(), want) {
		t.Errorf("got %s", w.String())
	}
}

func TestDifferenceIsBounded(t *testing.T) {
	var many []string
	for i := range mostLines {
		many = append(many, fmt.Sprint(i))
	}
	if d := difference(many, many[:1]); d != "" {
		t.Errorf("got %d bytes", len(d))
	}
	if d := difference(many[:3], many[1:3]); d != "@@ -1,5 +1,4 @@\n [\n- \"0\",\n  \"1\",\n  \"2\"\n ]\n" {
		t.Errorf("got %q", d)
	}
}
