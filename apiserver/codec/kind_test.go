package codec

import (
	"fmt"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// TestWrongKind: another kind than the path's is a field of a custom resource that
// is invalid; another version is a bad request.
func TestWrongKind(t *testing.T) {
	kind := schema.GroupVersionKind{Group: "a.example", Version: "v1", Kind: "Noxu"}
	for body, want := range map[string]string{
		`{"apiVersion":"a.example/v1","kind":"Noxu","metadata":{"name":"foo"}}`: "",
		`{"apiVersion":"a.example/v1","kind":"Else","metadata":{"name":"foo"}}`: `Else.a.example "foo" is invalid: kind: Invalid value: "Else": must be Noxu`,
		`{"apiVersion":"a.example/v2","kind":"Noxu","metadata":{"name":"foo"}}`: "the API version in the data (a.example/v2) does not match the expected API version (a.example/v1)",
	} {
		_, err := (&Body{Data: []byte(body), Format: JSON}).Decode(&unstructured.Unstructured{}, kind)
		if want == "" && err != nil || want != "" && (err == nil || err.Error() != want) {
			t.Errorf("%s: got %v, want %q", body, err, want)
		}
		if invalid := apierrors.IsInvalid(err); invalid != (len(want) > 0 && want[0] == 'E') {
			t.Errorf("%s: invalid: %v", body, invalid)
		}
	}
}

// TestNamedKind: what a body says it is, is completed by what it must be; what is known
// is read and then not converted, what is not is not registered.
func TestNamedKind(t *testing.T) {
	kind := schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}
	known := map[schema.GroupVersionKind]string{
		kind: "v1.Deployment", {Version: "v1", Kind: "Pod"}: "v1.Pod", {Group: "apps", Version: "v1beta1", Kind: "Deployment"}: "v1beta1.Deployment",
	}
	for _, c := range []struct{ version, kind, want string }{
		{"apps/v1", "Deployment", ""},
		{"", "Deployment", ""},
		{"apps/v1", "", ""},
		{"", "", ""},
		{"apps/", "Deployment", ""},
		{"v1", "Deployment", `Deployment in version "v1" cannot be handled as a Deployment: no kind "Deployment" is registered for version "v1"`},
		{"v1", "Pod", `Pod in version "v1" cannot be handled as a Deployment: converting (v1.Pod) to (apps.Deployment): unknown conversion`},
		{"", "Pod", `Pod in version "v1" cannot be handled as a Deployment: no kind "Pod" is registered for version "apps/v1"`},
		{"apps/v1beta1", "Deployment", "the API version in the data (apps/v1beta1) does not match the expected API version (apps/v1)"},
		{"apps/v2", "Deployment", `Deployment in version "v2" cannot be handled as a Deployment: no kind "Deployment" is registered for version "apps/v2"`},
		{"batch/", "Deployment", `Deployment in version "" cannot be handled as a Deployment: Object 'apiVersion' is missing in '{"apiVersion":"batch/","kind":"Deployment"}'`},
		{"__internal", "Deployment", `Deployment in version "__internal" cannot be handled as a Deployment: no kind "Deployment" is registered for the internal version of group ""`},
		{"a/b/c", "Deployment", `the object provided is unrecognized (must be of type Deployment): unexpected GroupVersion string: a/b/c ({"apiVersion":"a/b/c","kind":" ...)`},
	} {
		body := fmt.Sprintf(`{"apiVersion":%q,"kind":%q}`, c.version, c.kind)
		_, err := (&Body{Data: []byte(body), Format: JSON, KindName: func(named, beside schema.GroupVersionKind) string {
			if beside != kind {
				t.Errorf("asked for %v", beside)
			}
			return known[named]
		}}).Decode(&appsv1.Deployment{}, kind)
		if c.want == "" && err != nil || c.want != "" && (err == nil || err.Error() != c.want) {
			t.Errorf("%s: got %v, want %q", body, err, c.want)
		}
	}
}

// TestJSONAsYAML: a JSON text that is called YAML is read as JSON, unless something is
// named twice: that is told with the line.
func TestJSONAsYAML(t *testing.T) {
	kind := schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}
	for body, want := range map[string][]string{
		`{"data":{"a":"b"}}`:         nil,
		`{"data":{"a":"b","a":"c"}}`: {`line 1: key "a" already set in map`},
	} {
		warnings, err := (&Body{Data: []byte(body), Format: YAML, Validation: Warn}).Decode(&corev1.ConfigMap{}, kind)
		if err != nil || !slices.Equal(warnings, want) {
			t.Errorf("%s: got %q, %v, want %q", body, warnings, err, want)
		}
	}
}

// TestSummary: an object is shown as text, anything else as digits.
func TestSummary(t *testing.T) {
	for body, want := range map[string]string{
		"": "<empty>", "hello": "68656c6c6f", `{"apiVersion":7}`: `{"apiVersion":7}`,
		`{"apiVersion":7,"kind":"ConfigMap"}`: `{"apiVersion":7,"kind":"Config ...`,
	} {
		if got := summary([]byte(body)); got != want {
			t.Errorf("%q: got %q, want %q", body, got, want)
		}
	}
}
