package apiserver

import (
	"context"
	"fmt"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api/inprocess"
	"minke/apiserver/admission"
	"minke/apiserver/request"
	"minke/store"
)

// tellsDeletions notes whose deletion it was asked about, and with what grace.
type tellsDeletions struct{ told *[]string }

func (p tellsDeletions) Validate(_ context.Context, a *admission.Attributes) error {
	if o, ok := a.Options.(*metav1.DeleteOptions); ok {
		grace := "none"
		if o.GracePeriodSeconds != nil {
			grace = fmt.Sprint(*o.GracePeriodSeconds)
		}
		*p.told = append(*p.told, fmt.Sprintf("%q %s", a.Name, grace))
	}
	return nil
}

// TestDeletionsInAdmission: admission is told the grace that an object gets, not the
// one that was asked for, nothing of a deletion that goes on as it does, and no names
// of collections.
func TestDeletionsInAdmission(t *testing.T) {
	var told []string
	w := newWorld(t, func(c *Config) { c.Admission = admission.Chain{tellsDeletions{&told}} })
	for _, name := range []string{"free", "running"} {
		w.must(201, "POST", pods, `{"metadata":{"name":"`+name+`"}}`)
	}
	w.must(201, "POST", cms, configMap("a", "1"))
	w.must(201, "POST", cms, configMap("b", "1"))
	for _, c := range []struct{ path, want string }{
		{pods + "/running?gracePeriodSeconds=20", `["running" 20]`},
		{pods + "/running?gracePeriodSeconds=30", `[]`},
		{pods + "/running", `[]`},
		{pods + "/running?gracePeriodSeconds=10", `["running" 10]`},
		{pods + "/free?gracePeriodSeconds=0", `["free" 0]`},
		{pods + "?gracePeriodSeconds=0", `["" 0]`},
		{cms + "/a", `["a" none]`},
		{cms, `["" none]`},
	} {
		told = nil
		w.must(200, "DELETE", c.path, "")
		w.want(fmt.Sprint(told), c.want, c.path)
	}
}

// TestUnsafeDeletion is the deletion of what cannot be read, by an option that must
// not delete what can.
func TestUnsafeDeletion(t *testing.T) {
	var refused bool
	w := newWorld(t, func(c *Config) {
		c.Authorize = func(_ context.Context, _ *inprocess.User, i *request.Info) error {
			if refused && i.Verb == unsafeVerb {
				return apierrors.NewForbidden(schema.GroupResource{Resource: i.Resource}, i.Name, nil)
			}
			return nil
		}
	})
	const option = "ignoreStoreReadErrorWithClusterBreakingPotential=true"
	w.must(201, "POST", cms, configMap("good", "1"))
	const key = "/registry/configmaps/default/bad"
	put := func() {
		t.Helper()
		if _, err := w.cfg.Store.Txn(t.Context(), store.Txn{Writes: []store.Write{{Key: key, Value: []byte("nothing that was ever an object")}}}); err != nil {
			t.Fatal(err)
		}
	}
	put()
	for _, c := range []struct {
		path    string
		refused bool
		code    int
		message string
	}{
		{cms + "/good?" + option, false, 409, "object is decodable"},
		{cms + "/good?dryRun=All&" + option, false, 409, "object is decodable"},
		{cms + "/good?gracePeriodSeconds=0&" + option, false, 422, "cannot be set together with .gracePeriodSeconds"},
		{cms + "/none?" + option, false, 404, "not found"},
		{cms + "?" + option, false, 422, "is not allowed with DELETECOLLECTION"},
		{cms + "/bad?" + option, true, 403, `not permitted to do "unsafe-delete-ignore-read-errors", reason: `},
		{cms + "/bad", false, 404, "not found"},
		{cms + "/bad?dryRun=All&" + option, false, 200, ""},
		{cms + "/bad?" + option, false, 200, ""},
		{cms + "/bad?" + option, false, 404, "not found"},
	} {
		refused = c.refused
		got := w.must(c.code, "DELETE", c.path, "")
		if message, _ := got["message"].(string); !strings.Contains(message, c.message) {
			t.Errorf("%s: %q, want %q", c.path, message, c.message)
		}
	}
	w.must(200, "GET", cms+"/good", "")
}
