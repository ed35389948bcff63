package authz

import (
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api"
)

const (
	bootstrapLabel = "kubernetes.io/bootstrapping"
	// AutoUpdate on a bootstrap object with the value "false" keeps the
	// server's hands off it at start.
	AutoUpdate = "rbac.authorization.kubernetes.io/autoupdate"
)

// Bootstrap returns the roles and bindings that every cluster has. The server
// creates what is missing at start, and repairs the rest with Reconcile.
func Bootstrap() []api.Object {
	var out []api.Object
	for _, r := range clusterRoles() {
		out = append(out, r)
	}
	for _, b := range clusterBindings() {
		out = append(out, b)
	}
	for _, c := range controllers {
		out = append(out, mark(&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "system:controller:" + c.name}, Rules: c.rules}))
		out = append(out, bindCluster("system:controller:"+c.name, "system:controller:"+c.name, account("kube-system", c.name)))
	}
	return append(out, namespaced()...)
}

// mark gives a bootstrap object its label and annotation.
func mark[T api.Object](obj T) T {
	labels := obj.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	labels[bootstrapLabel] = "rbac-defaults"
	obj.SetLabels(labels)
	obj.SetAnnotations(map[string]string{AutoUpdate: "true"})
	return obj
}

// on writes a rule about resources; each argument is a list with commas.
func on(verbs, groups, resources string, names ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{
		Verbs: split(verbs), APIGroups: strings.Split(groups, ","), Resources: split(resources), ResourceNames: names,
	}
}

// at writes a rule about paths.
func at(verbs, paths string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{Verbs: split(verbs), NonResourceURLs: split(paths)}
}

func split(s string) []string { return strings.Split(s, ",") }

func clusterRole(name string, rules ...rbacv1.PolicyRule) *rbacv1.ClusterRole {
	return mark(&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules})
}

// aggregated is a role whose rules a controller gathers from all roles that
// carry its label.
func aggregated(name string, labels ...string) *rbacv1.ClusterRole {
	r := clusterRole(name)
	selector := metav1.LabelSelector{MatchLabels: map[string]string{aggregateTo(name): "true"}}
	r.AggregationRule = &rbacv1.AggregationRule{ClusterRoleSelectors: []metav1.LabelSelector{selector}}
	return labelled(r, labels...)
}

// labelled adds a role to what the named roles gather.
func labelled(r *rbacv1.ClusterRole, to ...string) *rbacv1.ClusterRole {
	for _, name := range to {
		r.Labels[aggregateTo(name)] = "true"
	}
	return r
}

func aggregateTo(name string) string { return "rbac.authorization.k8s.io/aggregate-to-" + name }

func bindCluster(name, role string, subjects ...rbacv1.Subject) *rbacv1.ClusterRoleBinding {
	return mark(&rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   subjects,
	})
}

func group(name string) rbacv1.Subject {
	return rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: name}
}

func user(name string) rbacv1.Subject {
	return rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: name}
}

func account(namespace, name string) rbacv1.Subject {
	return rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: name}
}
