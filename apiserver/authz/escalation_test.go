package authz

import (
	"context"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api"
	"minke/api/inprocess"
	"minke/apiserver/admission"
)

func TestEscalation(t *testing.T) {
	r := bootstrapped(
		clusterRole("pods", on("get,list", "", "pods")),
		clusterRole("binder", on("bind", rbacv1.GroupName, "clusterroles", "cluster-admin")),
		clusterRole("escalator", on("escalate", rbacv1.GroupName, "roles")),
		roleBinding("y", "pods", "ClusterRole", user("jane")),
		bindCluster("binder", "binder", user("joe")),
		bindCluster("escalator", "escalator", user("eve")),
	)
	e := &Escalation{RBAC: r, Authorizer: r}
	role := func(rules ...rbacv1.PolicyRule) *rbacv1.Role {
		return &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: "y", Name: "r"}, Rules: rules}
	}
	for _, c := range []struct {
		name    string
		user    *inprocess.User
		obj     api.Object
		refused string
	}{
		{"what she has", someone("jane"), role(on("get", "", "pods")), ""},
		{"more than she has", someone("jane"), role(on("delete", "", "pods")), "is attempting to grant RBAC permissions not currently held:\n{APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"delete\"]}"},
		{"verbs of one resource together", someone("jane"), role(on("delete,update", "", "pods,secrets")), "held:\n{APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"delete\" \"update\"]}\n{APIGroups:[\"\"], Resources:[\"secrets\"], Verbs:[\"delete\" \"update\"]}"},
		{"may escalate", someone("eve"), role(on("delete", "", "pods")), ""},
		{"master", someone("root", Masters), role(on("*", "*", "*")), ""},
		{"binds what she has", someone("jane"), roleBinding("y", "pods", "ClusterRole", user("x")), ""},
		{"binds more", someone("jane"), roleBinding("y", "cluster-admin", "ClusterRole", user("x")), "not currently held"},
		{"may bind", someone("joe"), bindCluster("b", "cluster-admin", user("x")), ""},
		{"may not bind another", someone("joe"), bindCluster("b", "pods", user("x")), "not currently held"},
		{"no such role", someone("jane"), roleBinding("y", "nosuch", "Role", user("x")), "not found"},
	} {
		a := &admission.Attributes{Operation: admission.Create, Object: c.obj, Namespace: c.obj.GetNamespace(), Name: c.obj.GetName(), User: c.user,
			Resource: &api.Resource{Kind: rbacv1.SchemeGroupVersion.WithKind("X"), Plural: "x"}}
		err := e.Admit(context.Background(), a)
		if (err == nil) != (c.refused == "") || err != nil && !strings.Contains(err.Error(), c.refused) {
			t.Errorf("%s: %v, want %q", c.name, err, c.refused)
		}
	}
}
