package customresource

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

const (
	applyMedia = "application/apply-patch+yaml"
	mergeMedia = "application/merge-patch+json"
)

func scaleTo(n int) string {
	return fmt.Sprintf(`{"apiVersion":"autoscaling/v1","kind":"Scale","spec":{"replicas":%d}}`, n)
}

// owners are the entries that have the field in spec, as "manager operation
// apiVersion subresource".
func (w *world) owners(path, field string) string {
	w.Helper()
	var out []string
	managers, _ := get(w.must(200, "GET", path, ""), "metadata", "managedFields").([]any)
	for _, m := range managers {
		if get(m, "fieldsV1", "f:spec", "f:"+field) == nil {
			continue
		}
		line := ""
		for _, name := range []string{"manager", "operation", "apiVersion", "subresource"} {
			if s, ok := get(m, name).(string); ok {
				line += s + " "
			}
		}
		out = append(out, strings.TrimSpace(line))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// TestScaleOwnership scales an object of two versions, which have the replicas in
// fields of their own, and of a third one without a Scale.
func TestScaleOwnership(t *testing.T) {
	w := newWorld(t)
	named := strings.Replace(widgetV1, `"default":1,`, "", 1)
	second := strings.NewReplacer(`"name":"v1"`, `"name":"v2"`, `"storage":true`, `"storage":false`,
		"spec.replicas", "spec.max").Replace(named)
	third := strings.NewReplacer(`"name":"v1"`, `"name":"v3"`, `"storage":true`, `"storage":false`,
		`,"scale":{"specReplicasPath":".spec.replicas","statusReplicasPath":".status.replicas","labelSelectorPath":".status.selector"}`, "").Replace(named)
	w.define(crd(named, second, third))
	v2, v3 := strings.Replace(widgets, "/v1/", "/v2/", 1), strings.Replace(widgets, "/v1/", "/v3/", 1)
	w.must(201, "PATCH", v3+"/a?fieldManager=third", `{"apiVersion":"example.com/v3","kind":"Widget","spec":{"color":"red"}}`, "Content-Type", applyMedia)

	missing := w.must(500, "GET", widgets+"/a/scale", "")
	w.want(get(missing, "message"), `Internal error occurred: the spec replicas field ".spec.replicas" does not exist`, "no replicas")
	empty := w.must(400, "PATCH", widgets+"/a/scale?fieldManager=s", `{"metadata":{"labels":{"a":"b"}}}`, "Content-Type", mergeMedia)
	w.want(get(empty, "message"), `the spec replicas field ".spec.replicas" cannot be empty`, "no replicas")
	w.must(200, "PATCH", widgets+"/a/scale?fieldManager=s", `{"spec":{"replicas":4}}`, "Content-Type", mergeMedia)
	w.want(w.owners(widgets+"/a", "replicas"), "", "owner of what nobody had")
	w.must(200, "PATCH", widgets+"/a/scale?fieldManager=f&force=true", scaleTo(2), "Content-Type", applyMedia)
	w.must(200, "PATCH", widgets+"/a/scale?fieldManager=s", `{"spec":{"replicas":4}}`, "Content-Type", mergeMedia)
	w.want(w.owners(widgets+"/a", "replicas"), "s Update example.com/v1 scale", "owner of what somebody had")

	conflict := w.must(409, "PATCH", widgets+"/a/scale?fieldManager=a", scaleTo(3), "Content-Type", applyMedia)
	w.want(get(conflict, "message"), `Apply failed with 1 conflict: conflict with "s" with subresource "scale" using autoscaling/v1: .spec.replicas`, "conflict")
	set := w.must(200, "PATCH", widgets+"/a/scale?fieldManager=a&force=true", scaleTo(3), "Content-Type", applyMedia)
	w.want(get(set, "spec", "replicas"), 3, "replicas")
	w.want(w.owners(widgets+"/a", "replicas"), "a Apply example.com/v1 scale", "owner after force")
	w.want(w.owners(widgets+"/a", "color"), "third Apply example.com/v3", "owner of what is not scaled")

	w.must(200, "PATCH", v2+"/a/scale?fieldManager=b&force=true", scaleTo(2), "Content-Type", applyMedia)
	w.want(w.owners(widgets+"/a", "max"), "b Apply example.com/v2 scale", "owner in the other version")
	w.want(get(w.must(200, "GET", widgets+"/a", ""), "spec"), map[string]any{"color": "red", "max": 2, "replicas": 3}, "spec")
	w.want(w.owners(widgets+"/a", "color"), "third Apply example.com/v3", "owner of what is not scaled")

	negative := w.must(422, "PATCH", widgets+"/a/scale?fieldManager=a&force=true", scaleTo(-1), "Content-Type", applyMedia)
	if text, _ := get(negative, "message").(string); !strings.Contains(text, `Widget.example.com "a" is invalid`) || !strings.Contains(text, "should be a non-negative integer") {
		t.Errorf("negative: %s", text)
	}
	w.must(200, "PATCH", widgets+"/a/scale", `{"metadata":{"uid":"x"},"spec":{"replicas":3}}`, "Content-Type", mergeMedia)
	none := w.must(404, "PATCH", widgets+"/none/scale?fieldManager=a", scaleTo(1), "Content-Type", applyMedia)
	w.want(get(none, "message"), `widgets.example.com "none" not found`, "missing")
	w.must(404, "PATCH", v3+"/a/scale?fieldManager=a", scaleTo(1), "Content-Type", applyMedia)
	w.must(415, "PATCH", widgets+"/a/scale", `{"spec":{"replicas":2}}`, "Content-Type", "application/strategic-merge-patch+json")
}
