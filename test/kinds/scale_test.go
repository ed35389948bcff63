package kinds

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	cbor "k8s.io/apimachinery/pkg/runtime/serializer/cbor/direct"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"minke/api"
	"minke/api/catalog"
)

// owner is who manages an object's replicas.
type owner struct{ manager, operation, subresource string }

// replicas is what a model knows of an object: how many replicas it has, and whose
// field that is. The rules are those of server-side apply (KEP-555), seen through a
// Scale, which has no field for none and knows no manager of other fields.
type replicas struct {
	number int
	owners map[owner]bool
}

// write tells whether there was a conflict.
func (r *replicas) write(me owner, number int, force bool) (conflict bool) {
	scales, owners := me.subresource == "scale", maps.Clone(r.owners)
	if me.operation == "Update" {
		switch {
		case number == r.number:
			return false
		case scales && (number == 0 || len(owners) == 0):
			clear(owners)
		default:
			owners = map[owner]bool{me: true}
		}
		r.number, r.owners = number, owners
		return false
	}
	if scales && len(owners) == 0 && r.number != 0 {
		owners[owner{"before-first-apply", "Update", "scale"}] = true
	}
	if number != r.number || scales && number == 0 {
		delete(owners, me)
		if len(owners) > 0 && !force {
			return true
		}
		clear(owners)
	}
	owners[me] = true
	r.number, r.owners = number, owners
	return false
}

// TestScaleAgainstModel sets the replicas of every built-in kind that has a Scale
// in all ways, by several managers, and compares number, conflicts and owners with
// a model.
func TestScaleAgainstModel(t *testing.T) {
	chance := random(t)
	resources := catalog.Resources()
	c := serve(t, resources)
	scaled := 0
	for _, r := range resources {
		if r.Scale == nil {
			continue
		}
		scaled++
		for object := range 4 {
			scaleRandomly(t, c, chance, r, fmt.Sprintf("scaled-%d", object))
			if t.Failed() {
				return
			}
		}
	}
	if scaled < 4 {
		t.Errorf("%d kinds have a Scale", scaled)
	}
}

func scaleRandomly(t *testing.T, c *client, chance *rand.Rand, r *api.Resource, name string) {
	path := pathOf(r, r.Kind.Version) + "/" + name
	selector := `{"matchLabels":{"a":"b"}}`
	if r.Kind.Group == "" {
		selector = `{"a":"b"}`
	}
	whole := fmt.Sprintf(`{"apiVersion":%q,"kind":%q,"metadata":{"name":%q,"namespace":"default"},"spec":{"replicas":%%d,"selector":%s,
		"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}}`, r.Kind.GroupVersion(), r.Kind.Kind, name, selector)
	scale := fmt.Sprintf(`{"apiVersion":"autoscaling/v1","kind":"Scale","metadata":{"name":%q,"namespace":"default"},"spec":{"replicas":%%d}}`, name)
	model := &replicas{number: -1, owners: map[owner]bool{}}
	for step := range 40 {
		me := owner{[]string{"a", "b", "c"}[chance.IntN(3)], "Update", ""}
		number, force, media, method := chance.IntN(4), chance.IntN(2) == 0, "application/merge-patch+json", "PATCH"
		body := fmt.Sprintf(`{"spec":{"replicas":%d}}`, number)
		at, query := path, "?fieldManager="+me.manager
		if step > 0 && chance.IntN(3) > 0 {
			me.subresource, at = "scale", path+"/scale"
		}
		switch document := map[bool]string{true: scale, false: whole}[me.subresource != ""]; {
		case step == 0 || chance.IntN(2) == 0:
			me.operation, media, body = "Apply", "application/apply-patch+yaml", fmt.Sprintf(document, number)
			query += fmt.Sprintf("&force=%t", force)
			if chance.IntN(2) == 0 {
				media, body = "application/apply-patch+cbor", inCBOR(t, body)
			}
		case me.subresource != "" && chance.IntN(2) == 0:
			method, media, body = "PUT", "application/json", fmt.Sprintf(document, number)
		}
		what := fmt.Sprintf("%s: %s %s of %d by %v, force %t", path, method, media, number, me, force)
		code, _, data := c.do(method, at+query, media, "application/json", []byte(body))
		if conflict := model.write(me, number, force); conflict != (code == 409) || !conflict && code >= 300 {
			t.Fatalf("%s: answered %d, conflict %t: %s", what, code, conflict, data)
		}
		_, _, data = c.do("GET", path, "", "application/json", nil)
		model.compare(t, what, r, data)
	}
}

func inCBOR(t *testing.T, body string) string {
	t.Helper()
	var fields map[string]any
	if err := utiljson.Unmarshal([]byte(body), &fields); err != nil {
		t.Fatal(err)
	}
	data, err := cbor.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// compare holds an object, and who manages it, against the model.
func (r *replicas) compare(t *testing.T, what string, of *api.Resource, data []byte) {
	t.Helper()
	var got struct {
		Metadata struct {
			ManagedFields []struct {
				Manager, Operation, APIVersion, Subresource string
				FieldsV1                                    struct {
					Spec map[string]any `json:"f:spec"`
				}
			}
		}
		Spec struct{ Replicas int }
	}
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	var owners, want []string
	seen := map[owner]bool{}
	for _, m := range got.Metadata.ManagedFields {
		me := owner{m.Manager, m.Operation, m.Subresource}
		if seen[me] || m.APIVersion != of.Kind.GroupVersion().String() {
			t.Errorf("%s: %v is there twice or of another version: %s", what, me, data)
		}
		seen[me] = true
		if _, ok := m.FieldsV1.Spec["f:replicas"]; ok {
			owners = append(owners, fmt.Sprint(me))
		}
	}
	for me := range maps.Keys(r.owners) {
		want = append(want, fmt.Sprint(me))
	}
	slices.Sort(owners)
	slices.Sort(want)
	if got.Spec.Replicas != r.number || strings.Join(owners, " ") != strings.Join(want, " ") {
		t.Errorf("%s: %d replicas of %v, want %d of %v: %s", what, got.Spec.Replicas, owners, r.number, want, data)
	}
}
