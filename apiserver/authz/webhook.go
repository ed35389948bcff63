package authz

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	authorizationv1beta1 "k8s.io/api/authorization/v1beta1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/pkg/apis/apiserver/validation"
	authorizationcel "k8s.io/apiserver/pkg/authorization/cel"

	"minke/api/inprocess"
	"minke/apiserver/recent"
	"minke/apiserver/webhook"
	"minke/tracing"
)

// Bounds of what is kept of a webhook's answers: so many, and none about a
// question that is larger, in bytes.
const (
	webhookAnswers  = 4096
	webhookQuestion = 10_000
)

// Webhook is an Authorizer that asks another server (SubjectAccessReview).
type Webhook struct {
	name    string
	config  apiserver.WebhookConfiguration
	matcher *authorizationcel.CELMatcher
	ask     func(ctx context.Context, body []byte, answer any) error
	answers *recent.Cache[string, verdict]
}

var _ Decider = (*Webhook)(nil)

type verdict struct {
	decision Decision
	reason   string
}

// NewWebhook returns the webhook name of a configuration that was validated.
// now may be nil.
func NewWebhook(name string, config apiserver.WebhookConfiguration, client *webhook.Client, at webhook.Endpoint, now func() time.Time) (*Webhook, error) {
	w := &Webhook{name: name, config: config, answers: recent.New[string, verdict](webhookAnswers, now)}
	if len(config.MatchConditions) > 0 {
		matcher, errs := validation.ValidateAndCompileMatchConditions(authorizationcel.NewDefaultCompiler(), config.MatchConditions)
		if len(errs) > 0 {
			return nil, errs.ToAggregate()
		}
		w.matcher = matcher
	}
	w.ask = func(ctx context.Context, body []byte, answer any) error {
		return webhook.Retry(ctx, func() error {
			return client.Post(told(ctx), &webhook.Call{Endpoint: at, Timeout: config.Timeout.Duration, Body: body}, answer)
		})
	}
	return w, nil
}

// Allows implements Authorizer.
func (w *Webhook) Allows(ctx context.Context, user *inprocess.User, a Attributes) (bool, string) {
	decision, reason, _ := w.Decide(ctx, user, a)
	return decision == Allow, reason
}

// Decide implements Decider.
func (w *Webhook) Decide(ctx context.Context, user *inprocess.User, a Attributes) (Decision, string, error) {
	review := &authorizationv1.SubjectAccessReview{Spec: question(user, a)}
	if w.matcher != nil {
		matches, err := w.matcher.Eval(ctx, review)
		if err != nil {
			return w.failed(fmt.Errorf("match conditions: %w", err))
		}
		if !matches {
			return NoOpinion, "", nil
		}
	}
	body, err := w.encode(review)
	if err != nil {
		return w.failed(err)
	}
	if v, ok := w.answers.Get(string(body)); ok {
		return v.decision, v.reason, nil
	}
	// v1beta1 answers with the same fields.
	var answer authorizationv1.SubjectAccessReview
	if err := w.ask(ctx, body, &answer); err != nil {
		return w.failed(err)
	}
	v := verdict{reason: answer.Status.Reason}
	switch {
	case answer.Status.Allowed && answer.Status.Denied:
		return w.failed(errors.New("the answer both allows and denies"))
	case answer.Status.Allowed:
		v.decision = Allow
	case answer.Status.Denied:
		v.decision = Deny
	}
	w.keep(body, v)
	return v.decision, v.reason, nil
}

func (w *Webhook) keep(body []byte, v verdict) {
	life, wanted := w.config.UnauthorizedTTL.Duration, w.config.CacheUnauthorizedRequests
	if v.decision == Allow {
		life, wanted = w.config.AuthorizedTTL.Duration, w.config.CacheAuthorizedRequests
	}
	if wanted && len(body) <= webhookQuestion {
		w.answers.Put(string(body), v, life)
	}
}

// failed is what holds when there is no answer.
func (w *Webhook) failed(err error) (Decision, string, error) {
	err = fmt.Errorf("authorize by webhook %s: %w", w.name, err)
	slog.Default().With("part", "authz").Warn("authorizer failed", "name", w.name, "err", err)
	if w.config.FailurePolicy == apiserver.FailurePolicyDeny {
		return Deny, "", err
	}
	return NoOpinion, "", err
}

func (w *Webhook) encode(review *authorizationv1.SubjectAccessReview) ([]byte, error) {
	if w.config.SubjectAccessReviewVersion == "v1" {
		review.TypeMeta = metav1.TypeMeta{APIVersion: "authorization.k8s.io/v1", Kind: "SubjectAccessReview"}
		return json.Marshal(review)
	}
	s := review.Spec
	old := authorizationv1beta1.SubjectAccessReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "authorization.k8s.io/v1beta1", Kind: "SubjectAccessReview"},
		Spec:     authorizationv1beta1.SubjectAccessReviewSpec{User: s.User, Groups: s.Groups, UID: s.UID},
	}
	for k, v := range s.Extra {
		if old.Spec.Extra == nil {
			old.Spec.Extra = map[string]authorizationv1beta1.ExtraValue{}
		}
		old.Spec.Extra[k] = authorizationv1beta1.ExtraValue(v)
	}
	if r := s.ResourceAttributes; r != nil {
		old.Spec.ResourceAttributes = &authorizationv1beta1.ResourceAttributes{
			Namespace: r.Namespace, Verb: r.Verb, Group: r.Group, Version: r.Version, Resource: r.Resource,
			Subresource: r.Subresource, Name: r.Name, FieldSelector: r.FieldSelector, LabelSelector: r.LabelSelector,
		}
	}
	if n := s.NonResourceAttributes; n != nil {
		old.Spec.NonResourceAttributes = &authorizationv1beta1.NonResourceAttributes{Path: n.Path, Verb: n.Verb}
	}
	return json.Marshal(&old)
}

// told leaves out another process's span: Kubernetes hands it on to webhooks of
// admission and conversion, but not to those that it asks about a caller.
func told(ctx context.Context) context.Context {
	if tracing.FromContext(ctx).Recording() {
		return ctx
	}
	return tracing.Without(ctx)
}
