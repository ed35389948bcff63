package untyped

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	kjson "sigs.k8s.io/json"
)

var samples = []string{
	`{}`, `[]`, `null`, `true`, `"a"`, `0`, `-1`, `12345678901`, `1.5`, `1e3`, `-2.5E-3`, ` { "a" : [ 1 , "b" , null ] } `,
	`{"b":1,"a":{"d":[],"c":{}}}`, `"\u003c<>&\n\t\"\\"`, `"ä€😀"`, `"\ud83d\ude00"`, `"\ud83d"`, `"\u2028"`,
	`9223372036854775807`, `9223372036854775808`, `-0`, `01`, `1.`, `.5`, `1e`, `--1`, `+1`, `1 2`, `{"a":1,"a":2}`, `{"a":1,}`, `[1,]`,
	`{"a"}`, `{a:1}`, `"a`, `"\x"`, "\"\x01\"", "\"\xff\"", `tru`, `nul`, `{"a":1}}`, ``, ` `, `1e400`,
}

// check compares with the libraries that are in use otherwise.
func check(t *testing.T, text string) {
	var want any
	strict, err := kjson.UnmarshalStrict([]byte(text), &want)
	got, ok := Decode([]byte(text))
	if !ok {
		return // it is the library's then
	}
	if err != nil || len(strict) > 0 {
		t.Fatalf("%q was taken, but the library says %v %v", text, err, strict)
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%q: got %#v, want %#v", text, got, want)
	}
	encoded, err := Append(nil, got)
	if err != nil {
		t.Fatal(err)
	}
	wanted, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if string(encoded) != string(wanted) {
		t.Fatalf("%q: encoded %s, want %s", text, encoded, wanted)
	}
	if !Equal(got, want) {
		t.Fatalf("%q does not equal itself", text)
	}
}

func TestAgainstTheLibraries(t *testing.T) {
	for _, s := range samples {
		check(t, s)
	}
	for _, plain := range samples[:16] {
		if _, ok := Decode([]byte(plain)); !ok {
			t.Errorf("%s is plain and was not taken", plain)
		}
	}
	if _, ok := Decode([]byte(strings.Repeat("[", 1000) + strings.Repeat("]", 1000))); ok {
		t.Error("what nests too deep was taken")
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range samples {
		f.Add(s)
	}
	f.Fuzz(check)
}

func TestEqual(t *testing.T) {
	for _, c := range []struct {
		a, b any
		want bool
	}{
		{map[string]any{"a": int64(1)}, map[string]any{"a": int64(1)}, true},
		{map[string]any{"a": int64(1)}, map[string]any{"a": float64(1)}, false},
		{map[string]any{"a": nil}, map[string]any{"b": nil}, false},
		{[]any{}, []any(nil), true},
		{[]any{"a"}, []any{"b"}, false},
		{nil, []any{}, false},
		{int32(1), int32(1), false},
	} {
		if got := Equal(c.a, c.b); got != c.want {
			t.Errorf("%#v and %#v: got %t", c.a, c.b, got)
		}
	}
}

func sample() []byte {
	return fmt.Appendf(nil, `{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"o","namespace":"default","uid":"f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
		"labels":{"app":"bench","group":"7"},"annotations":{"bench.example/seq":"1"},"generation":1},"spec":{"payload":%q,"list":[1,2,{"a":"b"}]}}`, strings.Repeat("x", 1024))
}

func BenchmarkDecode(b *testing.B) {
	data := sample()
	b.ReportAllocs()
	for b.Loop() {
		Decode(data)
	}
}

func BenchmarkAppend(b *testing.B) {
	v, _ := Decode(sample())
	b.ReportAllocs()
	var out []byte
	for b.Loop() {
		out, _ = Append(out[:0], v)
	}
}

// TestDecodeUnmanaged compares with what Decode reads, less the managedFields.
func TestDecodeUnmanaged(t *testing.T) {
	for _, text := range []string{
		`{"metadata":{"managedFields":[{"f:a":{"}":{}}}],"name":"a"},"managedFields":[1],"spec":{"managedFields":[{}],"metadata":{"managedFields":2}}}`,
		`{"kind":"K","metadata":{"labels":{"managedFields":"x"},"managedFields":[]},"spec":{"a":{"b":1},"managedFields":3}}`,
		`{"metadata":{"name":"a"}}`, `{}`, `{"metadata":5}`, `{"metadata":{"managedFields":"\"}"}}`,
	} {
		got, ok := DecodeUnmanaged([]byte(text))
		v, _ := Decode([]byte(text))
		want := v.(map[string]any)
		if metadata, is := want["metadata"].(map[string]any); is {
			delete(metadata, "managedFields")
		}
		if !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, %t", text, got, ok)
		}
	}
	for _, text := range []string{`{"metadata":{"managedFields":[}`, `{"metadata":{"managedFields":[]`, `[]`, `{"metadata":{"managedFields":`, ``} {
		if got, ok := DecodeUnmanaged([]byte(text)); ok {
			t.Errorf("%s: got %v", text, got)
		}
	}
}
