package kinds

import (
	"reflect"
	"testing"

	certificatesv1beta1 "k8s.io/api/certificates/v1beta1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api"
	"minke/api/catalog"
	"minke/api/feature"
	"minke/apiserver/codec"
)

var formats = []codec.Format{codec.JSON, codec.YAML, codec.Protobuf, codec.CBOR}

// everything is all that can be served.
func everything(t testing.TB) []*api.Resource {
	t.Helper()
	choice, err := catalog.ParseChoice("api/all=true")
	if err != nil {
		t.Fatal(err)
	}
	gates, err := feature.Parse("AllAlpha=true,AllBeta=true")
	if err != nil {
		t.Fatal(err)
	}
	return catalog.Serve(choice, gates)
}

// TestFormats: an object with every field set, valid or not, comes out of each
// format, and out of the store's form, as it went in.
func TestFormats(t *testing.T) {
	for _, r := range everything(t) {
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
	for _, r := range everything(t) {
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

// TestVersions: what is written in an alpha or beta version comes back in it.
// (The versions that Kubernetes has removed lose what they never had.)
func TestVersions(t *testing.T) {
	for _, r := range everything(t) {
		for _, v := range r.Also {
			if v.Hidden || v.Kind.GroupKind() != r.Kind.GroupKind() {
				continue
			}
			full := v.New()
			fill(reflect.ValueOf(full).Elem(), v.Kind.Kind, nil)
			if r, ok := full.(*certificatesv1beta1.PodCertificateRequest); ok {
				r.Spec.PKIXPublicKey, r.Spec.ProofOfPossession = nil, nil // v1 has taken them away
			}
			stored, err := v.Import(full)
			if err != nil {
				t.Fatal(err)
			}
			back, err := v.Export(stored)
			if err != nil {
				t.Fatal(err)
			}
			if lost := difference(full, back); lost != "" {
				t.Errorf("%s: %s", v.Kind, lost)
			}
		}
	}
}
