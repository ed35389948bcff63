package admissionregistration

import (
	"slices"
	"strings"

	celgo "github.com/google/cel-go/cel"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api/cel"
)

type (
	validatingPolicy = admissionregistrationv1.ValidatingAdmissionPolicy
	mutatingPolicy   = admissionregistrationv1.MutatingAdmissionPolicy
)

func validatePolicy(p *validatingPolicy) field.ErrorList {
	return append(validatePolicyUpdate(p, &validatingPolicy{}), notStatic(p.Name)...)
}

func validatePolicyUpdate(p, old *validatingPolicy) field.ErrorList {
	e := &expressions{stored: policyExpressions(old), composed: cel.NewComposed(), params: p.Spec.ParamKind != nil}
	spec, at := &p.Spec, field.NewPath("spec")
	errs := validatePolicyCommon(spec.FailurePolicy, spec.ParamKind, spec.MatchConstraints, at)
	errs = append(errs, e.matchConditions(spec.MatchConditions, at.Child("matchConditions"))...)
	errs = append(errs, e.variables(spec.Variables, at.Child("variables"))...)
	e.alone = len(spec.Variables) == 0
	if len(spec.Validations) == 0 && len(spec.AuditAnnotations) == 0 {
		const empty = "validations or auditAnnotations must contain at least one item"
		return append(errs, field.Required(at.Child("validations"), empty), field.Required(at.Child("auditAnnotations"), empty))
	}
	for i := range spec.Validations {
		errs = append(errs, e.validation(&spec.Validations[i], at.Child("validations").Index(i))...)
	}
	return append(errs, e.auditAnnotations(p.Name, spec.AuditAnnotations, at.Child("auditAnnotations"))...)
}

// policyExpressions are all that a policy has.
func policyExpressions(p *validatingPolicy) sets.Set[string] {
	all := sets.New[string]()
	for _, c := range p.Spec.MatchConditions {
		all.Insert(c.Expression)
	}
	for _, v := range p.Spec.Variables {
		all.Insert(v.Expression)
	}
	for _, v := range p.Spec.Validations {
		all.Insert(v.Expression, v.MessageExpression)
	}
	for _, a := range p.Spec.AuditAnnotations {
		all.Insert(a.ValueExpression)
	}
	return all
}

// reasons are those that a validation may refuse with.
var reasons = []metav1.StatusReason{metav1.StatusReasonForbidden, metav1.StatusReasonInvalid, metav1.StatusReasonRequestEntityTooLarge}

func (e *expressions) validation(v *admissionregistrationv1.Validation, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	if strings.TrimSpace(v.Expression) == "" {
		errs = append(errs, field.Required(at.Child("expression"), "expression is not specified"))
	} else {
		errs = append(errs, e.check(v.Expression, e.options(true, false), at.Child("expression"), celgo.BoolType)...)
	}
	if v.MessageExpression != "" {
		if strings.TrimSpace(v.MessageExpression) == "" {
			errs = append(errs, field.Invalid(at.Child("messageExpression"), v.MessageExpression, "must be non-empty if specified"))
		} else {
			errs = append(errs, e.check(v.MessageExpression, e.options(false, false), at.Child("messageExpression"), celgo.StringType)...)
		}
	}
	if message := strings.TrimSpace(v.Message); v.Message != "" && message == "" {
		errs = append(errs, field.Invalid(at.Child("message"), v.Message, "must be non-empty if specified"))
	} else if strings.ContainsAny(message, "\r\n") {
		errs = append(errs, field.Invalid(at.Child("message"), v.Message, "must not contain line breaks"))
	}
	if v.Reason != nil && !slices.Contains(reasons, *v.Reason) {
		errs = append(errs, field.NotSupported(at.Child("reason"), *v.Reason, reasons))
	}
	return errs
}

// validatePolicyCommon checks what validating and mutating policies share.
func validatePolicyCommon(failure *admissionregistrationv1.FailurePolicyType, params *admissionregistrationv1.ParamKind, match *admissionregistrationv1.MatchResources, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	policies := []admissionregistrationv1.FailurePolicyType{admissionregistrationv1.Fail, admissionregistrationv1.Ignore}
	if failure == nil {
		errs = append(errs, field.Required(at.Child("failurePolicy"), ""))
	} else if !slices.Contains(policies, *failure) {
		errs = append(errs, field.NotSupported(at.Child("failurePolicy"), *failure, policies))
	}
	if params != nil {
		errs = append(errs, validateParamKind(params, at.Child("paramKind"))...)
	}
	at = at.Child("matchConstraints")
	if match == nil {
		return append(errs, field.Required(at, ""))
	}
	errs = append(errs, validateMatch(match, at)...)
	if len(match.ResourceRules) == 0 {
		errs = append(errs, field.Required(at.Child("resourceRules"), ""))
	}
	return errs
}

func validateParamKind(k *admissionregistrationv1.ParamKind, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	invalid := func(name, value, problem string) { errs = append(errs, field.Invalid(at.Child(name), value, problem)) }
	gv, err := schema.ParseGroupVersion(k.APIVersion)
	switch {
	case k.APIVersion == "":
		errs = append(errs, field.Required(at.Child("apiVersion"), ""))
	case err != nil:
		invalid("apiVersion", k.APIVersion, err.Error())
	default:
		if problems := validation.IsDNS1123Subdomain(gv.Group); gv.Group != "" && len(problems) > 0 {
			invalid("apiVersion", gv.Group, strings.Join(problems, ","))
		}
		if gv.Version == "" {
			invalid("apiVersion", k.APIVersion, "version must be specified")
		} else if problems := validation.IsDNS1035Label(gv.Version); len(problems) > 0 {
			invalid("apiVersion", gv.Version, strings.Join(problems, ","))
		}
	}
	if k.Kind == "" {
		errs = append(errs, field.Required(at.Child("kind"), ""))
	} else if problems := validation.IsDNS1035Label(strings.ToLower(k.Kind)); len(problems) > 0 {
		invalid("kind", k.Kind, "may have mixed case, but should otherwise match: "+strings.Join(problems, ","))
	}
	return errs
}

func validateMutatingPolicy(p *mutatingPolicy) field.ErrorList {
	return append(validateMutatingPolicyUpdate(p, &mutatingPolicy{}), notStatic(p.Name)...)
}

func validateMutatingPolicyUpdate(p, old *mutatingPolicy) field.ErrorList {
	e := &expressions{stored: mutatingExpressions(old), composed: cel.NewComposed(), params: p.Spec.ParamKind != nil}
	spec, at := &p.Spec, field.NewPath("spec")
	errs := validatePolicyCommon(spec.FailurePolicy, spec.ParamKind, spec.MatchConstraints, at)
	errs = append(errs, validateMutable(spec.MatchConstraints, at.Child("matchConstraints"))...)
	errs = append(errs, e.matchConditions(spec.MatchConditions, at.Child("matchConditions"))...)
	errs = append(errs, e.variables(spec.Variables, at.Child("variables"))...)
	if len(spec.Mutations) == 0 {
		errs = append(errs, field.Required(at.Child("mutations"), "mutations must contain at least one item"))
	}
	for i := range spec.Mutations {
		errs = append(errs, e.mutation(&spec.Mutations[i], at.Child("mutations").Index(i))...)
	}
	invocations := []admissionregistrationv1.ReinvocationPolicyType{admissionregistrationv1.IfNeededReinvocationPolicy, admissionregistrationv1.NeverReinvocationPolicy}
	if spec.ReinvocationPolicy == "" {
		errs = append(errs, field.Required(at.Child("reinvocationPolicy"), ""))
	} else if !slices.Contains(invocations, spec.ReinvocationPolicy) {
		errs = append(errs, field.NotSupported(at.Child("reinvocationPolicy"), spec.ReinvocationPolicy, invocations))
	}
	return errs
}

func mutatingExpressions(p *mutatingPolicy) sets.Set[string] {
	all := sets.New[string]()
	for _, c := range p.Spec.MatchConditions {
		all.Insert(c.Expression)
	}
	for _, v := range p.Spec.Variables {
		all.Insert(v.Expression)
	}
	for _, m := range p.Spec.Mutations {
		if m.JSONPatch != nil {
			all.Insert(m.JSONPatch.Expression)
		}
		if m.ApplyConfiguration != nil {
			all.Insert(m.ApplyConfiguration.Expression)
		}
	}
	return all
}

func (e *expressions) mutation(m *admissionregistrationv1.Mutation, at *field.Path) field.ErrorList {
	const applyField, patchField = "applyConfiguration", "jsonPatch"
	var errs field.ErrorList
	one := func(name string, text *string, returns *celgo.Type) {
		at := at.Child(name)
		switch {
		case text == nil:
			errs = append(errs, field.Required(at, "must be specified when patchType is "+string(m.PatchType)))
		case strings.TrimSpace(*text) == "":
			errs = append(errs, field.Required(at.Child("expression"), ""))
		default:
			errs = append(errs, e.check(strings.TrimSpace(*text), e.options(true, true), at.Child("expression"), returns)...)
		}
	}
	no := func(name string, given bool) {
		if given {
			errs = append(errs, field.Invalid(at.Child(name), "{"+name+"}", "must not be specified when patchType is "+string(m.PatchType)))
		}
	}
	types := []admissionregistrationv1.PatchType{admissionregistrationv1.PatchTypeApplyConfiguration, admissionregistrationv1.PatchTypeJSONPatch}
	var applied, patched *string
	if m.ApplyConfiguration != nil {
		applied = &m.ApplyConfiguration.Expression
	}
	if m.JSONPatch != nil {
		patched = &m.JSONPatch.Expression
	}
	switch m.PatchType {
	case "":
		errs = append(errs, field.Required(at.Child("patchType"), ""))
	case admissionregistrationv1.PatchTypeApplyConfiguration:
		one(applyField, applied, cel.ApplyConfigurationType)
		no(patchField, patched != nil)
	case admissionregistrationv1.PatchTypeJSONPatch:
		one(patchField, patched, cel.JSONPatchType)
		no(applyField, applied != nil)
	default:
		errs = append(errs, field.NotSupported(at.Child("patchType"), m.PatchType, types))
	}
	return errs
}
