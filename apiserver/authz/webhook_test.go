package authz

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apiserver/pkg/apis/apiserver"

	"minke/api/inprocess"
	"minke/apiserver/webhook"
)

func TestWebhook(t *testing.T) {
	ann := &inprocess.User{Name: "ann", Groups: []string{"g"}}
	pods := Attributes{Verb: "list", Version: "v1", Resource: "pods", Namespace: "y"}
	narrowed := pods
	selector, err := fields.ParseSelector("spec.nodeName=n")
	if err != nil {
		t.Fatal(err)
	}
	narrowed.FieldSelector = selector.Requirements()
	allow, deny := authorizationv1.SubjectAccessReviewStatus{Allowed: true}, authorizationv1.SubjectAccessReviewStatus{Denied: true, Reason: "never"}
	type config = apiserver.WebhookConfiguration
	for _, c := range []struct {
		name     string
		config   config
		a        Attributes
		status   authorizationv1.SubjectAccessReviewStatus
		failure  error
		decision Decision
		calls    int
		asked    string
	}{
		{"allowed", config{CacheAuthorizedRequests: true}, pods, allow, nil, Allow, 1, `"groups":["g"]`},
		{"v1beta1", config{CacheAuthorizedRequests: true, SubjectAccessReviewVersion: "v1beta1"}, pods, allow, nil, Allow, 1, `"group":["g"]`},
		{"allowed, not kept", config{}, pods, allow, nil, Allow, 2, ""},
		{"denied", config{CacheUnauthorizedRequests: true}, pods, deny, nil, Deny, 1, ""},
		{"no opinion", config{CacheUnauthorizedRequests: true}, pods, authorizationv1.SubjectAccessReviewStatus{}, nil, NoOpinion, 1, ""},
		{"a path", config{CacheAuthorizedRequests: true}, Attributes{Verb: "get", Path: "/x"}, allow, nil, Allow, 1, `"nonResourceAttributes":{"path":"/x","verb":"get"}`},
		{"a part", config{CacheAuthorizedRequests: true}, narrowed, allow, nil, Allow, 1, `"fieldSelector":{"requirements":[{"key":"spec.nodeName","operator":"In","values":["n"]}]}`},
		{"down, fails open to others", config{FailurePolicy: apiserver.FailurePolicyNoOpinion}, pods, allow, errors.New("down"), NoOpinion, 2, ""},
		{"down, fails closed", config{FailurePolicy: apiserver.FailurePolicyDeny}, pods, allow, errors.New("down"), Deny, 2, ""},
		{"says both", config{FailurePolicy: apiserver.FailurePolicyDeny}, pods, authorizationv1.SubjectAccessReviewStatus{Allowed: true, Denied: true}, nil, Deny, 2, ""},
		{"does not match", config{MatchConditions: match(`request.user == "bob"`)}, pods, allow, nil, NoOpinion, 0, ""},
		{"matches", config{MatchConditions: match(`has(request.resourceAttributes) && request.resourceAttributes.namespace == "y"`)}, pods, allow, nil, Allow, 2, ""},
		{"match fails", config{FailurePolicy: apiserver.FailurePolicyDeny, MatchConditions: match(`request.resourceAttributes.namespace == "y"`)}, Attributes{Verb: "get", Path: "/x"}, allow, nil, Deny, 0, ""},
	} {
		if c.config.SubjectAccessReviewVersion == "" {
			c.config.SubjectAccessReviewVersion = "v1"
		}
		c.config.AuthorizedTTL, c.config.UnauthorizedTTL = metav1.Duration{Duration: time.Minute}, metav1.Duration{Duration: time.Minute}
		w, err := NewWebhook("w", c.config, nil, webhook.Endpoint{}, nil)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		calls := 0
		w.ask = func(_ context.Context, body []byte, into any) error {
			calls++
			if !json.Valid(body) || !strings.Contains(string(body), c.asked) || !strings.Contains(string(body), `"kind":"SubjectAccessReview"`) {
				t.Errorf("%s: asked %s", c.name, body)
			}
			into.(*authorizationv1.SubjectAccessReview).Status = c.status
			return c.failure
		}
		for range 2 {
			if got, _, err := w.Decide(context.Background(), ann, c.a); got != c.decision {
				t.Errorf("%s: %v (%v), want %v", c.name, got, err, c.decision)
			}
		}
		if calls != c.calls {
			t.Errorf("%s: asked %d times, want %d", c.name, calls, c.calls)
		}
	}
}

func match(expression string) []apiserver.WebhookMatchCondition {
	return []apiserver.WebhookMatchCondition{{Expression: expression}}
}

// says is an authorizer that always says the same.
type says struct {
	decision Decision
	err      error
}

func (s says) Allows(context.Context, *inprocess.User, Attributes) (bool, string) {
	return s.decision == Allow, ""
}

func (s says) Decide(context.Context, *inprocess.User, Attributes) (Decision, string, error) {
	return s.decision, "", s.err
}

func TestUnion(t *testing.T) {
	bad := errors.New("down")
	for _, c := range []struct {
		name string
		u    Union
		want Decision
		errs bool
	}{
		{"none", nil, NoOpinion, false},
		{"first allows", Union{says{Allow, nil}, says{Deny, nil}}, Allow, false},
		{"first denies", Union{says{Deny, nil}, says{Allow, nil}}, Deny, false},
		{"one fails, another allows", Union{says{NoOpinion, bad}, says{Allow, nil}}, Allow, false},
		{"one fails, nobody allows", Union{says{NoOpinion, bad}, says{NoOpinion, nil}}, NoOpinion, true},
		{"one fails closed", Union{says{Deny, bad}, says{Allow, nil}}, Deny, true},
	} {
		if got, _, err := c.u.Decide(context.Background(), &inprocess.User{}, Attributes{}); got != c.want || (err != nil) != c.errs {
			t.Errorf("%s: %v, %v; want %v, error %v", c.name, got, err, c.want, c.errs)
		}
	}
}
