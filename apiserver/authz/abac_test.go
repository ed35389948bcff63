package authz

import (
	"context"
	"strings"
	"testing"

	"minke/api/inprocess"
)

const abacHead = `{"apiVersion":"abac.authorization.kubernetes.io/v1beta1","kind":"Policy","spec":`

func readABAC(t *testing.T, lines ...string) ABAC {
	t.Helper()
	out, _, err := ReadABAC(strings.NewReader(strings.Join(lines, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestABAC(t *testing.T) {
	policies := readABAC(t, "# who may what", "",
		abacHead+`{"user":"ann","namespace":"*","resource":"*","apiGroup":"*"}}`,
		abacHead+`{"user":"bob","namespace":"p","resource":"pods","readonly":true}}`,
		abacHead+`{"group":"ops","namespace":"*","resource":"deployments","apiGroup":"apps"}}`,
		abacHead+`{"user":"cyd","group":"ops","nonResourcePath":"/metrics"}}`,
		abacHead+`{"user":"*","nonResourcePath":"/version*","readonly":true}}`,
		abacHead+`{"namespace":"*","resource":"secrets"}}`,
		`  {"user":"old","resource":"pods"}`,
		`{"user":"older","readonly":true}`,
	)
	pod := func(verb, namespace string) Attributes {
		return Attributes{Verb: verb, Version: "v1", Resource: "pods", Namespace: namespace}
	}
	path := func(verb, path string) Attributes { return Attributes{Verb: verb, Path: path} }
	for _, c := range []struct {
		who, groups string
		a           Attributes
		want        bool
	}{
		{"ann", "", pod("delete", "x"), true},
		{"ann", "", Attributes{Verb: "create", Resource: "nodes"}, true},
		{"ann", "", path("get", "/metrics"), false},
		{"ann", "", path("get", "/version"), false}, // not authenticated
		{"ann", authenticated, path("get", "/version/x"), true},
		{"ann", authenticated, path("post", "/version"), false},
		{"bob", "", pod("get", "p"), true},
		{"bob", "", pod("watch", "p"), true},
		{"bob", "", pod("list", "q"), false},
		{"bob", "", pod("list", ""), false},
		{"bob", "", pod("patch", "p"), false},
		{"bob", "", Attributes{Verb: "get", Group: "metrics.k8s.io", Resource: "pods", Namespace: "p"}, false},
		{"dan", "ops", Attributes{Verb: "patch", Group: "apps", Resource: "deployments", Namespace: "x"}, true},
		{"dan", "", Attributes{Verb: "patch", Group: "apps", Resource: "deployments", Namespace: "x"}, false},
		{"dan", "ops", path("get", "/metrics"), false},
		{"cyd", "ops", path("get", "/metrics"), true},
		{"cyd", "", path("get", "/metrics"), false},
		{"dan", "ops", Attributes{Verb: "get", Resource: "secrets"}, false}, // about nobody
		{"old", "", pod("delete", "x"), true},
		{"old", "", path("get", "/metrics"), false},
		{"older", "", path("get", "/metrics"), true},
		{"older", "", Attributes{Verb: "get", Group: "apps", Resource: "deployments"}, true},
		{"older", "", pod("delete", "x"), false},
	} {
		got, reason := policies.Allows(context.Background(), &inprocess.User{Name: c.who, Groups: strings.Fields(c.groups)}, c.a)
		if got != c.want || (reason == "") != got {
			t.Errorf("%s %s %+v: %v %q, want %v", c.who, c.groups, c.a, got, reason, c.want)
		}
	}
}

// TestABACWithoutSubject: an old policy that names nobody is for all that are known.
func TestABACWithoutSubject(t *testing.T) {
	policies := readABAC(t, `{"namespace":"n"}`)
	for groups, want := range map[string]bool{"system:authenticated": true, "system:unauthenticated": false} {
		if got, _ := policies.Allows(context.Background(), &inprocess.User{Name: "x", Groups: []string{groups}}, Attributes{Verb: "get", Resource: "pods", Namespace: "n"}); got != want {
			t.Errorf("%s: %v, want %v", groups, got, want)
		}
	}
}

func TestRefusedABAC(t *testing.T) {
	for _, c := range []struct{ file, cause string }{
		{"\n" + `{"user":`, "line 2: "},
		{`{"user":1}`, "cannot unmarshal"},
		{`{"apiVersion":"abac.authorization.kubernetes.io/v1","kind":"Policy"}`, "no kind"},
		{`{"kind":"Policy"}`, "no kind"},
		{abacHead + `{"readonly":"yes"}}`, "cannot unmarshal"},
		{"#" + strings.Repeat("x", abacLine), "line 1: bufio.Scanner: token too long"},
	} {
		if _, _, err := ReadABAC(strings.NewReader(c.file)); err == nil || !strings.Contains(err.Error(), c.cause) {
			t.Errorf("%.50s: %v, want %q", c.file, err, c.cause)
		}
	}
}

func TestUnversionedABAC(t *testing.T) {
	if _, n, err := ReadABAC(strings.NewReader(`{"user":"a"}` + "\n" + abacHead + `{"user":"b"}}`)); n != 1 || err != nil {
		t.Errorf("%d lines without a version, %v, want 1", n, err)
	}
}
