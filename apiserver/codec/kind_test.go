package codec

import (
	"testing"

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

// TestNegotiateStream: a watch is never YAML.
func TestNegotiateStream(t *testing.T) {
	for accept, want := range map[string]string{
		"":                                   MediaJSON,
		"application/yaml":                   "",
		"application/yaml, application/json": MediaJSON,
		"application/yaml, application/vnd.kubernetes.protobuf;q=0.5, */*;q=0.1": MediaProtobuf,
		"text/plain": "",
	} {
		a, ok := Offer{}.NegotiateStream(accept)
		if got := a.Format.String(); ok != (want != "") || ok && got != want {
			t.Errorf("%q: got %s, %v, want %q", accept, got, ok, want)
		}
	}
}
