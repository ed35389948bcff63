package untyped

import (
	"encoding/json"
	"reflect"
	"testing"
)

var texts = []string{
	`{"apiVersion":"v1","data":{"metadata":{"labels":{"a":"wrong"},"uid":"x"}},"kind":"K","metadata":{"annotations":{"uid\"":"\\\"}"},"labels":{"a":"b","c\"d":"e\u003c"},"name":"n","uid":"u"},"spec":{"list":[1,{"a":"]"},null],"z":true}}`,
	`{"metadata":{"name":"n","uid":"u"}}`,
	`{"metadata":{"generation":1,"labels":{},"selfLink":"s"},"status":5}`,
	`{"metadata":{"name":"n"}}`,
	`{"metadata":{"name":"n","resourceVersion":"5","uid":"u"}}`,
	`{"metadata":"uid"}`, `{"metadata":{}}`, `{}`, `[]`, ``,
}

// TestVersionSpot puts a version into texts and reads them.
func TestVersionSpot(t *testing.T) {
	wants := []bool{true, true, true, false, false, false, false, false, false, false}
	for i, text := range texts {
		at := VersionSpot([]byte(text))
		if (at > 0) != wants[i] {
			t.Errorf("%s: a place at %d", text, at)
		}
		if at == 0 {
			continue
		}
		var got, want map[string]any
		if err := json.Unmarshal([]byte(text[:at]+`"resourceVersion":"7",`+text[at:]), &got); err != nil {
			t.Fatalf("%s at %d: %v", text, at, err)
		}
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatal(err)
		}
		want["metadata"].(map[string]any)["resourceVersion"] = "7"
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v", text, got)
		}
		if whole, err := Append(nil, want); err != nil || string(whole) != text[:at]+`"resourceVersion":"7",`+text[at:] {
			t.Errorf("%s: it is written %s", text, whole)
		}
	}
}

func TestLabels(t *testing.T) {
	l := Labels([]byte(texts[0]))
	if v, ok := l.Lookup("a"); v != "b" || !ok || !l.Has("a") || l.Get("a") != "b" {
		t.Errorf("got %q %t", v, ok)
	}
	if l.Has("z") || l.Get("z") != "" {
		t.Error("there is a label that there is not")
	}
	for _, text := range texts[1:] {
		if Labels([]byte(text)).Has("a") {
			t.Errorf("%s has a label", text)
		}
	}
}

func BenchmarkLabels(b *testing.B) {
	text := []byte(texts[0])
	b.ReportAllocs()
	for b.Loop() {
		Labels(text).Get("a")
	}
}
