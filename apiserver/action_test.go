package apiserver

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
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
		{"", "", "the request has no body", nil},
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
