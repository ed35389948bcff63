package authz

import (
	"context"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"iter"

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
		err := e.Validate(context.Background(), a)
		if (err == nil) != (c.refused == "") || err != nil && !strings.Contains(err.Error(), c.refused) {
			t.Errorf("%s: %v, want %q", c.name, err, c.refused)
		}
	}
}

type pods []runtime.Object

func (p pods) Get(context.Context, schema.GroupVersionResource, string, string) (runtime.Object, error) {
	return nil, context.Canceled
}

func (p pods) Snapshot(_ schema.GroupVersionResource, namespace string) (iter.Seq[runtime.Object], string, error) {
	return func(yield func(runtime.Object) bool) {
		for _, o := range p {
			if o.(*corev1.Pod).Namespace == namespace && !yield(o) {
				return
			}
		}
	}, "1", nil
}

// A node that asks for what is not its own.
func TestNode(t *testing.T) {
	n := Node{Reader: pods{&corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "y", Name: "p"},
		Spec: corev1.PodSpec{NodeName: "n1", ServiceAccountName: "robot", Volumes: []corev1.Volume{
			{VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "s"}}},
			{VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "c"}}},
		}, Containers: []corev1.Container{{EnvFrom: []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "m"}}}}}}},
	}}}
	node := func(name string) *inprocess.User { return someone(NodePrefix+name, Nodes) }
	for _, c := range []struct {
		name string
		user *inprocess.User
		a    Attributes
		want bool
	}{
		{"its secret", node("n1"), Attributes{Verb: "get", Resource: "secrets", Namespace: "y", Name: "s"}, true},
		{"another's secret", node("n2"), Attributes{Verb: "get", Resource: "secrets", Namespace: "y", Name: "s"}, false},
		{"another secret", node("n1"), Attributes{Verb: "get", Resource: "secrets", Namespace: "y", Name: "t"}, false},
		{"all secrets", node("n1"), Attributes{Verb: "list", Resource: "secrets", Namespace: "y"}, false},
		{"its config map", node("n1"), Attributes{Verb: "watch", Resource: "configmaps", Namespace: "y", Name: "m"}, true},
		{"its claim", node("n1"), Attributes{Verb: "get", Resource: "persistentvolumeclaims", Namespace: "y", Name: "c"}, true},
		{"its token", node("n1"), Attributes{Verb: "create", Resource: "serviceaccounts", Subresource: "token", Namespace: "y", Name: "robot"}, true},
		{"another's token", node("n2"), Attributes{Verb: "create", Resource: "serviceaccounts", Subresource: "token", Namespace: "y", Name: "robot"}, false},
		{"its lease", node("n1"), Attributes{Verb: "update", Group: "coordination.k8s.io", Resource: "leases", Namespace: "kube-node-lease", Name: "n1"}, true},
		{"another's lease", node("n1"), Attributes{Verb: "update", Group: "coordination.k8s.io", Resource: "leases", Namespace: "kube-node-lease", Name: "n2"}, false},
		{"pods", node("n1"), Attributes{Verb: "list", Resource: "pods"}, true},
		{"exec", node("n1"), Attributes{Verb: "create", Resource: "pods", Subresource: "exec", Namespace: "y", Name: "p"}, false},
		{"not in the group", someone(NodePrefix + "n1"), Attributes{Verb: "list", Resource: "pods"}, false},
	} {
		if got, why := n.Allows(context.Background(), c.user, c.a); got != c.want {
			t.Errorf("%s: %v (%s), want %v", c.name, got, why, c.want)
		}
	}
}
