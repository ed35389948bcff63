package admissionregistration

import (
	"fmt"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/validate/content"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

type (
	ruleWithOperations = admissionregistrationv1.RuleWithOperations
	operation          = admissionregistrationv1.OperationType
)

// operations are those that a rule may name; mutations may not name DELETE.
var (
	operations = []operation{admissionregistrationv1.OperationAll, admissionregistrationv1.Connect, admissionregistrationv1.Create,
		admissionregistrationv1.Delete, admissionregistrationv1.Update}
	mutable = []operation{admissionregistrationv1.OperationAll, admissionregistrationv1.Connect, admissionregistrationv1.Create, admissionregistrationv1.Update}
	scopes  = []admissionregistrationv1.ScopeType{admissionregistrationv1.AllScopes, admissionregistrationv1.ClusterScope, admissionregistrationv1.NamespacedScope}
)

// wildcard complains about a * that does not stand alone.
func wildcard[T ~string](list []T, what string, at *field.Path) field.ErrorList {
	if len(list) > 1 && slices.Contains(list, "*") {
		return field.ErrorList{field.Invalid(at, list, "if '*' is present, must not specify other "+what)}
	}
	return nil
}

func validateRule(r *ruleWithOperations, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	required := func(count int, name string) {
		if count == 0 {
			errs = append(errs, field.Required(at.Child(name), ""))
		}
	}
	required(len(r.Operations), "operations")
	errs = append(errs, wildcard(r.Operations, "operations", at.Child("operations"))...)
	for i, o := range r.Operations {
		if !slices.Contains(operations, o) {
			errs = append(errs, field.NotSupported(at.Child("operations").Index(i), o, operations))
		}
	}
	required(len(r.APIGroups), "apiGroups")
	errs = append(errs, wildcard(r.APIGroups, "API groups", at.Child("apiGroups"))...)
	required(len(r.APIVersions), "apiVersions")
	errs = append(errs, wildcard(r.APIVersions, "API versions", at.Child("apiVersions"))...)
	for i, v := range r.APIVersions {
		if v == "" {
			errs = append(errs, field.Required(at.Child("apiVersions").Index(i), ""))
		}
	}
	errs = append(errs, validateResources(r.Resources, at.Child("resources"))...)
	if r.Scope != nil && !slices.Contains(scopes, *r.Scope) {
		errs = append(errs, field.NotSupported(at.Child("scope"), *r.Scope, scopes))
	}
	return errs
}

// validateResources checks resources with subresources: pods, pods/log, pods/*,
// */scale, */* and *, of which none may be within another.
func validateResources(list []string, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	if len(list) == 0 {
		errs = append(errs, field.Required(at, ""))
	}
	allOf, everywhere := sets.New[string](), sets.New[string]()
	plain := false
	for i, r := range list {
		if r == "" {
			errs = append(errs, field.Required(at.Index(i), ""))
			continue
		}
		resource, sub, found := strings.Cut(r, "/")
		if !found {
			plain = r != "*" // the last one decides, as in Kubernetes
			continue
		}
		if allOf.Has(resource) {
			errs = append(errs, field.Invalid(at.Index(i), r, fmt.Sprintf("if '%s/*' is present, must not specify %s", resource, r)))
		}
		if everywhere.Has(sub) {
			errs = append(errs, field.Invalid(at.Index(i), r, fmt.Sprintf("if '*/%s' is present, must not specify %s", sub, r)))
		}
		if sub == "*" {
			allOf.Insert(resource)
		}
		if resource == "*" {
			everywhere.Insert(sub)
		}
	}
	if len(list) > 1 && slices.Contains(list, "*/*") {
		errs = append(errs, field.Invalid(at, list, "if '*/*' is present, must not specify other resources"))
	}
	if plain && slices.Contains(list, "*") {
		errs = append(errs, field.Invalid(at, list, "if '*' is present, must not specify other resources without subresources"))
	}
	return errs
}

// validateMatch checks the constraints of a policy or binding.
func validateMatch(m *admissionregistrationv1.MatchResources, at *field.Path) field.ErrorList {
	if m == nil {
		return nil
	}
	var errs field.ErrorList
	policies := []admissionregistrationv1.MatchPolicyType{admissionregistrationv1.Equivalent, admissionregistrationv1.Exact}
	if m.MatchPolicy == nil {
		errs = append(errs, field.Required(at.Child("matchPolicy"), ""))
	} else if !slices.Contains(policies, *m.MatchPolicy) {
		errs = append(errs, field.NotSupported(at.Child("matchPolicy"), *m.MatchPolicy, policies))
	}
	selector := func(s *metav1.LabelSelector, at *field.Path) {
		if s == nil {
			errs = append(errs, field.Required(at, ""))
			return
		}
		errs = append(errs, metav1validation.ValidateLabelSelector(s, metav1validation.LabelSelectorValidationOptions{}, at)...)
	}
	selector(m.NamespaceSelector, at.Child("namespaceSelector"))
	selector(m.ObjectSelector, at.Child("objectSelector"))
	errs = append(errs, validateNamedRules(m.ResourceRules, at.Child("resourceRules"))...)
	return append(errs, validateNamedRules(m.ExcludeResourceRules, at.Child("excludeResourceRules"))...)
}

func validateNamedRules(rules []admissionregistrationv1.NamedRuleWithOperations, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range rules {
		at := at.Index(i)
		names := sets.New[string]()
		for j, name := range rules[i].ResourceNames {
			at := at.Child("resourceNames").Index(j)
			for _, problem := range content.IsPathSegmentName(name) {
				errs = append(errs, field.Invalid(at, name, problem))
			}
			if names.Has(name) {
				errs = append(errs, field.Duplicate(at, name))
			}
			names.Insert(name)
		}
		errs = append(errs, validateRule(&rules[i].RuleWithOperations, at)...)
	}
	return errs
}

// validateMutable checks that rules name nothing that cannot be mutated.
func validateMutable(m *admissionregistrationv1.MatchResources, at *field.Path) field.ErrorList {
	if m == nil {
		return nil
	}
	var errs field.ErrorList
	for _, r := range m.ResourceRules {
		for _, o := range r.Operations {
			if !slices.Contains(mutable, o) {
				errs = append(errs, field.NotSupported(at.Child("resourceRules", "operations"), o, mutable))
			}
		}
	}
	return errs
}
