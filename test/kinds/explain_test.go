package kinds

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// groupResource is a metav1.GroupResource, of whose fields Kubernetes says nothing.
const groupResource = ".spec.resource"

// jsonSchema is where fields are that JSON Schema explains, and their type does not.
const jsonSchema = ".openAPIV3Schema"

// TestExplain: the OpenAPI documents, v3 and v2, know every field of every kind
// and say something about it, since that is what `kubectl explain` shows.
func TestExplain(t *testing.T) {
	resources := everything(t)
	c := serve(t, resources)
	v2 := document(t, c, "/openapi/v2")
	v3 := map[schema.GroupVersion]map[string]any{}
	check := func(kind schema.GroupVersionKind, obj runtime.Object) {
		gv := kind.GroupVersion()
		if v3[gv] == nil {
			path := "/openapi/v3/apis/" + gv.String()
			if gv.Group == "" {
				path = "/openapi/v3/api/" + gv.Version
			}
			v3[gv] = document(t, c, path)
		}
		fill(reflect.ValueOf(obj).Elem(), kind.Kind, nil)
		obj.GetObjectKind().SetGroupVersionKind(kind)
		for name, doc := range map[string]map[string]any{"v2": v2, "v3": v3[gv]} {
			d := &described{T: t, what: fmt.Sprintf("%s of %s", kind, name), doc: doc}
			root := d.kind(kind)
			if root == nil {
				t.Errorf("%s: no such kind", d.what)
				continue
			}
			d.walk(treeOf(obj), root, "")
		}
	}
	for _, r := range resources {
		if !r.Unserved {
			check(r.Kind, r.New())
		}
		for _, v := range r.Also {
			check(v.Kind, v.New())
		}
	}
}

func document(t *testing.T, c *client, path string) map[string]any {
	t.Helper()
	code, _, data := c.do("GET", path, "", "application/json", nil)
	var doc map[string]any
	if err := json.Unmarshal(data, &doc); err != nil || code != 200 {
		t.Fatalf("%s: %d %v", path, code, err)
	}
	return doc
}

// described compares objects with a document's schemas.
type described struct {
	*testing.T
	what string
	doc  map[string]any
}

func (d *described) schemas() map[string]any {
	if all, ok := d.doc["definitions"].(map[string]any); ok {
		return all
	}
	components, _ := d.doc["components"].(map[string]any)
	all, _ := components["schemas"].(map[string]any)
	return all
}

func (d *described) kind(kind schema.GroupVersionKind) map[string]any {
	want := map[string]any{"group": kind.Group, "version": kind.Version, "kind": kind.Kind}
	for _, s := range d.schemas() {
		s := s.(map[string]any)
		kinds, _ := s["x-kubernetes-group-version-kind"].([]any)
		for _, k := range kinds {
			if reflect.DeepEqual(k, want) {
				return s
			}
		}
	}
	return nil
}

// resolve follows references.
func (d *described) resolve(s map[string]any) map[string]any {
	for range 10 {
		ref, ok := s["$ref"].(string)
		if all, is := s["allOf"].([]any); is && len(all) == 1 && s["properties"] == nil {
			ref, ok = all[0].(map[string]any)["$ref"].(string)
		}
		if !ok {
			return s
		}
		s, _ = d.schemas()[ref[strings.LastIndex(ref, "/")+1:]].(map[string]any)
	}
	return s
}

func (d *described) walk(v any, s map[string]any, path string) {
	s = d.resolve(s)
	switch v := v.(type) {
	case map[string]any:
		properties, _ := s["properties"].(map[string]any)
		additional, _ := s["additionalProperties"].(map[string]any)
		if properties == nil && additional == nil {
			if s == nil || s["type"] != nil && s["type"] != "object" {
				d.Errorf("%s: %s is not an object there: %v", d.what, path, s)
			}
			return // what it holds is free
		}
		for key, child := range v {
			field, ok := properties[key].(map[string]any)
			if !ok {
				field, ok = additional, additional != nil
			} else if !strings.Contains(path, jsonSchema) && path != groupResource && field["description"] == nil && d.resolve(field)["description"] == nil {
				d.Errorf("%s: nothing is said of %s.%s", d.what, path, key)
			}
			if !ok {
				d.Errorf("%s: %s.%s is not known", d.what, path, key)
				continue
			}
			d.walk(child, field, path+"."+key)
		}
	case []any:
		items, ok := s["items"].(map[string]any)
		if !ok && s["type"] == nil && s != nil {
			return // it may be anything
		}
		if !ok {
			d.Errorf("%s: %s is not a list there: %v", d.what, path, s)
			return
		}
		for _, child := range v {
			d.walk(child, items, path)
		}
	}
}
