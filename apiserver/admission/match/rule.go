package match

import (
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/apiserver/admission"
)

var namespaces = corev1.SchemeGroupVersion.WithResource("namespaces")

// wildcard stands for every name.
const wildcard = "*"

// matches tells whether the rule is for the write, taken as one in version v.
func matches(r *admissionregistrationv1.NamedRuleWithOperations, a *admission.Attributes, v admission.Version) bool {
	return matchOperation(r.Operations, a.Operation) &&
		has(r.APIGroups, v.Resource.Group) &&
		has(r.APIVersions, v.Resource.Version) &&
		matchResource(r.Resources, v.Resource.Resource, a.Subresource) &&
		matchScope(r.Scope, a, v.Resource) &&
		(len(r.ResourceNames) == 0 || slices.Contains(r.ResourceNames, a.Name))
}

// maybe tells whether one of the rules is for the write if it came in another
// version: their resources have the same name.
func maybe(rules []admissionregistrationv1.NamedRuleWithOperations, a *admission.Attributes) bool {
	for i := range rules {
		if matchOperation(rules[i].Operations, a.Operation) && matchResource(rules[i].Resources, a.Version.Resource.Resource, a.Subresource) {
			return true
		}
	}
	return false
}

func has(list []string, value string) bool {
	return slices.Contains(list, wildcard) || slices.Contains(list, value)
}

func matchOperation(list []admissionregistrationv1.OperationType, op admission.Operation) bool {
	return slices.Contains(list, admissionregistrationv1.OperationAll) || slices.Contains(list, admissionregistrationv1.OperationType(op))
}

// matchResource reads "pods", "pods/log", "pods/*" (pods and their subresources),
// "*" (all resources, no subresources), "*/scale" and "*/*".
func matchResource(list []string, resource, subresource string) bool {
	for _, item := range list {
		res, sub, _ := strings.Cut(item, "/")
		if (res == wildcard || res == resource) && (sub == wildcard || sub == subresource) {
			return true
		}
	}
	return false
}

// matchScope: a namespace is not in itself, though a write of one names it.
func matchScope(scope *admissionregistrationv1.ScopeType, a *admission.Attributes, resource schema.GroupVersionResource) bool {
	if scope == nil {
		return true
	}
	inside := a.Namespace != "" && resource != namespaces
	switch *scope {
	case admissionregistrationv1.AllScopes:
		return true
	case admissionregistrationv1.NamespacedScope:
		return inside
	case admissionregistrationv1.ClusterScope:
		return !inside
	}
	return false
}

// Exempt tells whether the write is one that nobody may stop or change: whoever
// configures webhooks and policies must be able to take them back.
func Exempt(a *admission.Attributes) bool {
	if a.Resource.Kind.Group != admissionregistrationv1.GroupName {
		return false
	}
	switch a.Resource.Kind.Kind {
	case "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration",
		"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding",
		"MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding":
		return true
	}
	return false
}
