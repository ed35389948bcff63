package apiserver

import (
	"context"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api"
	"minke/apiserver/admission"
)

// rewriter is a mutating plug-in that makes another object, as webhooks do.
type rewriter struct{ change *func(api.Object) }

func (p rewriter) Admit(_ context.Context, a *admission.Attributes) error {
	if *p.change != nil {
		a.Object = a.Object.DeepCopyObject().(api.Object)
		(*p.change)(a.Object)
	}
	return nil
}

// TestManagersInAdmission: who manages what is admission's to change, and not to spoil.
func TestManagersInAdmission(t *testing.T) {
	var change func(api.Object)
	w := newWorld(t, func(c *Config) { c.Admission = admission.Chain{rewriter{&change}} })
	names := func(answer map[string]any) string {
		var out []string
		metadata, _ := answer["metadata"].(map[string]any)
		managers, _ := metadata["managedFields"].([]any)
		for _, m := range managers {
			out = append(out, m.(map[string]any)["manager"].(string))
		}
		return strings.Join(out, ",")
	}
	rename := func(obj api.Object) {
		entries := obj.GetManagedFields()
		for i := range entries {
			entries[i].Manager = "hook"
		}
		obj.SetManagedFields(entries)
	}
	spoil := func(obj api.Object) {
		obj.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: "bad", Operation: "Bad"}})
	}
	forget := func(obj api.Object) { obj.SetManagedFields(nil) }
	for _, step := range []struct {
		name, method, path, media, body string
		change                          func(api.Object)
		want                            string
		warns                           bool
	}{
		{"created", "POST", cms + "?fieldManager=m", "", `{"metadata":{"name":"a"},"data":{"k":"1"}}`, rename, "hook", false},
		{"spoilt when created", "POST", cms + "?fieldManager=m", "", `{"metadata":{"name":"b"},"data":{"k":"1"}}`, spoil, "m", true},
		{"forgotten when created", "POST", cms + "?fieldManager=m", "", `{"metadata":{"name":"c"},"data":{"k":"1"}}`, forget, "", false},
		{"left alone", "PATCH", cms + "/a?fieldManager=n", mergeMedia, `{"data":{"l":"1"}}`, func(api.Object) {}, "hook,n", false},
		{"changed", "PATCH", cms + "/a?fieldManager=n", mergeMedia, `{"data":{"l":"2"}}`, rename, "hook,hook", false},
		{"spoilt when applied", "PATCH", cms + "/b?fieldManager=o", applyMedia, `{"apiVersion":"v1","kind":"ConfigMap","data":{"o":"1"}}`, spoil, "o,m", true},
		{"forgotten", "PATCH", cms + "/b?fieldManager=n", mergeMedia, `{"data":{"l":"3"}}`, forget, "", false},
	} {
		change = step.change
		rec := w.do(step.method, step.path, step.body, "Content-Type", step.media)
		if warned := strings.Contains(rec.Header().Get("Warning"), "was in an invalid state after admission"); rec.Code >= 300 || warned != step.warns {
			t.Fatalf("%s: %d %s, warnings %q", step.name, rec.Code, rec.Body, rec.Header().Values("Warning"))
		}
		path, _, _ := strings.Cut(step.path, "?")
		if step.method == "POST" {
			path += "/" + strings.Split(step.body, `"`)[5]
		}
		if got := names(w.must(200, "GET", path, "")); got != step.want {
			t.Errorf("%s: managed by %q, want %q", step.name, got, step.want)
		}
	}
}
