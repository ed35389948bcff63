package kinds

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/applyconfigurations"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/merge"
	"sigs.k8s.io/structured-merge-diff/v6/typed"

	"minke/api/catalog"
)

const accounts = "/api/v1/namespaces/default/serviceaccounts"

var seed = flag.Uint64("seed", 0, "repeat what was drawn with this seed")

// random draws from a seed that is printed.
func random(t *testing.T) *rand.Rand {
	t.Helper()
	s := *seed
	if s == 0 {
		s = rand.Uint64()
	}
	t.Logf("-seed %d", s)
	return rand.New(rand.NewPCG(s, 0))
}

// TestApplyAgainstLibrary does random applies and updates by several managers
// and compares object, conflicts and who owns what with structured-merge-diff's
// own Updater. A service account has maps, lists that merge by key, a set and a
// scalar.
func TestApplyAgainstLibrary(t *testing.T) {
	chance := random(t)
	c := serve(t, catalog.Resources())
	for object := range 12 {
		o := newOracle(t)
		name := fmt.Sprintf("account-%d", object)
		for step := range 25 {
			manager := []string{"a", "b", "c"}[chance.IntN(3)]
			config := randomAccount(chance, name)
			applies, force := step == 0 || chance.IntN(3) > 0, chance.IntN(2) == 0
			var code int
			var data []byte
			body, err := json.Marshal(config)
			if err != nil {
				t.Fatal(err)
			}
			if applies {
				code, _, data = c.do("PATCH", fmt.Sprintf("%s/%s?fieldManager=%s&force=%t", accounts, name, manager, force), "application/apply-patch+yaml", "application/json", body)
			} else {
				code, _, data = c.do("PUT", fmt.Sprintf("%s/%s?fieldManager=%s", accounts, name, manager), "application/json", "application/json", body)
			}
			conflict := o.write(config, manager, applies, force)
			what := fmt.Sprintf("object %d, step %d (%s applies %t, force %t) with %s", object, step, manager, applies, force, body)
			if conflict != (code == 409) || !conflict && code >= 300 {
				t.Fatalf("%s: answered %d, conflict %t: %s", what, code, conflict, data)
			}
			if !conflict {
				o.compare(what, data)
			}
			if t.Failed() {
				return
			}
		}
	}
}

// randomAccount returns a configuration with some of a service account's fields.
func randomAccount(chance *rand.Rand, name string) map[string]any {
	metadata := map[string]any{"name": name, "namespace": "default"}
	some := func(keys ...string) []string {
		var out []string
		for _, k := range keys {
			if chance.IntN(2) == 0 {
				out = append(out, k)
			}
		}
		return out
	}
	for _, field := range some("labels", "annotations") {
		m := map[string]any{}
		for _, k := range some("x", "y", "z") {
			m[k] = fmt.Sprint(chance.IntN(2))
		}
		if len(m) > 0 { // a Go type does not tell an empty map from none
			metadata[field] = m
		}
	}
	if all := some("example.com/a", "example.com/b"); len(all) > 0 {
		metadata["finalizers"] = anys(all)
	}
	config := map[string]any{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}
	for _, field := range some("secrets", "imagePullSecrets") {
		var list []any
		for _, k := range some("s", "t", "u") {
			list = append(list, map[string]any{"name": k}) // all that is kept of one
		}
		if list != nil {
			config[field] = list
		}
	}
	if chance.IntN(2) == 0 {
		config["automountServiceAccountToken"] = chance.IntN(2) == 0
	}
	return config
}

func anys(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

// oracle keeps an object as structured-merge-diff merges it.
type oracle struct {
	*testing.T
	types    managedfields.TypeConverter
	updater  *merge.Updater
	live     *typed.TypedValue
	managers fieldpath.ManagedFields
}

type sameVersion struct{}

func (sameVersion) Convert(v *typed.TypedValue, _ fieldpath.APIVersion) (*typed.TypedValue, error) {
	return v, nil
}
func (sameVersion) IsMissingVersionError(error) bool { return false }

func newOracle(t *testing.T) *oracle {
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	builder := merge.UpdaterBuilder{Converter: sameVersion{}}
	o := &oracle{T: t, types: applyconfigurations.NewTypeConverter(scheme), updater: builder.BuildUpdater(), managers: fieldpath.ManagedFields{}}
	o.live = o.typed(emptyAccount())
	return o
}

func (o *oracle) typed(tree map[string]any) *typed.TypedValue {
	v, err := o.types.ObjectToTyped(&unstructured.Unstructured{Object: tree})
	if err != nil {
		o.Fatal(err)
	}
	return v
}

// write applies or updates and tells whether there was a conflict. Objects that
// nobody owns a field of are as those that were never applied: updates are not
// noted, and what is there belongs to "before-first-apply" at the next apply.
func (o *oracle) write(config map[string]any, manager string, applies, force bool) (conflict bool) {
	v := o.typed(runtime.DeepCopyJSON(config))
	managers := o.managers.Copy()
	if !applies {
		if len(managers) == 0 {
			o.store(v)
			return false
		}
		live, managers, err := o.updater.Update(o.live, v, "v1", managers, manager+"/Update")
		if err != nil {
			o.Fatal(err)
		}
		o.store(live)
		o.managers = managers
		return false
	}
	if len(managers) == 0 {
		var err error
		if _, managers, err = o.updater.Update(o.typed(emptyAccount()), o.live, "v1", managers, "before-first-apply/Update"); err != nil {
			o.Fatal(err)
		}
	}
	live, managers, err := o.updater.Apply(o.live, v, "v1", managers, manager+"/Apply", force)
	if _, conflict := err.(merge.Conflicts); conflict { //nolint:errorlint // the library returns it as it is
		return true
	}
	if err != nil {
		o.Fatal(err)
	}
	if live != nil { // nil means that nothing changed
		o.store(live)
	}
	o.managers = managers
	return false
}

func emptyAccount() map[string]any {
	return map[string]any{"apiVersion": "v1", "kind": "ServiceAccount"}
}

// store keeps an object as its Go type does, which has no empty maps and lists.
func (o *oracle) store(v *typed.TypedValue) {
	tree, _ := v.AsValue().Unstructured().(map[string]any)
	o.live = o.typed(clean(tree).(map[string]any))
}

// kept are the fields that nobody is noted to own.
var kept = fieldpath.NewSet(
	fieldpath.MakePathOrDie("apiVersion"), fieldpath.MakePathOrDie("kind"), fieldpath.MakePathOrDie("metadata"),
	fieldpath.MakePathOrDie("metadata", "name"), fieldpath.MakePathOrDie("metadata", "namespace"))

func (o *oracle) compare(what string, answer []byte) {
	o.Helper()
	var got unstructured.Unstructured
	if err := json.Unmarshal(answer, &got.Object); err != nil {
		o.Fatal(err)
	}
	owners := map[string]*fieldpath.Set{}
	for _, m := range got.GetManagedFields() {
		set := fieldpath.NewSet()
		if err := set.FromJSON(bytes.NewReader(raw(o.T, m.FieldsV1))); err != nil {
			o.Fatal(err)
		}
		owners[m.Manager+"/"+string(m.Operation)] = set
	}
	for manager, want := range o.managers {
		wanted := want.Set().Difference(kept)
		if wanted.Empty() {
			delete(o.managers, manager)
		}
		if owners[manager] == nil && !wanted.Empty() || owners[manager] != nil && !owners[manager].Equals(wanted) {
			o.Errorf("%s: %s owns\n%v, want\n%v", what, manager, owners[manager], wanted)
		}
		delete(owners, manager)
	}
	for manager, set := range owners {
		o.Errorf("%s: %s owns %v, want nothing", what, manager, set)
	}
	for _, field := range []string{"uid", "creationTimestamp", "resourceVersion", "managedFields", "generation"} {
		unstructured.RemoveNestedField(got.Object, "metadata", field)
	}
	want := o.live.AsValue().Unstructured()
	if !reflect.DeepEqual(clean(got.Object), clean(want)) {
		o.Errorf("%s: got\n%v, want\n%v", what, got.Object, want)
	}
}

func raw(t *testing.T, f *metav1.FieldsV1) []byte {
	t.Helper()
	data, err := f.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// clean drops what is empty, which JSON of a Go type leaves out.
func clean(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, child := range v {
			if child = clean(child); child != nil {
				out[k] = child
			}
		}
		if len(out) == 0 {
			return nil
		}
		return out
	case []any:
		if len(v) == 0 {
			return nil
		}
		out := make([]any, len(v))
		for i := range v {
			out[i] = clean(v[i])
		}
		return out
	}
	return v
}

// TestPatchesAgainstLibraries patches at random over HTTP and compares with what
// the libraries make of the same object.
func TestPatchesAgainstLibraries(t *testing.T) {
	chance := random(t)
	c := serve(t, catalog.Resources())
	first, err := json.Marshal(randomAccount(chance, "a"))
	if err != nil {
		t.Fatal(err)
	}
	if code, _, data := c.do("POST", accounts, "application/json", "application/json", first); code != 201 {
		t.Fatalf("%d %s", code, data)
	}
	for range 200 {
		_, _, before := c.do("GET", accounts+"/a", "", "application/json", nil)
		change := randomAccount(chance, "a")
		delete(change, "metadata")
		if metadata, ok := randomAccount(chance, "a")["metadata"].(map[string]any); ok {
			change["metadata"] = nulls(chance, metadata)
		}
		var want []byte
		media := "application/merge-patch+json"
		patch, _ := json.Marshal(change)
		switch chance.IntN(3) {
		case 0:
			want, err = jsonpatch.MergePatch(before, patch)
		case 1:
			media = "application/strategic-merge-patch+json"
			for _, field := range []string{"secrets", "imagePullSecrets"} {
				if list, ok := change[field].([]any); ok && chance.IntN(2) == 0 {
					list[0].(map[string]any)["$patch"] = []string{"delete", "replace"}[chance.IntN(2)]
				}
			}
			patch, _ = json.Marshal(change)
			want, err = strategicpatch.StrategicMergePatch(before, patch, &corev1.ServiceAccount{})
		case 2:
			media = "application/json-patch+json"
			patch = randomOperations(chance)
			var operations jsonpatch.Patch
			if operations, err = jsonpatch.DecodePatch(patch); err == nil {
				want, err = operations.Apply(before)
			}
		}
		code, _, got := c.do("PATCH", accounts+"/a", media, "application/json", patch)
		if (err != nil) != (code >= 400) {
			t.Fatalf("%s of %s by %s: answered %d %s, the library says %v", media, before, patch, code, got, err)
		}
		if err != nil {
			continue
		}
		var g, w corev1.ServiceAccount
		if json.Unmarshal(got, &g) != nil || json.Unmarshal(want, &w) != nil {
			t.Fatalf("%s %s", got, want)
		}
		g.ResourceVersion, w.ResourceVersion, g.ManagedFields, w.ManagedFields = "", "", nil, nil
		if lost, more := difference(w, g), difference(g, w); lost+more != "" {
			t.Fatalf("%s of %s by %s:\n%s\n%s", media, before, patch, lost, more)
		}
	}
}

// nulls makes some of the values such as are to be deleted.
func nulls(chance *rand.Rand, m map[string]any) map[string]any {
	for k, v := range m {
		child, isMap := v.(map[string]any)
		switch {
		case isMap:
			m[k] = nulls(chance, child)
		case k != "name" && k != "namespace" && chance.IntN(3) == 0:
			m[k] = nil
		}
	}
	return m
}

func randomOperations(chance *rand.Rand) []byte {
	pick := func(list ...string) string { return list[chance.IntN(len(list))] }
	var operations []map[string]any
	for range 1 + chance.IntN(3) {
		o := map[string]any{"op": pick("add", "add", "replace", "remove", "test", "copy", "move"),
			"path": pick("/metadata/labels/x", "/metadata/labels", "/metadata/annotations/y", "/automountServiceAccountToken", "/metadata/annotations")}
		switch o["path"] {
		case "/automountServiceAccountToken":
			o["value"] = chance.IntN(2) == 0
		case "/metadata/labels", "/metadata/annotations":
			o["value"] = map[string]any{"z": "1"}
		default:
			o["value"] = pick("0", "1")
		}
		if o["op"] == "copy" || o["op"] == "move" {
			o["from"] = o["path"]
		}
		operations = append(operations, o)
	}
	data, _ := json.Marshal(operations)
	return data
}
