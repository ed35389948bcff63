package flowcontrol

import (
	"testing"

	"minke/api/inprocess"
	"minke/apiserver/request"
)

// TestClassify asks the bootstrap schemas.
func TestClassify(t *testing.T) {
	c := New(Config{})
	get := func(path string) *request.Info { return &request.Info{Verb: "get", Path: path} }
	on := func(verb, group, resource, sub, namespace string) *request.Info {
		return &request.Info{IsResource: true, Verb: verb, Group: group, Version: "v1", Resource: resource, Subresource: sub, Namespace: namespace}
	}
	for _, x := range []struct {
		user   string
		groups []string
		info   *request.Info
		want   string
	}{
		{"admin", []string{"system:masters", "system:authenticated"}, on("list", "", "pods", "", ""), "exempt"},
		{"admin", []string{"system:masters"}, get("/metrics"), "exempt"},
		{"system:anonymous", []string{"system:unauthenticated"}, get("/livez/ping"), "probes"},
		{"system:anonymous", []string{"system:unauthenticated"}, get("/livezz"), "global-default"},
		{"system:node:a", []string{"system:nodes", "system:authenticated"}, on("update", "coordination.k8s.io", "leases", "", "kube-node-lease"), "system-node-high"},
		{"system:node:a", []string{"system:nodes", "system:authenticated"}, on("patch", "", "nodes", "status", ""), "system-node-high"},
		{"system:node:a", []string{"system:nodes", "system:authenticated"}, on("patch", "", "nodes", "proxy", ""), "system-nodes"},
		{"system:node:a", []string{"system:nodes", "system:authenticated"}, on("get", "", "secrets", "", "x"), "system-nodes"},
		{"system:kube-scheduler", []string{"system:authenticated"}, on("get", "coordination.k8s.io", "leases", "", "kube-system"), "system-leader-election"},
		{"system:kube-scheduler", []string{"system:authenticated"}, on("delete", "coordination.k8s.io", "leases", "", "kube-system"), "kube-scheduler"},
		{"system:serviceaccount:kube-system:dns", []string{"system:serviceaccounts", "system:authenticated"}, on("list", "", "services", "", ""), "kube-system-service-accounts"},
		{"system:serviceaccount:kube-systems:dns", []string{"system:serviceaccounts", "system:authenticated"}, on("list", "", "services", "", ""), "service-accounts"},
		{"jane", []string{"system:authenticated"}, on("create", "apps", "deployments", "scale", "x"), "global-default"},
		{"nobody", nil, on("create", "apps", "deployments", "scale", "x"), "catch-all"},
	} {
		if got := c.Classify(&inprocess.User{Name: x.user, Groups: x.groups}, x.info).schema.name; got != x.want {
			t.Errorf("%s %s %s%s: schema %s, want %s", x.user, x.info.Verb, x.info.Resource, x.info.Path, got, x.want)
		}
	}
}

func TestBelow(t *testing.T) {
	for _, c := range []struct {
		path, dir string
		want      bool
	}{
		{"/a/b", "/a", true}, {"/a/b", "/a/", true}, {"/a/b", "/a/*", true}, {"/ab", "/a", false}, {"/ab", "/a*", false}, {"/a", "/a/*", false},
	} {
		if got := below(c.path, c.dir); got != c.want {
			t.Errorf("below(%s, %s) = %v", c.path, c.dir, got)
		}
	}
}

func BenchmarkClassify(b *testing.B) {
	c := New(Config{})
	user := &inprocess.User{Name: "jane", Groups: []string{"dev", "system:authenticated"}}
	info := &request.Info{IsResource: true, Verb: "get", Version: "v1", Resource: "pods", Namespace: "x", Name: "p"}
	b.ReportAllocs()
	for b.Loop() {
		c.Classify(user, info)
	}
}

func BenchmarkWait(b *testing.B) {
	c := New(Config{})
	user := &inprocess.User{Name: "jane", Groups: []string{"dev", "system:authenticated"}}
	info := &request.Info{IsResource: true, Verb: "get", Version: "v1", Resource: "pods", Namespace: "x", Name: "p"}
	ctx := b.Context()
	var t Ticket
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Wait(ctx, c.Classify(user, info), user, info, Width{Seats: 1}, &t); err != nil {
			b.Fatal(err)
		}
		t.Release()
	}
}
