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

// TestEscalationByUpdate: who does not hold what a role grants may change nothing
// of it but what garbage collection needs.
func TestEscalationByUpdate(t *testing.T) {
	r := bootstrapped(clusterRole("pods", on("get", "", "pods")), bindCluster("pods", "pods", user("jane")))
	e := &Escalation{RBAC: r, Authorizer: r}
	role := func(change func(*rbacv1.ClusterRole), rules ...rbacv1.PolicyRule) *rbacv1.ClusterRole {
		r := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "r", UID: "u", ResourceVersion: "7"}, Rules: rules}
		if change != nil {
			change(r)
		}
		return r
	}
	label := func(r *rbacv1.ClusterRole) { r.Labels = map[string]string{aggregateTo("view"): "true"} }
	finalizer := func(r *rbacv1.ClusterRole) { r.Finalizers, r.ResourceVersion = []string{"x/y"}, "" }
	gathering := func(r *rbacv1.ClusterRole) {
		r.AggregationRule = &rbacv1.AggregationRule{ClusterRoleSelectors: []metav1.LabelSelector{{MatchLabels: map[string]string{"a": "b"}}}}
	}
	all, pods := on("*", "*", "*"), on("get", "", "pods")
	for _, c := range []struct {
		name     string
		obj, old api.Object
		allowed  bool
	}{
		{"a label on what she has", role(label, pods), role(nil, pods), true},
		{"a label on more than she has", role(label, all), role(nil, all), false},
		{"a finalizer of more than she has", role(finalizer, all), role(nil, all), true},
		{"nothing", role(nil, all), role(nil, all), true},
		{"less than before", role(nil, pods), role(nil, all), true},
		{"no more aggregation", role(nil, pods), role(gathering, pods), false},
		{"other subjects", bindCluster("b", "cluster-admin", user("x")), bindCluster("b", "cluster-admin"), false},
	} {
		a := &admission.Attributes{Operation: admission.Update, Object: c.obj, Old: c.old, Name: c.obj.GetName(), User: someone("jane"),
			Resource: &api.Resource{Kind: rbacv1.SchemeGroupVersion.WithKind("X"), Plural: "x"}}
		if err := e.Admit(t.Context(), a); (err == nil) != c.allowed {
			t.Errorf("%s: %v, want allowed %v", c.name, err, c.allowed)
		}
	}
}
