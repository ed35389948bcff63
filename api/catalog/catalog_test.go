package catalog

import (
	"testing"

	"k8s.io/apimachinery/pkg/api/equality"

	"minke/api"
)

// TestResources holds what must be true of every resource, also of an empty
// object of its kind: nothing panics, defaults settle at once, each version
// leads back to the stored one.
func TestResources(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Serve(everything(t)) {
		t.Run(r.GroupResource().String(), func(t *testing.T) {
			if seen[r.GroupResource().String()] {
				t.Fatal("named twice")
			}
			seen[r.GroupResource().String()] = true
			if r.Plural == "" || r.Kind.Kind == "" || r.Kind.Version == "" {
				t.Fatalf("incomplete: %+v", r.Kind)
			}
			o := r.New()
			r.Default(o)
			once := o.DeepCopyObject()
			r.Default(o)
			if !equality.Semantic.DeepEqual(once, o) {
				t.Errorf("a second defaulting changed %#v to %#v", once, o)
			}
			exercise(t, r, o)
		})
	}
}

func exercise(t *testing.T, r *api.Resource, o api.Object) {
	old, ok := o.DeepCopyObject().(api.Object)
	if !ok {
		t.Fatalf("%T is no object", o)
	}
	r.PrepareForCreate(o)
	r.PrepareForUpdate(o, old)
	r.Validate(o)
	r.ValidateUpdate(o, old)
	r.Warnings(o, nil)
	for _, s := range r.Subresources {
		s.Prepare(o, old)
		s.ValidateUpdate(o, old)
	}
	for _, c := range r.Columns {
		c.Cell(o)
	}
	if got := r.FieldSet(o); len(got) != len(r.FieldNames) {
		t.Errorf("fields %v, want %v", got, r.FieldNames)
	}
	for _, v := range r.Also {
		exported, err := v.Export(o)
		if err != nil {
			t.Fatalf("export as %s: %v", v.Kind, err)
		}
		v.Default(exported)
		back, err := v.Import(exported)
		if err != nil {
			t.Fatalf("import from %s: %v", v.Kind, err)
		}
		r.Default(back)
	}
}

func TestScheme(t *testing.T) {
	s := Scheme()
	for _, r := range Resources() {
		if !s.Recognizes(r.Kind) {
			t.Errorf("%s is not in the scheme", r.Kind)
		}
		for _, v := range r.Also {
			if !s.Recognizes(v.Kind) {
				t.Errorf("%s is not in the scheme", v.Kind)
			}
		}
	}
}
