package aggregate

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api/inprocess"
)

// TestObjectsGoOnAsJSON: what a part of this process hands over as it is, another
// server gets as text; without it a deletion would lose its preconditions.
func TestObjectsGoOnAsJSON(t *testing.T) {
	w := newWorld(t, anywhere)
	w.register("Passed")
	r := httptest.NewRequest(http.MethodDelete, "/apis/back.example.com/v1/echo", nil)
	r.Body = &inprocess.Body{Object: &metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions("u")}}
	var answer inprocess.Response
	w.ServeHTTP(&answer, r)
	got := answer.Bytes.String()
	for _, want := range []string{`"kind":"DeleteOptions"`, `"apiVersion":"v1"`, `"preconditions":{"uid":"u"}`} {
		if !strings.Contains(got, want) {
			t.Errorf("status %d, the other server got %q, without %s", answer.Status, got, want)
		}
	}
}
