package authz

import (
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/types"

	"minke/api/inprocess"
)

func TestRulesFor(t *testing.T) {
	rbac := NewRBAC(nil)
	rbac.policy.setRole(types.NamespacedName{Name: "r"}, []rbacv1.PolicyRule{on("get", "", "pods")})
	rbac.policy.setBinding(types.NamespacedName{Name: "b"}, rbacv1.RoleRef{Kind: "ClusterRole", Name: "r"}, []rbacv1.Subject{user("ann"), group(Nodes)})
	abac := readABAC(t, abacHead+`{"user":"ann","namespace":"y","resource":"pods","nonResourcePath":"/x"}}`,
		abacHead+`{"user":"ann","namespace":"z","resource":"pods"}}`)
	for _, c := range []struct {
		name, user, cause string
		by                Union
		rules             int
	}{
		{"by roles", "ann", "", Union{Superusers{}, Node{}, rbac}, 1},
		{"without roles", "ann", "", Union{Superusers{}, Node{}}, 0},
		{"everything", "ann", "", Union{Everybody{}}, 2},
		{"by policies", "ann", "", Union{abac}, 2},
		{"by policies for others", "bob", "", Union{abac}, 0},
		{"a node", "system:node:n", "node authorizer does not support", Union{Node{}, rbac}, 1},
		{"by a webhook", "ann", "webhook authorizer does not support", Union{&Webhook{}, rbac}, 1},
	} {
		who := &inprocess.User{Name: c.user}
		if strings.HasPrefix(c.user, NodePrefix) {
			who.Groups = []string{Nodes}
		}
		changing := &Changing{}
		changing.Set(c.by)
		got := RulesFor(changing, who, "y")
		text := ""
		if got.Err != nil {
			text = got.Err.Error()
		}
		if len(got.Rules) != c.rules || got.Incomplete != (c.cause != "") || !strings.Contains(text, c.cause) {
			t.Errorf("%s: %+v, want %d rules, %q", c.name, got, c.rules, c.cause)
		}
	}
}
