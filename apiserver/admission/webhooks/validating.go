package webhooks

import (
	"context"
	"fmt"
	"sync"

	admissionv1 "k8s.io/api/admission/v1"

	"minke/apiserver/admission"
)

// Validating is the plug-in ValidatingAdmissionWebhook.
type Validating struct{ plugin }

var _ admission.Validator = (*Validating)(nil)

// question is a call that is to be made, and then what came of it.
type question struct {
	place   int
	hook    *hook
	version admission.Version
	state   *state
	answer  *admissionv1.AdmissionResponse
	err     error
}

// Validate implements admission.Validator. All webhooks that are meant are
// called at a time; of several refusals the first is told.
func (p *Validating) Validate(ctx context.Context, a *admission.Attributes) error {
	hooks := p.of(a)
	if hooks == nil {
		return nil
	}
	questions, err := p.questions(ctx, hooks, a)
	if err != nil {
		return err
	}
	var calls sync.WaitGroup
	for _, q := range questions {
		calls.Go(func() { q.answer, q.err = p.call(ctx, q.hook, a, q.version, q.state) })
	}
	calls.Wait()
	var refusal error
	for _, q := range questions {
		told(q.hook, a, q.answer)
		if q.err == nil {
			continue
		}
		err := p.tolerated(ctx, q.hook, q.err)
		if err == nil {
			a.Annotate(fmt.Sprintf("failed-open.validating.webhook.admission.k8s.io/round_0_index_%d", q.place), q.hook.name)
		} else if refusal == nil {
			refusal = err
		}
	}
	return refusal
}

// questions decides whom to ask.
func (p *Validating) questions(ctx context.Context, hooks []*hook, a *admission.Attributes) ([]*question, error) {
	var out []*question
	var shown shown
	for i, h := range hooks {
		v, meant, err := p.meant(ctx, h, a, &shown)
		if err != nil {
			return nil, err
		}
		if !meant {
			continue
		}
		s, err := shown.texts(ctx, a, v)
		if err != nil {
			return nil, err
		}
		out = append(out, &question{place: i, hook: h, version: v, state: s})
	}
	return out, nil
}

// told passes on what a webhook says besides yes and no.
func told(h *hook, a *admission.Attributes, answer *admissionv1.AdmissionResponse) {
	if answer == nil {
		return
	}
	for key, value := range answer.AuditAnnotations {
		a.Annotate(h.name+"/"+key, value)
	}
	for _, text := range answer.Warnings {
		a.Warn(text)
	}
}
