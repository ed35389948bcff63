package customresource

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/apiserver/apply"
)

// mergeSchema has every way of merging.
const mergeSchema = `{"type":"object","properties":{
 "text":{"type":"string"},"number":{"type":"integer"},"none":{"type":"string","nullable":true},
 "inner":{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"object","properties":{"c":{"type":"boolean"}}}}},
 "open":{"type":"object","additionalProperties":{"type":"string"}},
 "whole":{"type":"object","x-kubernetes-map-type":"atomic","properties":{"a":{"type":"string"},"b":{"type":"string"}}},
 "any":{"type":"object","x-kubernetes-preserve-unknown-fields":true},
 "plain":{"type":"array","items":{"type":"string"}},
 "set":{"type":"array","x-kubernetes-list-type":"set","items":{"type":"string"}},
 "byKey":{"type":"array","x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["k"],
  "items":{"type":"object","required":["k"],"properties":{"k":{"type":"string"},"v":{"type":"integer"},"w":{"type":"string"}}}}}}`

var mergeKind = schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Widget"}

// mergeManager returns a field manager; with fast, of the kind that the server
// uses, else the library's alone.
func mergeManager(t *testing.T, fast bool) *apply.Manager {
	t.Helper()
	s := &apiextensionsv1.JSONSchemaProps{}
	if err := json.Unmarshal([]byte(mergeSchema), s); err != nil {
		t.Fatal(err)
	}
	crd := &apiextensionsv1.CustomResourceDefinition{}
	crd.Name, crd.Spec.Group, crd.Spec.Names.Kind = "widgets.example.com", mergeKind.Group, mergeKind.Kind
	crd.Spec.Versions = []apiextensionsv1.CustomResourceDefinitionVersion{{
		Name: "v1", Served: true, Storage: true, Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: s}}}
	k := apply.Kind{
		Served: mergeKind, Stored: mergeKind, Merging: merging{newSchemas(func() *definition { return crd })}, Default: func(runtime.Object) {}, Library: !fast,
		Versions: map[schema.GroupVersionKind]func() runtime.Object{mergeKind: func() runtime.Object { return &unstructured.Unstructured{} }},
	}
	if fast {
		k.Entries = apply.Entries{
			Get: func(u *unstructured.Unstructured) []metav1.ManagedFieldsEntry { return u.GetManagedFields() },
			Set: func(u *unstructured.Unstructured, e []metav1.ManagedFieldsEntry) { u.SetManagedFields(e) },
		}
	}
	m, err := apply.NewManager(k)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// fitting draws an object that fits mergeSchema, now and then not.
func (g generator) fitting() *unstructured.Unstructured {
	text := func() string { return fmt.Sprintf("s%d", g.IntN(5)) }
	texts := func() []any {
		out := []any{}
		for i := range 3 {
			if g.chance(50) {
				out = append(out, fmt.Sprintf("s%d", i))
			}
		}
		return out
	}
	parts := map[string]func() any{
		"text": func() any { return text() }, "number": func() any { return int64(g.IntN(5)) },
		"none":  func() any { return []any{nil, text()}[g.IntN(2)] },
		"inner": func() any { return map[string]any{"a": text(), "b": map[string]any{"c": g.chance(50)}} },
		"open":  func() any { return map[string]any{g.name(): text(), g.name(): text()} },
		"whole": func() any { return map[string]any{"a": text(), "b": text()} },
		"any":   func() any { return g.fields(3) },
		"plain": func() any { return texts() },
		"set":   func() any { return texts() },
		"byKey": func() any {
			out := []any{}
			for _, k := range texts() {
				item := map[string]any{"k": k, "v": int64(g.IntN(3))}
				if g.chance(30) {
					item["w"] = text()
				}
				out = append(out, item)
			}
			return out
		},
	}
	u := &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"name": "a", "labels": map[string]any{g.name(): text()}}}}
	u.SetGroupVersionKind(mergeKind)
	for _, name := range slices.Sorted(maps.Keys(parts)) { // for one seed, one object
		if g.chance(40) {
			u.Object[name] = parts[name]()
		}
	}
	if g.chance(3) {
		u.Object["text"] = int64(1)
	}
	return u
}

// timeless returns obj without the times at which fields were written.
func timeless(obj runtime.Object) any {
	u, ok := obj.(*unstructured.Unstructured)
	if !ok {
		return obj
	}
	u = u.DeepCopy()
	entries, _, _ := unstructured.NestedSlice(u.Object, "metadata", "managedFields")
	for _, e := range entries {
		delete(e.(map[string]any), "time")
	}
	if len(entries) > 0 {
		u.Object["metadata"].(map[string]any)["managedFields"] = entries
	}
	return u.Object
}

// TestAppliesAsTheLibraryDoes applies random configurations over each other by
// the server's way and by the library's.
func TestAppliesAsTheLibraryDoes(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	// Where the clock stands still: entries are sorted by their times, too.
	synctest.Test(t, func(t *testing.T) { appliesAsTheLibraryDoes(t, seed) })
}

func appliesAsTheLibraryDoes(t *testing.T, seed uint64) {
	g := generator{rand.New(rand.NewPCG(seed, 1))}
	fast, plain := mergeManager(t, true), mergeManager(t, false)
	for range 200 {
		live := runtime.Object(&unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"name": "a"}}})
		live.GetObjectKind().SetGroupVersionKind(mergeKind)
		for range 6 {
			applied, manager, force := g.fitting(), []string{"one", "two", "kubectl"}[g.IntN(3)], g.chance(70)
			if g.chance(10) {
				applied.SetAnnotations(map[string]string{"kubectl.kubernetes.io/last-applied-configuration": "{}"})
			}
			before := live.DeepCopyObject()
			got, gotErr := fast.Apply(live, nil, applied, manager, force)
			if !reflect.DeepEqual(live, before) {
				t.Fatalf("seed %d: the live object was changed", seed)
			}
			want, wantErr := plain.Apply(live, nil, applied, manager, force)
			if fmt.Sprint(gotErr) != fmt.Sprint(wantErr) {
				t.Fatalf("seed %d: got error %v, want %v", seed, gotErr, wantErr)
			}
			if wantErr != nil {
				continue
			}
			if !reflect.DeepEqual(timeless(got), timeless(want)) {
				t.Fatalf("seed %d:\ngot  %v\nwant %v", seed, timeless(got), timeless(want))
			}
			live = got
		}
	}
}

// TestFieldsFollowShape: objects that differ in what Shape leaves out have the
// same fields.
func TestFieldsFollowShape(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	g := generator{rand.New(rand.NewPCG(seed, 1))}
	m := mergeManager(t, false)
	empty := &unstructured.Unstructured{}
	empty.SetGroupVersionKind(mergeKind)
	shapes := map[string]bool{}
	for range 500 {
		a := g.fitting()
		b := a.DeepCopy()
		g.revalue(b.Object)
		b.SetGroupVersionKind(mergeKind)
		if g.chance(50) {
			b.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: "m", Operation: "Update"}})
		}
		shape := apply.Shape(a)
		if shape == "" || shape != apply.Shape(b) {
			t.Fatalf("seed %d: shapes %s and %s", seed, shape, apply.Shape(b))
		}
		shapes[shape] = true
		b.SetManagedFields(nil)
		got, want := managedOf(m.Update(empty, b, nil, nil, "m")), managedOf(m.Update(empty, a, nil, nil, "m"))
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("seed %d: fields of one shape:\n%v\n%v", seed, got, want)
		}
	}
	if len(shapes) < 50 {
		t.Errorf("%d shapes only", len(shapes))
	}
}

func managedOf(obj runtime.Object) any {
	u := &unstructured.Unstructured{Object: timeless(obj).(map[string]any)}
	entries, _, _ := unstructured.NestedSlice(u.Object, "metadata", "managedFields")
	return entries
}

// revalue changes texts, numbers and truths that no list holds.
func (g generator) revalue(fields map[string]any) {
	for name, v := range fields {
		switch v := v.(type) {
		case map[string]any:
			g.revalue(v)
		case string:
			fields[name] = v + "x"
		case int64:
			fields[name] = v + 7
		case bool:
			fields[name] = !v
		}
	}
}
