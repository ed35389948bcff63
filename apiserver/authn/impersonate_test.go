package authn

import (
	"context"
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api/inprocess"
	"minke/apiserver/request"
)

// rights are lines "verb resource[/subresource] name"; a name "*" is any.
type rights []string

func (r rights) may(_ context.Context, _ *inprocess.User, i *request.Info) error {
	q := i.Verb + " " + i.Resource
	if i.Subresource != "" {
		q += "/" + i.Subresource
	}
	if slices.Contains(r, q+" "+i.Name) || slices.Contains(r, q+" *") {
		return nil
	}
	return apierrors.NewForbidden(schema.GroupResource{Group: i.Group, Resource: i.Resource}, i.Name, errors.New("cannot "+q+" "+i.Name))
}

func TestConstrainedImpersonation(t *testing.T) {
	agent := &inprocess.User{Name: "system:serviceaccount:y:agent", Extra: map[string][]string{nodeNameKey: {"n1"}}}
	bob := &inprocess.User{Name: "bob"}
	for _, c := range []struct {
		name   string
		by     *inprocess.User
		may    rights
		header map[string]string
		want   string
	}{
		{"a user", bob, rights{"impersonate-on:user-info:list pods ", "impersonate:user-info users jane"},
			map[string]string{"User": "jane"}, "jane system:authenticated"},
		{"a user, for another verb", bob, rights{"impersonate-on:user-info:get pods *", "impersonate:user-info users jane"},
			map[string]string{"User": "jane"}, "cannot impersonate-on:user-info:list pods"},
		{"another user", bob, rights{"impersonate-on:user-info:list pods ", "impersonate:user-info users jane"},
			map[string]string{"User": "joe"}, "cannot impersonate:user-info users joe"},
		{"a group besides", bob, rights{"impersonate-on:user-info:list pods ", "impersonate:user-info users jane", "impersonate:user-info groups dev"},
			map[string]string{"User": "jane", "Group": "dev"}, "jane dev,system:authenticated"},
		{"masters", bob, rights{"impersonate-on:user-info:list pods ", "impersonate:user-info users *", "impersonate:user-info groups *"},
			map[string]string{"User": "jane", "Group": "system:masters"}, "impersonating the system:masters group is not allowed"},
		{"masters by the old way", bob, rights{"impersonate users *", "impersonate groups *"},
			map[string]string{"User": "jane", "Group": "system:masters"}, "jane system:masters,system:authenticated"},
		{"a bad extra", bob, rights{"impersonate-on:user-info:list pods ", "impersonate:user-info users *"},
			map[string]string{"User": "jane", "Extra-scope": "x"}, "impersonating an invalid key in extra"},
		{"an account as a user", bob, rights{"impersonate-on:user-info:list pods ", "impersonate:user-info users *"},
			map[string]string{"User": "system:serviceaccount:y:robot"}, "cannot impersonate-on:serviceaccount:list pods"},
		{"an account", bob, rights{"impersonate-on:serviceaccount:list pods ", "impersonate:serviceaccount serviceaccounts robot"},
			map[string]string{"User": "system:serviceaccount:y:robot"}, "system:serviceaccount:y:robot system:serviceaccounts,system:serviceaccounts:y,system:authenticated"},
		{"any node", bob, rights{"impersonate-on:arbitrary-node:list pods ", "impersonate:arbitrary-node nodes n2"},
			map[string]string{"User": "system:node:n2"}, "system:node:n2 system:nodes,system:authenticated"},
		{"its own node", agent, rights{"impersonate-on:associated-node:list pods ", "impersonate:associated-node nodes *"},
			map[string]string{"User": "system:node:n1"}, "system:node:n1 system:nodes,system:authenticated"},
		{"another's node", agent, rights{"impersonate-on:associated-node:list pods ", "impersonate:associated-node nodes *"},
			map[string]string{"User": "system:node:n2"}, "cannot impersonate-on:arbitrary-node:list pods"},
		{"a node with groups", bob, rights{"impersonate-on:arbitrary-node:list pods ", "impersonate:arbitrary-node nodes *"},
			map[string]string{"User": "system:node:n2", "Group": "dev"}, "cannot impersonate users system:node:n2"},
	} {
		a := &Authenticator{Authorize: c.may.may}
		r := httptest.NewRequest("GET", "/api/v1/namespaces/y/pods", nil)
		for k, v := range c.header {
			r.Header.Set("Impersonate-"+k, v)
		}
		r = r.WithContext(inprocess.WithUser(r.Context(), c.by))
		if got := outcome(a.Authenticate(r)); !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
