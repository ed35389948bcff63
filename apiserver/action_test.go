package apiserver

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"

	"minke/api"
	"minke/apiserver/request"
)

// TestActionRead: actions read bodies as strictly as other requests do.
func TestActionRead(t *testing.T) {
	const path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
	for _, c := range []struct {
		query, body string
		want        string   // the error
		warnings    []string // otherwise
	}{
		{"", `{"spec":{"user":"x"}}`, "", nil},
		{"", `{"spec":{"user":"x","bogus":1}}`, "", []string{`299 - "unknown field \"spec.bogus\""`}},
		{"?fieldValidation=Ignore", `{"spec":{"user":"x","bogus":1}}`, "", nil},
		{"?fieldValidation=Strict", `{"spec":{"user":"x","bogus":1}}`, `SubjectAccessReview in version "v1" cannot be handled as a SubjectAccessReview: strict decoding error: unknown field "spec.bogus"`, nil},
		{"?fieldValidation=Some", `{"spec":{"user":"x"}}`, "fieldValidation: Unsupported value", nil},
		{"", `{"spec":"x"}`, `SubjectAccessReview in version "v1" cannot be handled as a SubjectAccessReview: json: cannot unmarshal string into Go struct field SubjectAccessReview.spec of type v1.SubjectAccessReviewSpec`, nil},
		{"", "", "unexpected end of JSON input", nil},
	} {
		w, r := httptest.NewRecorder(), httptest.NewRequest("POST", path+c.query, strings.NewReader(c.body))
		r.Header.Set("Content-Type", "application/json")
		var review authorizationv1.SubjectAccessReview
		err := ActionCodec{}.Read(w, r, &review)
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s %s: %v, want %s", c.query, c.body, err, c.want)
			}
			continue
		}
		if got := w.Header().Values("Warning"); err != nil || review.Spec.User != "x" || !slices.Equal(got, c.warnings) {
			t.Errorf("%s %s: %v, %v, warnings %q, want %q", c.query, c.body, err, review.Spec, got, c.warnings)
		}
	}
}

// TestActionVerbs: an action has the methods of its subresource, and a review is
// only created.
func TestActionVerbs(t *testing.T) {
	for _, c := range []struct {
		verb, subresource, name string
		want                    int
	}{
		{"create", "token", "robot", 0},
		{"update", "token", "robot", http.StatusMethodNotAllowed},
		{"get", "binding", "p", http.StatusMethodNotAllowed},
		{"get", "log", "p", 0},
		{"create", "log", "p", http.StatusMethodNotAllowed},
		{"get", "exec", "p", 0},
		{"delete", "exec", "p", http.StatusMethodNotAllowed},
		{"delete", "proxy", "p", 0},
		{"create", "", "", 0},
		{"get", "", "", http.StatusMethodNotAllowed},
		{"get", "", "x", http.StatusNotFound},
	} {
		review := &endpoint{Resource: &api.Resource{Verbs: []string{"create"}}}
		call := &call{info: &request.Info{Verb: c.verb, Subresource: c.subresource, Name: c.name}, end: review}
		got := 0
		if err := call.checkAction(); err != nil {
			got = int(statusOf(err).Code)
		}
		if got != c.want {
			t.Errorf("%s %q of %q: %d, want %d", c.verb, c.subresource, c.name, got, c.want)
		}
	}
}
