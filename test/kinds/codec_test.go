package kinds

import (
	"reflect"
	"testing"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api"
	"minke/api/catalog"
	"minke/apiserver/codec"
)

var formats = []codec.Format{codec.JSON, codec.YAML, codec.Protobuf, codec.CBOR}

// TestFormats: an object with every field set, valid or not, comes out of each
// format, and out of the store's form, as it went in.
func TestFormats(t *testing.T) {
	for _, r := range catalog.Resources() {
		check := func(kind schema.GroupVersionKind, fresh func() runtime.Object) {
			t.Run(kind.Version+"."+r.GroupResource().String(), func(t *testing.T) {
				full := fresh()
				fill(reflect.ValueOf(full).Elem(), kind.Kind, nil)
				full.GetObjectKind().SetGroupVersionKind(kind)
				for _, format := range formats {
					if format == codec.Protobuf && !codec.HasProtobuf(full) {
						continue
					}
					sameAgain(t, full, fresh(), kind, format)
				}
			})
		}
		check(r.Kind, func() runtime.Object { return r.New() })
		for _, v := range r.Also {
			check(v.Kind, v.New)
		}
	}
}

func sameAgain(t *testing.T, full, into runtime.Object, kind schema.GroupVersionKind, format codec.Format) {
	data, err := codec.Encode(full, kind, format, false)
	if err != nil {
		t.Fatalf("%s: %v", format, err)
	}
	body := codec.Body{Data: data, Format: format, Validation: codec.Strict}
	if _, err := body.Decode(into, kind); err != nil {
		t.Fatalf("%s: %v", format, err)
	}
	if !equality.Semantic.DeepEqual(full, into) {
		t.Errorf("%s: %s", format, difference(full, into))
	}
}

// TestStored: so it does of what is stored.
func TestStored(t *testing.T) {
	for _, r := range catalog.Resources() {
		full := r.New()
		fill(reflect.ValueOf(full).Elem(), r.Kind.Kind, nil)
		full.GetObjectKind().SetGroupVersionKind(r.Kind)
		s := codec.Storage{Kind: r.Kind, New: r.New, Default: func(api.Object) {}}
		data, err := s.Encode(full)
		if err != nil {
			t.Fatal(err)
		}
		back, err := s.Decode(data, 0)
		if err != nil {
			t.Fatal(err)
		}
		back.(api.Object).SetResourceVersion("")
		if !equality.Semantic.DeepEqual(full, back) {
			t.Errorf("%s: %s", r.Kind, difference(full, back))
		}
	}
}
