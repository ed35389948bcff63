package audit

import (
	"strings"
	"testing"

	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"

	"minke/api/inprocess"
	"minke/apiserver/request"
)

func parse(t *testing.T, rules string) *Policy {
	t.Helper()
	p, err := Parse([]byte("apiVersion: audit.k8s.io/v1\nkind: Policy\n" + rules))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestDecide(t *testing.T) {
	p := parse(t, `
omitStages: [RequestReceived]
omitManagedFields: true
rules:
- {level: None, users: [quiet]}
- {level: None, userGroups: [silent, mute]}
- {level: Request, verbs: [delete], namespaces: [x, ""]}
- {level: RequestResponse, resources: [{group: apps, resources: ["*/scale"]}, {group: "*", resources: ["widgets/*"]}], omitManagedFields: false}
- {level: Request, resources: [{resources: [secrets], resourceNames: [open]}]}
- {level: Metadata, resources: [{resources: [pods, secrets]}], omitStages: [ResponseStarted]}
- {level: None, nonResourceURLs: [/healthz*, /version]}
- {level: Metadata, nonResourceURLs: ["*"]}
`)
	on := func(verb, group, resource, sub, namespace, name string) *request.Info {
		return &request.Info{IsResource: true, Verb: verb, Group: group, Resource: resource, Subresource: sub, Namespace: namespace, Name: name}
	}
	at := func(path string) *request.Info { return &request.Info{Verb: "get", Path: path} }
	jane := &inprocess.User{Name: "jane", Groups: []string{"dev"}}
	for _, c := range []struct {
		user *inprocess.User
		info *request.Info
		want auditv1.Level
	}{
		{&inprocess.User{Name: "quiet"}, on("get", "", "pods", "", "y", "p"), auditv1.LevelNone},
		{&inprocess.User{Name: "a", Groups: []string{"b", "mute"}}, on("get", "", "pods", "", "y", "p"), auditv1.LevelNone},
		{nil, on("get", "", "pods", "", "y", "p"), auditv1.LevelMetadata},
		{jane, on("delete", "", "pods", "", "x", "p"), auditv1.LevelRequest},
		{jane, on("delete", "", "nodes", "", "", "n"), auditv1.LevelRequest},
		{jane, on("delete", "", "pods", "", "y", "p"), auditv1.LevelMetadata},
		{jane, at("/delete"), auditv1.LevelMetadata},
		{jane, on("update", "apps", "deployments", "scale", "y", "d"), auditv1.LevelRequestResponse},
		{jane, on("update", "apps", "deployments", "", "y", "d"), auditv1.LevelNone},
		{jane, on("update", "corp", "widgets", "", "y", "d"), auditv1.LevelRequestResponse},
		{jane, on("update", "corp", "widgets", "status", "y", "d"), auditv1.LevelRequestResponse},
		{jane, on("get", "", "secrets", "", "y", "open"), auditv1.LevelRequest},
		{jane, on("get", "", "secrets", "", "y", "closed"), auditv1.LevelMetadata},
		{jane, on("get", "", "pods", "log", "y", "p"), auditv1.LevelNone},
		{jane, at("/healthz/etcd"), auditv1.LevelNone},
		{jane, at("/version"), auditv1.LevelNone},
		{jane, at("/version/x"), auditv1.LevelMetadata},
	} {
		if got := p.decide(c.user, c.info); got.level != c.want {
			t.Errorf("%+v %+v: %s, want %s", c.user, c.info, got.level, c.want)
		}
	}
	d := p.decide(jane, on("get", "", "pods", "", "y", "p"))
	if !d.omit[auditv1.StageRequestReceived] || !d.omit[auditv1.StageResponseStarted] || d.omit[auditv1.StageResponseComplete] || !d.unmanaged {
		t.Errorf("what the policy and the rule omit: %+v", d)
	}
	if p.decide(jane, on("get", "corp", "widgets", "", "y", "p")).unmanaged {
		t.Error("a rule's omitManagedFields does not come before the policy's")
	}
}

func TestParseRefuses(t *testing.T) {
	const head = "apiVersion: audit.k8s.io/v1\nkind: Policy\n"
	for text, want := range map[string]string{
		"apiVersion: audit.k8s.io/v1beta1\nkind: Policy\nrules: [{level: None}]": "want a audit.k8s.io/v1 Policy",
		head + "rules: []":                                                      "no rules",
		head + "rules: [{level: Loud}]":                                         `rules[0].level: Unsupported value: "Loud"`,
		head + "rules: [{users: [a]}]":                                          "rules[0].level: Required value",
		head + "rules: [{level: None, user: a}]":                                "unknown field",
		head + "rules: [{level: None, nonResourceURLs: [a]}]":                   "must begin with a '/'",
		head + "rules: [{level: None, nonResourceURLs: [/a*b]}]":                "must be the final character",
		head + "rules: [{level: None, nonResourceURLs: [/a], namespaces: [x]}]": "cannot apply to both",
		head + "rules: [{level: None, resources: [{resourceNames: [x]}]}]":      "requires at least one resource",
		head + "rules: [{level: None, resources: [{group: apps/v1}]}]":          "rules[0].resources.group: Invalid value",
		head + "omitStages: [Sometime]\nrules: [{level: None}]":                 "omitStages[0]: Invalid value",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n got %v\nwant %s", text, err, want)
		}
	}
}
