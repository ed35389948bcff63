package authz

import (
	"context"
	"iter"
	"testing"
	"testing/synctest"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"

	"minke/api/inprocess"
	"minke/apiserver/request"
)

// policyOf returns an authorizer that knows the objects.
func policyOf(objs ...runtime.Object) *RBAC {
	r := NewRBAC(nil)
	for _, o := range objs {
		r.set(o)
	}
	return r
}

func bootstrapped(more ...runtime.Object) *RBAC {
	var objs []runtime.Object
	for _, o := range Bootstrap() {
		objs = append(objs, o)
	}
	return policyOf(append(objs, more...)...)
}

func someone(name string, groups ...string) *inprocess.User {
	return &inprocess.User{Name: name, Groups: append(groups, "system:authenticated")}
}

func resource(verb, group, resource, sub, namespace, name string) *request.Info {
	return &request.Info{IsResource: true, Verb: verb, Group: group, Version: "v1", Resource: resource, Subresource: sub, Namespace: namespace, Name: name}
}

func roleBinding(namespace, role, kind string, subjects ...rbacv1.Subject) *rbacv1.RoleBinding {
	return &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: role}, Subjects: subjects,
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: role},
	}
}

func TestAuthorize(t *testing.T) {
	r := bootstrapped(
		clusterRole("logs", on("get", "", "pods/log")),
		clusterRole("scales", on("get", "*", "*/scale")),
		&rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: "y", Name: "one"}, Rules: []rbacv1.PolicyRule{on("get,update", "", "configmaps", "mine"), on("get", "", "namespaces")}},
		roleBinding("y", "one", "Role", user("jane"), account("", "robot")),
		roleBinding("y", "logs", "ClusterRole", group("dev")),
		bindCluster("scales", "scales", user("jane")),
		roleBinding("z", "lost", "Role", user("joe")),
		bindCluster("editors", "system:aggregate-to-edit", group("editors")),
		clusterRole("paths", at("get", "/metrics,/logs/*")),
		bindCluster("paths", "paths", user("jane")),
	)
	path := func(verb, p string) *request.Info { return &request.Info{Verb: verb, Path: p} }
	for _, c := range []struct {
		name string
		user *inprocess.User
		info *request.Info
		want string
	}{
		{"masters", someone("root", Masters), resource("delete", "", "nodes", "", "", "n"), ""},
		{"named", someone("jane"), resource("get", "", "configmaps", "", "y", "mine"), ""},
		{"another name", someone("jane"), resource("get", "", "configmaps", "", "y", "other"), `configmaps "other" is forbidden: User "jane" cannot get resource "configmaps" in API group "" in the namespace "y"`},
		{"list needs no name", someone("jane"), resource("list", "", "configmaps", "", "y", ""), `configmaps is forbidden: User "jane" cannot list resource "configmaps" in API group "" in the namespace "y"`},
		{"another namespace", someone("jane"), resource("get", "", "configmaps", "", "x", "mine"), `configmaps "mine" is forbidden: User "jane" cannot get resource "configmaps" in API group "" in the namespace "x"`},
		{"all namespaces", someone("x"), resource("list", "apps", "deployments", "", "", ""), `deployments.apps is forbidden: User "x" cannot list resource "deployments" in API group "apps" at the cluster scope`},
		{"group", someone("joe", "dev"), resource("get", "", "pods", "log", "y", "p"), ""},
		{"subresource alone", someone("joe", "dev"), resource("get", "", "pods", "", "y", "p"), `pods "p" is forbidden: User "joe" cannot get resource "pods" in API group "" in the namespace "y"`},
		{"subresource text", someone("joe"), resource("create", "", "pods", "exec", "y", "p"), `pods "p" is forbidden: User "joe" cannot create resource "pods/exec" in API group "" in the namespace "y"`},
		{"any scale", someone("jane"), resource("get", "apps", "deployments", "scale", "q", "d"), ""},
		{"service account of the binding's namespace", someone("system:serviceaccount:y:robot"), resource("update", "", "configmaps", "", "y", "mine"), ""},
		{"namespace in itself", someone("jane"), resource("get", "", "namespaces", "", "", "y"), ""},
		{"missing role", someone("joe"), resource("get", "", "pods", "", "z", "p"), `pods "p" is forbidden: User "joe" cannot get resource "pods" in API group "" in the namespace "z": RBAC: role.rbac.authorization.k8s.io "lost" not found`},
		{"path", someone("jane"), path("get", "/metrics"), ""},
		{"path below", someone("jane"), path("get", "/logs/a/b"), ""},
		{"path not below", someone("jane"), path("get", "/metrics/a"), `forbidden: User "jane" cannot get path "/metrics/a"`},
		{"discovery", someone("jane"), path("get", "/apis/apps/v1"), ""},
		{"stranger's version", &inprocess.User{Name: "system:anonymous", Groups: []string{"system:unauthenticated"}}, path("get", "/version"), ""},
		{"stranger's discovery", &inprocess.User{Name: "system:anonymous", Groups: []string{"system:unauthenticated"}}, path("get", "/api"), `forbidden: User "system:anonymous" cannot get path "/api"`},
		{"events of the new group", someone("jane", "editors"), resource("create", "events.k8s.io", "events", "", "y", ""), ""},
		{"a candidate for leading", someone("system:kube-scheduler"), resource("update", "coordination.k8s.io", "leasecandidates", "", "kube-system", "s"), ""},
		{"leading", someone("system:kube-scheduler"), resource("update", "coordination.k8s.io", "leases", "", "kube-system", "other"), ""},
		{"another's controller lease", someone("system:kube-scheduler"), resource("update", "coordination.k8s.io", "leases", "", "y", "other"), `leases.coordination.k8s.io "other" is forbidden: User "system:kube-scheduler" cannot update resource "leases" in API group "coordination.k8s.io" in the namespace "y"`},
		{"a controller updates", someone("system:serviceaccount:kube-system:deployment-controller"), resource("update", "apps", "deployments", "status", "y", "d"), ""},
		{"a controller does not patch", someone("system:serviceaccount:kube-system:deployment-controller"), resource("patch", "apps", "deployments", "", "y", "d"), `deployments.apps "d" is forbidden: User "system:serviceaccount:kube-system:deployment-controller" cannot patch resource "deployments" in API group "apps" in the namespace "y"`},
		{"own access", someone("jane"), resource("create", "authorization.k8s.io", "selfsubjectaccessreviews", "", "", ""), ""},
	} {
		err := Authorize(context.Background(), r, c.user, c.info)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestAggregate(t *testing.T) {
	all := clusterRoles()
	// The controller runs until nothing changes: edit gathers view, admin edit.
	for range 3 {
		for _, r := range all {
			r.Rules, _ = Aggregate(r, all)
		}
	}
	for _, r := range all {
		if _, changed := Aggregate(r, all); changed {
			t.Errorf("%s still changes", r.Name)
		}
		if r.Name == "admin" && !compile(r.Rules).allow(Attributes{Verb: "list", Resource: "limitranges"}) {
			t.Error("admin may not list limitranges")
		}
		if r.Name == "view" && compile(r.Rules).allow(Attributes{Verb: "get", Resource: "secrets"}) {
			t.Error("view may get secrets")
		}
	}
}

func TestReconcile(t *testing.T) {
	for _, wanted := range Bootstrap() {
		if got := Reconcile(wanted, wanted); got != nil {
			t.Errorf("%T %s: changed without need", wanted, wanted.GetName())
		}
	}
	wanted := clusterRole("a", on("get", "", "pods"), on("list", "", "pods"))
	stored := clusterRole("a", on("get", "", "pods"), on("delete", "", "nodes"))
	got := Reconcile(stored, wanted).(*rbacv1.ClusterRole)
	if len(got.Rules) != 3 {
		t.Errorf("rules %v, want both and the added one", got.Rules)
	}
	stored.Annotations[AutoUpdate] = "false"
	if Reconcile(stored, wanted) != nil {
		t.Error("an object with autoupdate false was changed")
	}
}

type fakeSource struct {
	objs    map[string][]runtime.Object
	watches map[string]*watch.FakeWatcher
}

func (f *fakeSource) Snapshot(r schema.GroupVersionResource, _ string) (iter.Seq[runtime.Object], string, error) {
	return func(yield func(runtime.Object) bool) {
		for _, o := range f.objs[r.Resource] {
			if !yield(o) {
				return
			}
		}
	}, "1", nil
}

func (f *fakeSource) WatchShared(ctx context.Context, r schema.GroupVersionResource, _, _ string) (watch.Interface, error) {
	w := f.watches[r.Resource]
	context.AfterFunc(ctx, w.Stop)
	return w, nil
}

func TestRunFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeSource{objs: map[string][]runtime.Object{
			"clusterroles":        {clusterRole("a", on("get", "", "pods"))},
			"clusterrolebindings": {bindCluster("a", "a", user("jane"))},
		}, watches: map[string]*watch.FakeWatcher{}}
		for _, r := range resources {
			f.watches[r] = watch.NewFake()
		}
		r := NewRBAC(f)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- r.Run(ctx) }()
		<-r.Synced()
		allowed := func(verb string) bool {
			synctest.Wait()
			ok, _ := r.Allows(ctx, someone("jane"), Attributes{Verb: verb, Resource: "pods", Namespace: "x"})
			return ok
		}
		if !allowed("get") || allowed("list") {
			t.Error("the snapshot was not applied")
		}
		f.watches["clusterroles"].Modify(clusterRole("a", on("list", "", "pods")))
		if allowed("get") || !allowed("list") {
			t.Error("the change of a role was not applied")
		}
		f.watches["clusterrolebindings"].Delete(bindCluster("a", "a", user("jane")))
		if allowed("list") {
			t.Error("the deletion of a binding was not applied")
		}
		cancel()
		<-ended
	})
}
