package policy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"minke/apiserver/admission"
)

// Validating is the plug-in ValidatingAdmissionPolicy.
type Validating struct {
	Config
	*metrics
	index *index[*validator]
}

var _ admission.Validator = (*Validating)(nil)

// NewValidating returns the plug-in. It reads nothing before the first write.
func NewValidating(c Config) *Validating {
	v1 := admissionregistrationv1.SchemeGroupVersion
	m := newMetrics("validating_admission_policy",
		"Validation admission policy check total, labeled by policy and further identified by binding and enforcement action taken.",
		"Validation admission latency for individual validation expressions in seconds, labeled by policy and further including binding and enforcement action taken.",
		"enforcement_action")
	return &Validating{c, m, &index[*validator]{kind: kind[*validator]{
		policies: v1.WithResource("validatingadmissionpolicies"), bindings: v1.WithResource("validatingadmissionpolicybindings"),
		define: func(obj runtime.Object) definition {
			p := obj.(*admissionregistrationv1.ValidatingAdmissionPolicy)
			return definition{p.Name, p.Spec.ParamKind, p.Spec.MatchConstraints, p.Spec.FailurePolicy}
		},
		bind: func(obj runtime.Object) (string, *binding) {
			b := obj.(*admissionregistrationv1.ValidatingAdmissionPolicyBinding)
			return b.Spec.PolicyName, &binding{name: b.Name, params: b.Spec.ParamRef, match: b.Spec.MatchResources, actions: b.Spec.ValidationActions}
		},
		compile: newValidator, forget: m.forget,
	}}}
}

// Validate implements admission.Validator.
func (p *Validating) Validate(ctx context.Context, a *admission.Attributes) error {
	if exempt(a) {
		return nil
	}
	hooks, err := p.index.current(p.Reader)
	if err != nil || len(hooks) == 0 {
		return err
	}
	v := verdict{attributes: a, metrics: p.metrics, annotations: map[string][]string{}}
	states := inputs{}
	for in := range p.index.invocations(ctx, p.Reader, hooks, a) {
		if in.err != nil {
			if fails(in.failure) {
				v.deny(in.name, in.binding, decision{message: in.err.Error()})
			}
			continue
		}
		if err := p.decide(ctx, a, states, in, &v); err != nil {
			return err
		}
	}
	return v.outcome()
}

// decide lets one policy and binding decide.
func (p *Validating) decide(ctx context.Context, a *admission.Attributes, states inputs, in invocation[*validator], v *verdict) error {
	if len(in.params) == 0 {
		return nil
	}
	state, err := states.of(ctx, p.Config, a, in.as)
	if err != nil {
		if fails(in.failure) {
			v.deny(in.name, in.binding, decision{message: fmt.Sprintf("failed to configure binding: failed to convert object version: %v", err)})
		}
		return nil
	}
	namespace, err := p.namespaceOf(ctx, a)
	if err != nil {
		return err
	}
	program := in.program()
	for _, params := range in.params {
		kind := kindOf(in.definition.params)
		decisions, annotations := program.decide(ctx, state.With(params, kind, nil), state.With(params, kind, namespace))
		for _, d := range decisions {
			v.take(in.name, in.binding, d)
		}
		for _, one := range annotations {
			if one.err != nil {
				p.count(in.name, in.binding.name, one.err, 0, "deny")
				v.deny(in.name, in.binding, decision{message: one.err.Error()})
				continue
			}
			v.annotate(in.name+"/"+one.key, one.value)
		}
	}
	return nil
}

// Bounds of what is told in an audit event (KEP-3488).
const (
	maxAnnotation = 10 << 10
	maxFailures   = 50
)

// verdict is what policies say about one write.
type verdict struct {
	attributes  *admission.Attributes
	metrics     *metrics
	refusal     *apierrors.StatusError // the first one
	failures    []failure
	annotations map[string][]string
}

// failure is one entry of the audit annotation
// validation.policy.admission.k8s.io/validation_failure.
type failure struct {
	Message string                                     `json:"message"`
	Policy  string                                     `json:"policy"`
	Binding string                                     `json:"binding"`
	Index   int                                        `json:"expressionIndex"`
	Actions []admissionregistrationv1.ValidationAction `json:"validationActions"`
}

// take does with a decision what the binding says.
func (v *verdict) take(policy string, b *binding, d decision) {
	for _, action := range b.actions {
		switch action {
		case admissionregistrationv1.Deny:
			v.metrics.count(policy, b.name, d.err, d.took, "deny")
			v.deny(policy, b, d)
		case admissionregistrationv1.Audit:
			v.metrics.count(policy, b.name, d.err, d.took, "audit")
			if len(v.failures) < maxFailures {
				v.failures = append(v.failures, failure{d.message, policy, b.name, d.index, b.actions})
			}
		case admissionregistrationv1.Warn:
			v.metrics.count(policy, b.name, d.err, d.took, "warn")
			v.attributes.Warn(fmt.Sprintf("Validation failed for ValidatingAdmissionPolicy '%s' with binding '%s': %s", policy, b.name, d.message))
		}
	}
}

// codes are the HTTP codes of the reasons that a validation may have.
var codes = map[metav1.StatusReason]int32{
	metav1.StatusReasonForbidden: http.StatusForbidden, metav1.StatusReasonUnauthorized: http.StatusUnauthorized,
	metav1.StatusReasonRequestEntityTooLarge: http.StatusRequestEntityTooLarge, metav1.StatusReasonInvalid: http.StatusUnprocessableEntity,
}

func (v *verdict) deny(policy string, b *binding, d decision) {
	if v.refusal != nil {
		return
	}
	message := fmt.Sprintf("ValidatingAdmissionPolicy '%s' denied request: %s", policy, d.message)
	if b != nil {
		message = fmt.Sprintf("ValidatingAdmissionPolicy '%s' with binding '%s' denied request: %s", policy, b.name, d.message)
	}
	v.refusal = forbidden(v.attributes, message)
	if v.refusal.ErrStatus.Reason = d.reason; d.reason == "" {
		v.refusal.ErrStatus.Reason = metav1.StatusReasonInvalid
	}
	v.refusal.ErrStatus.Code = codes[v.refusal.ErrStatus.Reason]
	v.refusal.ErrStatus.Details.Causes = append(v.refusal.ErrStatus.Details.Causes, metav1.StatusCause{Message: message})
}

// forbidden refuses a write, by the name that its object has or will be given.
func forbidden(a *admission.Attributes, message string) *apierrors.StatusError {
	name := a.Name
	if name == "" && a.Object != nil {
		name = a.Object.GetGenerateName()
	}
	return apierrors.NewForbidden(a.Version.Resource.GroupResource(), name, errors.New(message))
}

// annotate keeps a value; bindings may give several for one key.
func (v *verdict) annotate(key, value string) {
	if len(value) > maxAnnotation {
		value = value[:maxAnnotation]
	}
	if !slices.Contains(v.annotations[key], value) {
		v.annotations[key] = append(v.annotations[key], value)
	}
}

// outcome tells the audit event what was found, and returns the refusal.
func (v *verdict) outcome() error {
	if v.attributes.Annotated() {
		for key, values := range v.annotations {
			v.attributes.Annotate(key, strings.Join(values, ", "))
		}
		if len(v.failures) > 0 {
			text, err := json.Marshal(v.failures)
			if err != nil {
				return fmt.Errorf("word the failures of policies: %w", err)
			}
			v.attributes.Annotate("validation.policy.admission.k8s.io/validation_failure", string(text))
		}
	}
	if v.refusal != nil {
		return v.refusal
	}
	return nil
}
