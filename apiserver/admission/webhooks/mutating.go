package webhooks

import (
	"context"
	"encoding/json"
	"fmt"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"minke/api"
	"minke/apiserver/admission"
	"minke/apiserver/patch"
	"minke/tracing"
)

// Mutating is the plug-in MutatingAdmissionWebhook.
type Mutating struct{ plugin }

var _ admission.Mutator = (*Mutating)(nil)

// rounds is what is remembered from one round to the next.
type rounds struct {
	// asked are the webhooks that want to see later changes and were called;
	// again those that are due because something changed since.
	asked, again map[*hook]bool
	// left is the object as the last round left it.
	left api.Object
}

func roundsOf(a *admission.Attributes, key *Mutating) *rounds {
	r, ok := a.Memo[key].(*rounds)
	if !ok {
		r = &rounds{asked: map[*hook]bool{}, again: map[*hook]bool{}}
		if a.Memo == nil {
			a.Memo = map[any]any{}
		}
		a.Memo[key] = r
	}
	return r
}

// changed makes all that were asked due again.
func (r *rounds) changed() {
	for h := range r.asked {
		r.again[h] = true
	}
	clear(r.asked)
}

// Admit implements admission.Mutator. In a second round only those are called
// that want it and were called before the object changed.
func (p *Mutating) Admit(ctx context.Context, a *admission.Attributes) error {
	hooks := p.of(a)
	if hooks == nil {
		return nil
	}
	r := roundsOf(a, p)
	if a.Round > 0 && a.Object != nil && !equality.Semantic.DeepEqual(r.left, a.Object) {
		r.changed()
	}
	var shown shown
	for i, h := range hooks {
		v, meant, err := p.meant(ctx, h, a, &shown)
		if err != nil {
			return err
		}
		if !meant || a.Round > 0 && !r.again[h] {
			continue
		}
		changed, err := p.mutate(ctx, h, i, a, v, &shown)
		if err != nil {
			return err
		}
		if changed {
			r.changed()
			a.Again = true
			shown.byVersion = nil
		}
		if h.reinvoke {
			r.asked[h] = true
		}
	}
	if a.Again && a.Object != nil {
		r.left = a.Object.DeepCopyObject().(api.Object)
	}
	return nil
}

// mutate asks one webhook and does what it says.
func (p *Mutating) mutate(ctx context.Context, h *hook, place int, a *admission.Attributes, v admission.Version, shown *shown) (changed bool, err error) {
	s, err := shown.texts(ctx, a, v)
	if err != nil {
		return false, apierrors.NewInternalError(err)
	}
	answer, err := p.call(ctx, h, a, v, s)
	told(h, a, answer)
	if err != nil {
		if err = p.tolerated(ctx, h, err); err == nil {
			a.Annotate(fmt.Sprintf("failed-open.mutation.webhook.admission.k8s.io/round_%d_index_%d", a.Round, place), h.name)
		}
		return false, err
	}
	if len(answer.Patch) > 0 {
		if changed, err = applyPatch(ctx, h, a, v, s, answer); err != nil {
			return false, p.tolerated(ctx, h, err)
		}
		tracing.FromContext(ctx).Event("Patch applied")
	}
	annotate(h, place, a, answer, changed)
	return changed, nil
}

// maxObject bounds in bytes what a patch makes of an object, as a request's body
// is bounded.
const maxObject = 3 << 20

// applyPatch changes the object as the webhook says. A patch that does not fit
// is the webhook's failure, whatever its failure policy says.
func applyPatch(ctx context.Context, h *hook, a *admission.Attributes, v admission.Version, s *state, answer *admissionv1.AdmissionResponse) (bool, error) {
	operations, err := patch.Operations(answer.Patch)
	if err != nil {
		return false, &callError{webhook: h.name, cause: fmt.Errorf("received undecodable patch in webhook response: %w", err)}
	}
	if len(operations) == 0 {
		return false, nil
	}
	if a.Object == nil {
		return false, apierrors.NewInternalError(fmt.Errorf("admission webhook %q attempted to modify the object, which is not supported for this operation", h.name))
	}
	if *answer.PatchType != admissionv1.PatchTypeJSONPatch {
		return false, &callError{webhook: h.name, cause: fmt.Errorf("unsupported patch type %q", *answer.PatchType)}
	}
	patched, err := operations.Apply(s.objText)
	if err != nil {
		return false, apierrors.NewInternalError(err)
	}
	if len(patched) > maxObject {
		return false, apierrors.NewInternalError(fmt.Errorf("admission webhook %q made the object larger than %d bytes", h.name, maxObject))
	}
	before := a.Object
	if err := a.Replace(ctx, v, patched); err != nil {
		return false, apierrors.NewInternalError(err)
	}
	return !equality.Semantic.DeepEqual(before, a.Object), nil
}

// annotate tells the audit event which webhook changed what.
func annotate(h *hook, place int, a *admission.Attributes, answer *admissionv1.AdmissionResponse, changed bool) {
	if !a.Annotated() {
		return
	}
	note := func(annotate func(key, value string), prefix string, value any) {
		if text, err := json.Marshal(value); err == nil {
			annotate(fmt.Sprintf("%s.webhook.admission.k8s.io/round_%d_index_%d", prefix, a.Round, place), string(text))
		}
	}
	note(a.Annotate, "mutation", struct {
		Configuration string `json:"configuration"`
		Webhook       string `json:"webhook"`
		Mutated       bool   `json:"mutated"`
	}{h.configuration, h.name, changed})
	if len(answer.Patch) == 0 {
		return
	}
	note(a.AnnotateDetail, "patch", struct {
		Configuration string          `json:"configuration"`
		Webhook       string          `json:"webhook"`
		Patch         json.RawMessage `json:"patch"`
		PatchType     string          `json:"patchType"`
	}{h.configuration, h.name, answer.Patch, string(*answer.PatchType)})
}
