package expression_test

import (
	"context"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api/inprocess"
	"minke/apiserver/admission"
	"minke/apiserver/admission/admissiontest"
	"minke/apiserver/admission/expression"
	"minke/apiserver/authz"
)

// onlyGet allows to get, and nothing else.
type onlyGet struct{}

func (onlyGet) Allows(_ context.Context, user *inprocess.User, a authz.Attributes) (bool, string) {
	return a.Verb == "get" && user.Name == "jane", "only get"
}

func deployment(replicas int32) *appsv1.Deployment {
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "shop", Labels: map[string]string{"tier": "front"}},
		Spec:       appsv1.DeploymentSpec{Replicas: &replicas, Paused: false},
	}
}

func conditions(texts ...string) (out []admissionregistrationv1.MatchCondition) {
	for _, text := range texts {
		out = append(out, admissionregistrationv1.MatchCondition{Name: "c", Expression: text})
	}
	return out
}

func TestMatchConditions(t *testing.T) {
	all := `[` + strings.Repeat(`0,`, 1000) + `0]`
	nested := all + `.all(a, ` + all + `.all(b, a == b))`
	for name, tt := range map[string]struct {
		texts   []string
		want    bool
		wantErr string
	}{
		"none":              {nil, true, ""},
		"object":            {[]string{`object.spec.replicas == 3`, `object.kind == "Deployment" && object.apiVersion == "apps/v1"`}, true, ""},
		"omitted field":     {[]string{`has(object.spec.paused)`}, false, ""},
		"label":             {[]string{`object.metadata.labels.tier == "front"`}, true, ""},
		"old":               {[]string{`oldObject.spec.replicas < object.spec.replicas`}, true, ""},
		"request":           {[]string{`request.operation == "UPDATE" && request.kind.kind == "Deployment" && request.resource.resource == "deployments"`}, true, ""},
		"user":              {[]string{`request.userInfo.username == "jane" && "devs" in request.userInfo.groups`, `request.userInfo.extra["a/b"] == ["1"]`}, true, ""},
		"namespace is null": {[]string{`namespaceObject == null`}, true, ""},
		"authorizer":        {[]string{`authorizer.requestResource.check("get").allowed()`, `!authorizer.group("apps").resource("deployments").namespace("x").check("update").allowed()`}, true, ""},
		"other user":        {[]string{`authorizer.serviceAccount("shop", "a").requestResource.check("get").allowed()`}, false, "failed resolution"},
		"account":           {[]string{`authorizer.serviceAccount("shop", "a").group("").resource("pods").check("get").allowed()`}, false, ""},
		"reason":            {[]string{`authorizer.path("/healthz").check("post").reason() == "only get"`}, true, ""},
		"false wins":        {[]string{`object.spec.nothing == 1`, `false`}, false, ""},
		"error":             {[]string{`true`, `object.spec.nothing == 1`}, false, "expression 'object.spec.nothing == 1' resulted in error: no such key: nothing"},
		"does not compile":  {[]string{`object.`}, false, "compilation error: compilation failed: ERROR: <input>:1:8: Syntax error"},
		"not a bool":        {[]string{`"x"`}, false, "must evaluate to bool but got string"},
		"one call too much": {[]string{nested}, false, "operation cancelled: actual cost limit exceeded"},
		"all too much":      {[]string{nested, nested, nested, nested, `false`}, false, "running out of cost budget"},
	} {
		t.Run(name, func(t *testing.T) {
			a := admissiontest.Write(admission.Update, deployment(3), deployment(1))
			a.User = &inprocess.User{Name: "jane", Groups: []string{"devs"}, Extra: map[string][]string{"a/b": {"1"}}}
			as, err := expression.Shown(t.Context(), a, a.Version)
			if err != nil {
				t.Fatal(err)
			}
			in := expression.NewInput(a, as, onlyGet{})
			got, err := expression.MatchConditions(t.Context(), conditions(tt.texts...), in)
			if got != tt.want || (err == nil) != (tt.wantErr == "") || err != nil && !strings.Contains(err.Error(), tt.wantErr) {
				t.Errorf("matches %v, error %v; want %v, %q", got, err, tt.want, tt.wantErr)
			}
		})
	}
}
