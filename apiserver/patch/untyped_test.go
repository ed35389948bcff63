package patch

import (
	"encoding/json"
	"reflect"
	"testing"

	"k8s.io/apimachinery/pkg/types"
)

// TestMergeFields compares with the library on every pair of documents.
func TestMergeFields(t *testing.T) {
	documents := []string{`{}`, `{"a":1}`, `{"a":null}`, `{"a":{"b":1,"c":null}}`, `{"a":{"b":null}}`, `{"a":"x","b":{"c":{"d":true}}}`,
		`{"b":{"c":null,"e":{}}}`, `{"a":{"b":{"c":"d"}}}`, `{"a":[1,null,{"b":null}]}`, `{"b":{"c":5}}`, `{"b":"c"}`, `{"":{"":""}}`}
	taken := 0
	for _, original := range documents {
		for _, change := range documents {
			var fields map[string]any
			if err := json.Unmarshal([]byte(original), &fields); err != nil {
				t.Fatal(err)
			}
			merged, ok := MergeFields(fields, []byte(change))
			if !ok {
				continue
			}
			taken++
			got, err := json.Marshal(merged)
			if err != nil {
				t.Fatal(err)
			}
			want, err := Apply(types.MergePatchType, []byte(original), []byte(change), nil)
			if err != nil {
				t.Fatal(err)
			}
			var a, b any
			if json.Unmarshal(got, &a) != nil || json.Unmarshal(want, &b) != nil || !reflect.DeepEqual(a, b) {
				t.Errorf("%s with %s: got %s, want %s", original, change, got, want)
			}
		}
	}
	if want := len(documents) * (len(documents) - 1); taken != want {
		t.Errorf("%d merges were taken, want %d", taken, want)
	}
	if _, ok := MergeFields(map[string]any{}, []byte(`{"a":1,"a":2}`)); ok {
		t.Error("a patch that names a field twice was taken")
	}
}
