// Package webhooks asks the webhooks of MutatingWebhookConfigurations and
// ValidatingWebhookConfigurations about writes.
//
//	write ─ Mutating ── meant? ─ called one by one, each sees what those before
//	          │                  it changed; once more if it wants (reinvocation)
//	        defaults, validation
//	          │
//	        Validating ─ meant? ─ called all at a time
//
// While nothing is configured a write costs one atomic load.
package webhooks

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"minke/apiserver/admission"
	"minke/apiserver/admission/expression"
	"minke/apiserver/admission/match"
	"minke/apiserver/authz"
	"minke/apiserver/webhook"
)

// Config is what the plug-ins work with.
type Config struct {
	// Source is where configurations and namespaces are read and followed.
	Source Source
	Client *webhook.Client
	// Authorizer answers what match conditions ask about the write's user.
	Authorizer authz.Authorizer
}

// Webhooks are the two plug-ins.
type Webhooks struct {
	Config
	Mutating   *Mutating
	Validating *Validating
	metrics    *metrics
	followers  []*follower
}

// New returns the plug-ins. Load reads the configurations, Run follows them.
func New(c Config) *Webhooks {
	w := &Webhooks{Config: c, metrics: newMetrics()}
	w.Mutating = &Mutating{plugin{Webhooks: w, step: "admit"}}
	w.Validating = &Validating{plugin{Webhooks: w, step: "validating"}}
	w.followers = newFollowers(w)
	return w
}

// plugin is what both have in common.
type plugin struct {
	*Webhooks
	// step is the plug-in's name in metrics.
	step string
	// hooks are those of all configurations in the order of their names; nil for
	// none.
	hooks atomic.Pointer[[]*hook]
}

// of returns the hooks that may be asked about a.
func (p *plugin) of(a *admission.Attributes) []*hook {
	hooks := p.hooks.Load()
	if hooks == nil || match.Exempt(a) {
		return nil
	}
	return *hooks
}

// hook is one webhook of a configuration.
type hook struct {
	configuration, name string
	endpoint            webhook.Endpoint
	versions            []string
	timeout             time.Duration
	// open tells that a write goes on when the webhook cannot be asked.
	open bool
	// reinvoke tells that it wants to see what others changed after it.
	reinvoke    bool
	sideEffects *admissionregistrationv1.SideEffectClass
	conditions  []admissionregistrationv1.MatchCondition
	// criteria is nil when they are not valid; broken says why.
	criteria *match.Criteria
	broken   error
	// calls counts those that are under way.
	calls atomic.Int64
}

// maxCalls bounds the calls to one webhook at a time. One that does not answer
// must leave places for other writes.
const maxCalls = 100

// meant tells whether h is to be asked about a, and in which version. Errors
// are StatusErrors.
func (p *plugin) meant(ctx context.Context, h *hook, a *admission.Attributes, shown *shown) (admission.Version, bool, error) {
	if h.broken != nil {
		return admission.Version{}, false, apierrors.NewInternalError(h.broken)
	}
	v, ok, err := h.criteria.Match(ctx, p.Source, a)
	if err != nil || !ok || len(h.conditions) == 0 {
		return v, ok, err
	}
	s, err := shown.in(ctx, a, v)
	if err != nil {
		return v, false, err
	}
	input := expression.NewInput(a, expression.As{Kind: v.Kind, Resource: v.Resource, Object: s.obj, Old: s.old}, p.Authorizer)
	ok, err = expression.MatchConditions(ctx, h.conditions, input)
	switch {
	case err != nil:
		p.metrics.conditionFailed(h, p.step, a.Operation)
		if h.open {
			return v, false, nil
		}
		return v, false, apierrors.NewForbidden(a.Resource.GroupResource(), a.Name, err)
	case !ok:
		p.metrics.conditionExcluded(h, p.step, a.Operation)
	}
	return v, ok, nil
}

// call asks h about the write and returns what it says: allowed, or a refusal
// as a StatusError. Another error is a *callError.
func (p *plugin) call(ctx context.Context, h *hook, a *admission.Attributes, v admission.Version, s *state) (answer *admissionv1.AdmissionResponse, err error) {
	began := time.Now()
	defer func() { p.metrics.called(h, p.step, a.Operation, answer, err, time.Since(began)) }()
	if a.DryRun {
		if err := h.refuseDryRun(); err != nil {
			return nil, err
		}
	}
	if h.calls.Add(1) > maxCalls {
		h.calls.Add(-1)
		if h.open {
			return nil, &callError{webhook: h.name, cause: errors.New("too many calls are under way")}
		}
		return nil, apierrors.NewTooManyRequests(fmt.Sprintf("too many calls of the webhook %q are under way", h.name), 1)
	}
	defer h.calls.Add(-1)
	answer, err = p.ask(ctx, h, a, v, s)
	if err != nil {
		return nil, &callError{webhook: h.name, cause: err}
	}
	if !answer.Allowed {
		return answer, denied(h.name, answer.Result)
	}
	return answer, nil
}

func (h *hook) refuseDryRun() error {
	switch {
	case h.sideEffects == nil:
		return &callError{webhook: h.name, cause: errors.New("its sideEffects are not known")}
	case *h.sideEffects == admissionregistrationv1.SideEffectClassNone, *h.sideEffects == admissionregistrationv1.SideEffectClassNoneOnDryRun:
		return nil
	}
	return apierrors.NewBadRequest(fmt.Sprintf("admission webhook %q does not support dry run", h.name))
}

// tolerated tells what becomes of an error of call: nil when the write goes on
// all the same.
func (p *plugin) tolerated(ctx context.Context, h *hook, err error) error {
	var failed *callError
	if !errors.As(err, &failed) {
		return err
	}
	if !h.open {
		return apierrors.NewInternalError(failed)
	}
	if ctx.Err() != nil {
		return apierrors.NewTimeoutError("request did not complete within requested timeout", 0)
	}
	p.metrics.failedOpen(h, p.step)
	return nil
}
