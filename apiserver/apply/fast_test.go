package apply

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/kube-openapi/pkg/validation/spec"
	smd "sigs.k8s.io/structured-merge-diff/v6/schema"
)

// builtIn are kinds whose objects merge in all ways that there are.
var builtIn = map[schema.GroupVersionKind]func() runtime.Object{
	corev1.SchemeGroupVersion.WithKind("ConfigMap"):                      func() runtime.Object { return &corev1.ConfigMap{} },
	corev1.SchemeGroupVersion.WithKind("Secret"):                         func() runtime.Object { return &corev1.Secret{} },
	corev1.SchemeGroupVersion.WithKind("Pod"):                            func() runtime.Object { return &corev1.Pod{} },
	corev1.SchemeGroupVersion.WithKind("Service"):                        func() runtime.Object { return &corev1.Service{} },
	corev1.SchemeGroupVersion.WithKind("ServiceAccount"):                 func() runtime.Object { return &corev1.ServiceAccount{} },
	corev1.SchemeGroupVersion.WithKind("Node"):                           func() runtime.Object { return &corev1.Node{} },
	corev1.SchemeGroupVersion.WithKind("PersistentVolume"):               func() runtime.Object { return &corev1.PersistentVolume{} },
	appsv1.SchemeGroupVersion.WithKind("Deployment"):                     func() runtime.Object { return &appsv1.Deployment{} },
	appsv1.SchemeGroupVersion.WithKind("StatefulSet"):                    func() runtime.Object { return &appsv1.StatefulSet{} },
	networkingv1.SchemeGroupVersion.WithKind("NetworkPolicy"):            func() runtime.Object { return &networkingv1.NetworkPolicy{} },
	networkingv1.SchemeGroupVersion.WithKind("Ingress"):                  func() runtime.Object { return &networkingv1.Ingress{} },
	autoscalingv2.SchemeGroupVersion.WithKind("HorizontalPodAutoscaler"): func() runtime.Object { return &autoscalingv2.HorizontalPodAutoscaler{} },
}

// custom is a kind without a Go type that merges in all ways that there are.
var custom = schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Widget"}

const customSchema = `{"type":"object","x-kubernetes-group-version-kind":[{"group":"example.com","version":"v1","kind":"Widget"}],"properties":{
"apiVersion":{"type":"string"},"kind":{"type":"string"},
"metadata":{"type":"object","properties":{
 "name":{"type":"string"},"uid":{"type":"string"},"labels":{"type":"object","additionalProperties":{"type":"string"}},
 "annotations":{"type":"object","additionalProperties":{"type":"string"}},
 "finalizers":{"type":"array","items":{"type":"string"},"x-kubernetes-list-type":"set"},
 "managedFields":{"type":"array","items":{"type":"object","x-kubernetes-preserve-unknown-fields":true},"x-kubernetes-list-type":"atomic"}}},
"spec":{"type":"object","properties":{
 "text":{"type":"string"},"number":{"type":"integer"},"truth":{"type":"boolean"},
 "inner":{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"object","properties":{"c":{"type":"boolean"}}}}},
 "whole":{"type":"object","x-kubernetes-map-type":"atomic","properties":{"a":{"type":"string"},"b":{"type":"string"}}},
 "any":{"type":"object","x-kubernetes-preserve-unknown-fields":true},
 "plain":{"type":"array","items":{"type":"string"}},
 "byName":{"type":"object","additionalProperties":{"type":"object","properties":{"v":{"type":"integer"}}}},
 "byKey":{"type":"array","x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["k","p"],"items":{"type":"object","properties":{
  "k":{"type":"string"},"p":{"type":"integer","default":1},"v":{"type":"integer"},"set":{"type":"array","items":{"type":"integer"},"x-kubernetes-list-type":"set"}}}}}},
"status":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}}`

func managersFor(t *testing.T, kind schema.GroupVersionKind, make func() runtime.Object, subresource string) (fast, library *Manager) {
	t.Helper()
	k := Kind{Served: kind, Stored: kind, Subresource: subresource, Default: func(runtime.Object) {}, Reset: []string{"status"},
		Versions: map[schema.GroupVersionKind]func() runtime.Object{kind: make}}
	if subresource != "" {
		k.Reset = []string{"spec"}
	}
	if kind == custom {
		s := &spec.Schema{}
		err := json.Unmarshal([]byte(customSchema), s)
		if err == nil {
			k.Merging, err = managedfields.NewTypeConverter(map[string]*spec.Schema{"Widget": s}, false)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	fast, err := NewManager(k)
	if err != nil {
		t.Fatal(err)
	}
	k.Library = true
	if library, err = NewManager(k); err != nil {
		t.Fatal(err)
	}
	return fast, library
}

// drawer draws values that fit a merge schema.
type drawer struct {
	*rand.Rand
	schema *smd.Schema
}

func (d drawer) chance(percent int) bool { return d.IntN(100) < percent }

// text is good base64, too.
func (d drawer) text() string { return []string{"aaaa", "bbbb", "cccc"}[d.IntN(3)] }

func (d drawer) value(ref smd.TypeRef, depth int) any {
	if ref.NamedType != nil {
		switch *ref.NamedType {
		case "io.k8s.apimachinery.pkg.api.resource.Quantity":
			return []any{"1", "1000m", "2Gi"}[d.IntN(3)]
		case "io.k8s.apimachinery.pkg.util.intstr.IntOrString":
			return []any{int64(1), int64(2), "aaaa"}[d.IntN(3)]
		case "io.k8s.apimachinery.pkg.apis.meta.v1.Time", "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime":
			return "2026-01-02T03:04:05Z"
		}
	}
	atom, _ := d.schema.Resolve(ref)
	if kinds(atom) > 1 && d.chance(60) {
		atom.Map = nil
		if d.chance(70) {
			atom.List = nil
		}
	}
	switch {
	case atom.Map != nil && depth < 9:
		out := map[string]any{}
		for _, f := range atom.Map.Fields {
			if d.IntN(len(atom.Map.Fields)) < 3 {
				out[f.Name] = d.value(f.Type, depth+1)
			}
		}
		if (atom.Map.ElementType != smd.TypeRef{}) {
			for range d.IntN(3) {
				out[d.text()] = d.value(atom.Map.ElementType, depth+1)
			}
		}
		return out
	case atom.List != nil && depth < 9:
		return d.list(atom.List, depth)
	case atom.Scalar != nil:
		switch *atom.Scalar {
		case smd.Numeric:
			return int64(d.IntN(3))
		case smd.Boolean:
			return d.chance(50)
		}
		return d.text()
	case atom.List != nil:
		return []any{}
	}
	return map[string]any{}
}

func (d drawer) list(t *smd.List, depth int) any {
	out, seen := []any{}, map[string]bool{}
	for range d.IntN(3) {
		item := d.value(t.ElementType, depth+1)
		key := fmt.Sprint(item)
		if fields, ok := item.(map[string]any); ok && t.ElementRelationship == smd.Associative {
			key = ""
			of, _ := d.schema.Resolve(t.ElementType)
			for _, name := range t.Keys {
				f, _ := of.Map.FindField(name)
				if f.Default == nil || d.chance(70) {
					fields[name] = d.value(f.Type, depth+1)
				}
				key += fmt.Sprint(fields[name], ";")
			}
		}
		if !seen[key] || t.ElementRelationship != smd.Associative {
			seen[key] = true
			out = append(out, item)
		}
	}
	return out
}

// varied returns a value like v: much of it the same.
func (d drawer) varied(ref smd.TypeRef, v any, depth int) any {
	atom, _ := d.schema.Resolve(ref)
	switch v := v.(type) {
	case map[string]any:
		if atom.Map == nil {
			return v
		}
		out := maps.Clone(v)
		for _, name := range slices.Sorted(maps.Keys(out)) {
			field, _ := fieldType(atom.Map, name)
			switch {
			case d.chance(4) && depth > 0 && !(depth == 1 && name == "name"):
				delete(out, name)
			case d.chance(50):
				out[name] = d.varied(field, out[name], depth+1)
			}
		}
		if d.chance(10) {
			extra, _ := d.value(ref, depth).(map[string]any)
			for _, name := range slices.Sorted(maps.Keys(extra)) {
				if _, there := out[name]; !there && d.chance(30) {
					out[name] = extra[name]
				}
			}
		}
		return out
	case []any:
		if d.chance(10) {
			return d.value(ref, depth)
		}
		out := slices.Clone(v)
		for i := range out {
			if fields, ok := out[i].(map[string]any); ok && atom.List != nil {
				changed, _ := d.varied(atom.List.ElementType, fields, depth+1).(map[string]any)
				for _, key := range atom.List.Keys {
					delete(changed, key)
					if was, had := fields[key]; had {
						changed[key] = was
					}
				}
				out[i] = changed
			}
		}
		if d.chance(10) {
			d.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
		}
		return out
	}
	if d.chance(20) {
		return d.value(ref, depth)
	}
	return v
}

// config draws a configuration; prev, if there is any, is one that it is like.
func (d drawer) config(kind schema.GroupVersionKind, ref smd.TypeRef, prev map[string]any) map[string]any {
	out, _ := d.value(ref, 0).(map[string]any)
	if prev != nil {
		out, _ = d.varied(ref, prev, 0).(map[string]any)
	}
	metadata := map[string]any{"name": "a"}
	if given, ok := out["metadata"].(map[string]any); ok {
		for _, name := range []string{"labels", "annotations", "finalizers", "ownerReferences"} {
			if v, there := given[name]; there {
				metadata[name] = v
			}
		}
	}
	out["metadata"], out["kind"], out["apiVersion"] = metadata, kind.Kind, kind.GroupVersion().String()
	out, _ = copied(out).(map[string]any)
	return out
}

func fieldsOfObject(t *testing.T, obj runtime.Object) map[string]any {
	t.Helper()
	data, err := json.Marshal(obj)
	if err != nil {
		t.Fatal(err)
	}
	u := &unstructured.Unstructured{}
	if err := u.UnmarshalJSON(data); err != nil {
		t.Fatal(err)
	}
	return u.Object
}

// TestWalkAsTheLibraryDoes applies random configurations over each other, and
// updates between them, by the one walk and by the library.
func TestWalkAsTheLibraryDoes(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	all := maps.Clone(builtIn)
	all[custom] = func() runtime.Object { return &unstructured.Unstructured{Object: map[string]any{}} }
	for kind, make := range all {
		t.Run(kind.Kind, func(t *testing.T) {
			// Where the clock stands still: entries are sorted by their times, too.
			synctest.Test(t, func(t *testing.T) { walkAsTheLibraryDoes(t, seed, kind, make) })
		})
	}
}

func walkAsTheLibraryDoes(t *testing.T, seed uint64, kind schema.GroupVersionKind, make func() runtime.Object) {
	mainFast, mainLibrary := managersFor(t, kind, make, "")
	statusFast, statusLibrary := managersFor(t, kind, make, "status")
	fast, library := mainFast, mainLibrary
	sets := fast.fieldSets()
	d := drawer{rand.New(rand.NewPCG(seed, 2)), sets.schema}
	var w walks
	for range 25 {
		live := make()
		live.GetObjectKind().SetGroupVersionKind(kind)
		last := map[string]map[string]any{}
		for range 8 {
			fast, library = mainFast, mainLibrary
			if d.chance(25) {
				fast, library = statusFast, statusLibrary
			}
			if meta, _ := meta.Accessor(live); meta.GetUID() != "" && d.chance(35) {
				live = w.updated(t, seed, d, fast, library, kind, live)
			}
			manager, force := []string{"one", "two", "kubectl"}[d.IntN(3)], d.chance(80)
			conf := d.config(kind, sets.ref, last[manager])
			if d.chance(5) {
				conf["metadata"].(map[string]any)["annotations"] = map[string]any{lastApplied: "{}"}
			}
			if last[manager] != nil && d.chance(20) {
				conf = last[manager]
			}
			applied := &unstructured.Unstructured{Object: conf}
			want, wantErr := library.Apply(live, nil, applied, manager, force)
			before := live.DeepCopyObject()
			got, ok := fast.fast(live, fieldsOfObject(t, live), applied, manager, force)
			if !reflect.DeepEqual(live, before) {
				t.Fatalf("seed %d: the live object was changed", seed)
			}
			if w.applies++; ok {
				w.appliesWalked++
				if wantErr != nil {
					t.Fatalf("seed %d: %v, and the walk did it", seed, wantErr)
				}
				if a, b := fieldsOfObject(t, got), fieldsOfObject(t, want); !reflect.DeepEqual(a, b) {
					x, _ := json.Marshal(conf)
					y, _ := json.Marshal(live)
					t.Fatalf("seed %d: %s applied %t\n%s to\n%s:\n%s", seed, manager, force, x, y, strings.Join(differences(a, b, ""), "\n"))
				}
			}
			if wantErr != nil {
				continue
			}
			live, last[manager] = want, conf
			access, err := meta.Accessor(live)
			if err != nil {
				t.Fatal(err)
			}
			access.SetUID("u")
			access.SetName("a")
		}
	}
	t.Logf("%+v", w)
	if w.appliesWalked < w.applies/2 || w.updatesWalked < w.updates/2 || w.createsWalked < w.creates/2 {
		t.Errorf("few by the walk: %+v", w)
	}
}

// TestTypedFieldsFollowShape: objects with a Go type that differ in what
// TypedShape leaves out have the same fields.
func TestTypedFieldsFollowShape(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	same := 0
	for kind, make := range builtIn {
		_, library := managersFor(t, kind, make, "")
		sets := library.fieldSets()
		d := drawer{rand.New(rand.NewPCG(seed, 3)), sets.schema}
		fieldsOf := func(obj runtime.Object) string {
			empty := make()
			empty.GetObjectKind().SetGroupVersionKind(kind)
			access, err := meta.Accessor(library.Update(empty, obj, nil, nil, "one"))
			if err != nil {
				t.Fatal(err)
			}
			if len(access.GetManagedFields()) == 0 {
				return "none"
			}
			return access.GetManagedFields()[0].FieldsV1.GetRawString()
		}
		for range 40 {
			conf := d.config(kind, sets.ref, nil)
			a, err := library.typed(conf)
			if err != nil {
				t.Fatal(err)
			}
			d.revalue(conf)
			b, err := library.typed(conf)
			if err != nil {
				continue // a text where there may be none
			}
			if TypedShape(fieldsOfObject(t, a)) != TypedShape(fieldsOfObject(t, b)) {
				continue
			}
			same++
			if x, y := fieldsOf(a), fieldsOf(b); x != y {
				t.Errorf("seed %d: %s: fields of one shape:\n%s\n%s", seed, kind.Kind, x, y)
			}
		}
	}
	if same < 50 {
		t.Errorf("only %d objects were of one shape", same)
	}
}

// revalue changes scalars that no list holds, now and then to zero.
func (d drawer) revalue(fields map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		switch v := fields[name].(type) {
		case map[string]any:
			if name != "metadata" {
				d.revalue(v)
			}
		case string:
			if name != "kind" && name != "apiVersion" && !strings.HasSuffix(v, "Z") {
				fields[name] = []any{v, "bbbb", "1"}[d.IntN(3)]
				if d.chance(3) {
					fields[name] = ""
				}
			}
		case int64:
			fields[name] = int64(d.IntN(8))
		}
	}
}

// walks counts what was tried, and what the library was not needed for.
type walks struct{ applies, appliesWalked, updates, updatesWalked, creates, createsWalked int }

// created compares what whoever creates obj owns of it.
func (w *walks) created(t *testing.T, seed uint64, fast, library *Manager, kind schema.GroupVersionKind, obj runtime.Object, manager string) {
	t.Helper()
	access, err := meta.Accessor(obj)
	if err != nil {
		t.Fatal(err)
	}
	access.SetManagedFields(nil)
	empty, err := adapter{library.kind}.New(kind)
	if err != nil {
		t.Fatal(err)
	}
	want := library.fields.UpdateNoErrors(empty.DeepCopyObject(), obj.DeepCopyObject(), manager)
	got := obj.DeepCopyObject()
	w.creates++
	if !fast.fastUpdate(empty, got, fieldsOfObject(t, empty), fieldsOfObject(t, got), manager, true) {
		if !reflect.DeepEqual(got, obj) {
			t.Fatalf("seed %d: what was left to the library was changed", seed)
		}
		return
	}
	w.createsWalked++
	if a, b := fieldsOfObject(t, got), fieldsOfObject(t, want); !reflect.DeepEqual(a, b) {
		x, _ := json.Marshal(obj)
		t.Fatalf("seed %d: %s created\n%s:\n%s", seed, manager, x, strings.Join(differences(a, b, ""), "\n"))
	}
}

// updated returns live as somebody's update leaves it.
func (w *walks) updated(t *testing.T, seed uint64, d drawer, fast, library *Manager, kind schema.GroupVersionKind, live runtime.Object) runtime.Object {
	t.Helper()
	ref := fast.fieldSets().ref
	fields := fieldsOfObject(t, live)
	metadata := fields["metadata"].(map[string]any)
	managed := metadata["managedFields"]
	fields = d.config(kind, ref, fields)
	if managed != nil {
		fields["metadata"].(map[string]any)["managedFields"] = managed
	}
	fields["metadata"].(map[string]any)["uid"] = "u"
	made := func() runtime.Object {
		if kind == custom {
			return &unstructured.Unstructured{Object: copied(fields).(map[string]any)}
		}
		obj, err := library.typed(fields)
		if err != nil {
			t.Fatal(err)
		}
		return obj
	}
	if kind != custom { // as they are once they were stored: without empty lists
		fields = fieldsOfObject(t, made())
		stored, err := library.typed(fieldsOfObject(t, live))
		if err != nil {
			t.Fatal(err)
		}
		live = stored
	}
	manager := []string{"one", "editor", "three"}[d.IntN(3)]
	w.created(t, seed, fast, library, kind, made(), manager)
	want := library.Update(live, made(), nil, nil, manager)
	got, before := made(), live.DeepCopyObject()
	w.updates++
	if !fast.fastUpdate(live, got, fieldsOfObject(t, live), fieldsOfObject(t, got), manager, false) {
		if !reflect.DeepEqual(got, made()) {
			t.Fatalf("seed %d: what was left to the library was changed", seed)
		}
		return want
	}
	w.updatesWalked++
	if !reflect.DeepEqual(live, before) {
		t.Fatalf("seed %d: the live object was changed", seed)
	}
	if a, b := fieldsOfObject(t, got), fieldsOfObject(t, want); !reflect.DeepEqual(a, b) {
		x, _ := json.Marshal(fields)
		y, _ := json.Marshal(live)
		t.Fatalf("seed %d: %s updated\n%s to\n%s:\n%s", seed, manager, y, x, strings.Join(differences(a, b, ""), "\n"))
	}
	return want
}
