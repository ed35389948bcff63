package policy

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	celgo "github.com/google/cel-go/cel"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"minke/api/cel"
	"minke/apiserver/admission"
)

// Mutating is the plug-in MutatingAdmissionPolicy. It belongs before the
// webhooks, among what is Repeated.
type Mutating struct {
	Config
	*metrics
	index      *index[*mutator]
	converters sync.Map // of kinds
}

var _ admission.Mutator = (*Mutating)(nil)

// NewMutating returns the plug-in. It reads nothing before the first write.
func NewMutating(c Config) *Mutating {
	v1 := admissionregistrationv1.SchemeGroupVersion
	m := newMetrics("mutating_admission_policy",
		"Mutation admission policy check total, labeled by policy and further identified by binding.",
		"Mutation admission latency for individual mutation expressions in seconds, labeled by policy and binding.")
	return &Mutating{Config: c, metrics: m, index: &index[*mutator]{kind: kind[*mutator]{
		policies: v1.WithResource("mutatingadmissionpolicies"), bindings: v1.WithResource("mutatingadmissionpolicybindings"),
		define: func(obj runtime.Object) definition {
			p := obj.(*admissionregistrationv1.MutatingAdmissionPolicy)
			return definition{p.Name, p.Spec.ParamKind, p.Spec.MatchConstraints, p.Spec.FailurePolicy}
		},
		bind: func(obj runtime.Object) (string, *binding) {
			b := obj.(*admissionregistrationv1.MutatingAdmissionPolicyBinding)
			return b.Spec.PolicyName, &binding{name: b.Name, params: b.Spec.ParamRef, match: b.Spec.MatchResources}
		},
		compile: newMutator, forget: m.forget,
	}}}
}

// mutator is a compiled MutatingAdmissionPolicy.
type mutator struct {
	program
	spec       *admissionregistrationv1.MutatingAdmissionPolicySpec
	conditions []compiled
	mutations  []mutation
}

type mutation struct {
	compiled
	apply bool
}

func newMutator(obj runtime.Object) *mutator {
	spec := &obj.(*admissionregistrationv1.MutatingAdmissionPolicy).Spec
	p := newProgram(spec.ParamKind, spec.Variables)
	m := &mutator{program: p, spec: spec, conditions: p.conditions(spec.MatchConditions)}
	add := func(text string, apply bool, returns *celgo.Type) {
		m.mutations = append(m.mutations, mutation{p.compile(text, cel.Admission{Authorizer: true, Patch: true}, returns), apply})
	}
	for _, one := range spec.Mutations {
		switch {
		case one.PatchType == admissionregistrationv1.PatchTypeJSONPatch && one.JSONPatch != nil:
			add(one.JSONPatch.Expression, false, cel.JSONPatchType)
		case one.PatchType == admissionregistrationv1.PatchTypeApplyConfiguration && one.ApplyConfiguration != nil:
			add(one.ApplyConfiguration.Expression, true, cel.ApplyConfigurationType)
		}
	}
	return m
}

// Admit implements admission.Mutator.
func (p *Mutating) Admit(ctx context.Context, a *admission.Attributes) error {
	if exempt(a) || a.Operation == admission.Delete {
		return nil
	}
	hooks, err := p.index.current(p.Reader)
	if err != nil || len(hooks) == 0 {
		return err
	}
	r := &run{Mutating: p, attributes: a, rounds: p.rounds(a)}
	var meant []invocation[*mutator] // by the object as it came
	for in := range p.index.invocations(ctx, p.Reader, hooks, a) {
		if in.err != nil {
			r.fail(in, in.err, "")
			continue
		}
		meant = append(meant, in)
	}
	if len(meant) > 0 {
		if r.namespace, err = p.namespaceOf(ctx, a); err != nil {
			return err
		}
		r.begin(a)
		for _, in := range meant {
			if err := r.invoke(ctx, in); err != nil {
				return err
			}
		}
		r.end(a)
	}
	if r.refusal != nil {
		return r.refusal
	}
	return nil
}

// run is one round of mutations of one write.
type run struct {
	*Mutating
	*rounds
	attributes *admission.Attributes
	namespace  *corev1.Namespace
	refusal    *apierrors.StatusError
}

// fail notes that a policy could not do its work. The first failure is what the
// answer says; the others are among its causes.
func (r *run) fail(in invocation[*mutator], err error, reason metav1.StatusReason) {
	if !fails(in.failure) {
		return
	}
	message := fmt.Sprintf("policy %q denied request: %s", in.name, err)
	if in.binding != nil {
		message = fmt.Sprintf("policy '%s' with binding '%s' denied request: %s", in.name, in.binding.name, err)
	}
	if r.refusal == nil {
		r.refusal = forbidden(r.attributes, "")
		r.refusal.ErrStatus.Message = message
		if reason != "" {
			r.refusal.ErrStatus.Reason = reason
		}
	}
	details := r.refusal.ErrStatus.Details
	details.Causes = append(details.Causes, metav1.StatusCause{Message: message})
}

// invoke makes the mutations of one policy, for each of its parameters.
func (r *run) invoke(ctx context.Context, in invocation[*mutator]) error {
	for _, params := range in.params {
		if err := r.mutate(ctx, in, params); err != nil {
			return err
		}
	}
	return nil
}

// mutate makes the mutations of one policy for one object of parameters. It
// returns only errors that are not the policy's to handle.
func (r *run) mutate(ctx context.Context, in invocation[*mutator], params runtime.Object) error {
	m, a := in.program(), r.attributes
	kind := kindOf(in.definition.params)
	state, err := inputs{}.of(ctx, r.Config, a, in.as)
	if err != nil {
		return err
	}
	ok, err := m.match(ctx, m.conditions, state.With(params, kind, nil))
	if err != nil {
		r.fail(in, err, metav1.StatusReasonInvalid)
	}
	key := keyOf(in, params)
	if err != nil || !ok || a.Round > 0 && !r.again[key] {
		return nil
	}
	before := a.Object
	for _, one := range m.mutations {
		if a.Object == nil {
			break
		}
		start := time.Now()
		err := r.patch(ctx, in.as, m, one, params, kind)
		r.count(in.name, in.binding.name, err, time.Since(start))
		if err != nil {
			var status *apierrors.StatusError
			if errors.As(err, &status) {
				return status
			}
			r.fail(in, err, metav1.StatusReasonInvalid)
		}
	}
	if before != a.Object && !equality.Semantic.DeepEqual(before, a.Object) {
		r.changed(a)
	}
	if m.spec.ReinvocationPolicy == admissionregistrationv1.IfNeededReinvocationPolicy {
		r.repeatable[key] = true
	}
	return nil
}

// patch makes one mutation.
func (r *run) patch(ctx context.Context, as admission.Version, m *mutator, one mutation, params runtime.Object, kind gvk) error {
	state, err := inputs{}.of(ctx, r.Config, r.attributes, as)
	if err != nil {
		return err
	}
	value, problem := m.evaluate(ctx, one, state.With(params, kind, r.namespace))
	if problem != nil {
		return problem
	}
	obj, document, err := r.document(ctx, as)
	if err != nil {
		return err
	}
	var patched []byte
	if one.apply {
		converter, known := r.converter(as.Kind, obj)
		if !known {
			return apierrors.NewServiceUnavailable(fmt.Sprintf("Resource kind %s not found. There can be a delay between when CustomResourceDefinitions are created and when they are available.", as.Kind))
		}
		patched, err = applied(converter, as.Kind, document, value)
	} else {
		patched, err = patchedBy(value, document)
	}
	if err != nil || patched == nil {
		return err
	}
	if err := r.attributes.Replace(ctx, as, patched); err != nil {
		return apierrors.NewInternalError(err)
	}
	return nil
}
