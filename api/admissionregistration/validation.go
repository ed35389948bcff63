package admissionregistration

import (
	"slices"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api/clientconfig"
)

// webhook is what validating and mutating webhooks have in common.
type webhook struct {
	name              string
	config            *admissionregistrationv1.WebhookClientConfig
	rules             []admissionregistrationv1.RuleWithOperations
	sideEffects       *admissionregistrationv1.SideEffectClass
	versions          []string
	timeout           *int32
	namespaces, match *metav1.LabelSelector
	conditions        []admissionregistrationv1.MatchCondition
	failure           *admissionregistrationv1.FailurePolicyType
	matching          *admissionregistrationv1.MatchPolicyType
	// reinvocation is of mutating webhooks alone.
	reinvocation *admissionregistrationv1.ReinvocationPolicyType
}

func validateValidating(c, old *admissionregistrationv1.ValidatingWebhookConfiguration) field.ErrorList {
	return validateHooks(validatingHooks(c), validatingHooks(old))
}

func validatingHooks(c *admissionregistrationv1.ValidatingWebhookConfiguration) (hooks []webhook) {
	for i := range c.Webhooks {
		w := &c.Webhooks[i]
		hooks = append(hooks, webhook{w.Name, &w.ClientConfig, w.Rules, w.SideEffects, w.AdmissionReviewVersions, w.TimeoutSeconds, w.NamespaceSelector, w.ObjectSelector, w.MatchConditions, w.FailurePolicy, w.MatchPolicy, nil})
	}
	return hooks
}

func validateMutating(c, old *admissionregistrationv1.MutatingWebhookConfiguration) field.ErrorList {
	return validateHooks(mutatingHooks(c), mutatingHooks(old))
}

func mutatingHooks(c *admissionregistrationv1.MutatingWebhookConfiguration) (hooks []webhook) {
	for i := range c.Webhooks {
		w := &c.Webhooks[i]
		hooks = append(hooks, webhook{w.Name, &w.ClientConfig, w.Rules, w.SideEffects, w.AdmissionReviewVersions, w.TimeoutSeconds, w.NamespaceSelector, w.ObjectSelector, w.MatchConditions, w.FailurePolicy, w.MatchPolicy, w.ReinvocationPolicy})
	}
	return hooks
}

func validateHooks(hooks, old []webhook) field.ErrorList {
	var errs field.ErrorList
	e := &expressions{stored: sets.New[string]()}
	for _, w := range old {
		for _, c := range w.conditions {
			e.stored.Insert(c.Expression)
		}
	}
	kept := lenienceTo(old)
	names := map[string]bool{}
	for i, w := range hooks {
		at := field.NewPath("webhooks").Index(i)
		errs = append(errs, validation.IsFullyQualifiedName(at.Child("name"), w.name)...)
		if names[w.name] && w.name != "" && !kept.names {
			errs = append(errs, field.Duplicate(at.Child("name"), w.name))
		}
		names[w.name] = true
		errs = append(errs, validateHook(w, kept, at)...)
		errs = append(errs, e.matchConditions(w.conditions, at.Child("matchConditions"))...)
	}
	return errs
}

func validateHook(w webhook, kept lenience, at *field.Path) field.ErrorList {
	errs := validateSideEffects(w.sideEffects, kept.sideEffects, at.Child("sideEffects"))
	if kept.versions {
		errs = append(errs, clientconfig.AnyReviewVersions(w.versions, at.Child("admissionReviewVersions"), "must specify one of v1, v1beta1")...)
	} else {
		errs = append(errs, clientconfig.ReviewVersions(w.versions, at.Child("admissionReviewVersions"), "must specify one of v1, v1beta1")...)
	}
	errs = append(errs, among(w.failure, at.Child("failurePolicy"), admissionregistrationv1.Fail, admissionregistrationv1.Ignore)...)
	errs = append(errs, among(w.matching, at.Child("matchPolicy"), admissionregistrationv1.Equivalent, admissionregistrationv1.Exact)...)
	errs = append(errs, among(w.reinvocation, at.Child("reinvocationPolicy"), admissionregistrationv1.IfNeededReinvocationPolicy, admissionregistrationv1.NeverReinvocationPolicy)...)
	if t := w.timeout; t != nil && (*t < 1 || *t > 30) {
		errs = append(errs, field.Invalid(at.Child("timeoutSeconds"), *t, "the timeout value must be between 1 and 30 seconds"))
	}
	options := metav1validation.LabelSelectorValidationOptions{AllowInvalidLabelValueInSelector: kept.selectors}
	errs = append(errs, metav1validation.ValidateLabelSelector(w.namespaces, options, at.Child("namespaceSelector"))...)
	errs = append(errs, metav1validation.ValidateLabelSelector(w.match, options, at.Child("objectSelector"))...)
	for i := range w.rules {
		errs = append(errs, validateRule(&w.rules[i], at.Child("rules").Index(i))...)
	}
	return append(errs, validateClient(w.config, at.Child("clientConfig"))...)
}

// among wants one of the values, if any.
func among[V ~string](value *V, path *field.Path, values ...V) field.ErrorList {
	if value == nil || slices.Contains(values, *value) {
		return nil
	}
	return field.ErrorList{field.NotSupported(path, *value, values)}
}

func validateClient(c *admissionregistrationv1.WebhookClientConfig, at *field.Path) field.ErrorList {
	var service *clientconfig.Service
	if s := c.Service; s != nil {
		service = &clientconfig.Service{Namespace: s.Namespace, Name: s.Name, Path: s.Path, Port: s.Port}
	}
	return clientconfig.Validate(c.URL, service, at)
}
