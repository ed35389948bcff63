package apiserver

import (
	"encoding/json"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// TestDoubleOwners: an owner that is named twice is kept once, with a warning;
// a patch is only looked at when admission is through.
func TestDoubleOwners(t *testing.T) {
	const owner, other = `{"apiVersion":"v1","kind":"Pod","name":"a","uid":"u","controller":true}`, `{"apiVersion":"v1","kind":"Pod","name":"b","uid":"u"}`
	const text = ".metadata.ownerReferences contains duplicate entries%; API server dedups"
	for _, c := range []struct {
		name, method, path, media, owners, warning string
		kept                                       int
	}{
		{"one", "POST", cms, "", owner, "", 1},
		{"created", "POST", cms, "", owner + "," + owner, text, 1},
		{"thrice", "POST", cms, "", owner + "," + owner + "," + owner, "observed: u, u", 1},
		{"not the same", "POST", cms, "", owner + "," + other + "," + owner, text, 2},
		{"updated", "PUT", cms + "/x", "", owner + "," + owner, text, 1},
		{"patched", "PATCH", cms + "/x", "application/merge-patch+json", owner + "," + owner, strings.ReplaceAll(text, "%", " after mutating admission happens"), 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			if c.method != "POST" {
				w.do("POST", cms, `{"metadata":{"name":"x"}}`)
			}
			var headers []string
			if c.media != "" {
				headers = []string{"Content-Type", c.media}
			}
			a := w.do(c.method, c.path, `{"metadata":{"name":"x","ownerReferences":[`+c.owners+`]}}`, headers...)
			var got corev1.ConfigMap
			if err := json.Unmarshal(a.Body.Bytes(), &got); err != nil || len(got.OwnerReferences) != c.kept {
				t.Errorf("%d %s (%v)", a.Code, a.Body, err)
			}
			warning := strings.Join(a.Header()["Warning"], " ")
			if want := strings.ReplaceAll(c.warning, "%", ""); want == "" && warning != "" || !strings.Contains(warning, want) {
				t.Errorf("warned %q, want %q", warning, want)
			}
		})
	}
}
