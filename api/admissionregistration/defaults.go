package admissionregistration

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api"
)

// webhookSeconds is how long a webhook may take when it does not say.
const webhookSeconds = 10

func defaultValidating(c *admissionregistrationv1.ValidatingWebhookConfiguration) {
	for i := range c.Webhooks {
		w := &c.Webhooks[i]
		api.FillPointer(&w.FailurePolicy, admissionregistrationv1.Fail)
		api.FillPointer(&w.MatchPolicy, admissionregistrationv1.Equivalent)
		api.FillPointer(&w.NamespaceSelector, metav1.LabelSelector{})
		api.FillPointer(&w.ObjectSelector, metav1.LabelSelector{})
		api.FillPointer(&w.TimeoutSeconds, webhookSeconds)
		defaultService(w.ClientConfig.Service)
		defaultRules(w.Rules)
	}
}

func defaultMutating(c *admissionregistrationv1.MutatingWebhookConfiguration) {
	for i := range c.Webhooks {
		w := &c.Webhooks[i]
		api.FillPointer(&w.FailurePolicy, admissionregistrationv1.Fail)
		api.FillPointer(&w.MatchPolicy, admissionregistrationv1.Equivalent)
		api.FillPointer(&w.NamespaceSelector, metav1.LabelSelector{})
		api.FillPointer(&w.ObjectSelector, metav1.LabelSelector{})
		api.FillPointer(&w.TimeoutSeconds, webhookSeconds)
		api.FillPointer(&w.ReinvocationPolicy, admissionregistrationv1.NeverReinvocationPolicy)
		defaultService(w.ClientConfig.Service)
		defaultRules(w.Rules)
	}
}

func defaultService(s *admissionregistrationv1.ServiceReference) {
	if s != nil {
		api.FillPointer(&s.Port, 443)
	}
}

func defaultRules(rules []admissionregistrationv1.RuleWithOperations) {
	for i := range rules {
		api.FillPointer(&rules[i].Scope, admissionregistrationv1.AllScopes)
	}
}

func defaultPolicy(p *admissionregistrationv1.ValidatingAdmissionPolicy) {
	api.FillPointer(&p.Spec.FailurePolicy, admissionregistrationv1.Fail)
	defaultMatch(p.Spec.MatchConstraints)
}

func defaultBinding(b *admissionregistrationv1.ValidatingAdmissionPolicyBinding) {
	defaultMatch(b.Spec.MatchResources)
}

func defaultMatch(m *admissionregistrationv1.MatchResources) {
	if m == nil {
		return
	}
	api.FillPointer(&m.MatchPolicy, admissionregistrationv1.Equivalent)
	api.FillPointer(&m.NamespaceSelector, metav1.LabelSelector{})
	api.FillPointer(&m.ObjectSelector, metav1.LabelSelector{})
	for _, rules := range [][]admissionregistrationv1.NamedRuleWithOperations{m.ResourceRules, m.ExcludeResourceRules} {
		for i := range rules {
			api.FillPointer(&rules[i].Scope, admissionregistrationv1.AllScopes)
		}
	}
}

func defaultMutatingPolicy(p *admissionregistrationv1.MutatingAdmissionPolicy) {
	api.FillPointer(&p.Spec.FailurePolicy, admissionregistrationv1.Fail)
	defaultMatch(p.Spec.MatchConstraints)
}

func defaultMutatingBinding(b *admissionregistrationv1.MutatingAdmissionPolicyBinding) {
	defaultMatch(b.Spec.MatchResources)
}
