// Package match decides which writes a webhook or policy is meant for: by
// operation, resource in any of its versions, scope, and the labels of the
// namespace and of the object.
package match

import (
	"context"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"minke/apiserver/admission"
)

// Criteria says which writes are meant. It is made by Webhook or Resources and
// does not change.
type Criteria struct {
	rules, exclude []admissionregistrationv1.NamedRuleWithOperations
	// all tells that having no rules means every resource.
	all bool
	// equivalent tells that a rule for one version means the others too.
	equivalent          bool
	namespaces, objects labels.Selector
}

// Webhook returns the criteria of a webhook.
func Webhook(rules []admissionregistrationv1.RuleWithOperations, policy *admissionregistrationv1.MatchPolicyType, namespaces, objects *metav1.LabelSelector) (*Criteria, error) {
	c := &Criteria{}
	for _, r := range rules {
		c.rules = append(c.rules, admissionregistrationv1.NamedRuleWithOperations{RuleWithOperations: r})
	}
	return c.with(policy, namespaces, objects)
}

// Resources returns the criteria of a policy or its binding. A binding without
// any is meant for all that its policy is: m may be nil.
func Resources(m *admissionregistrationv1.MatchResources) (*Criteria, error) {
	if m == nil {
		m = &admissionregistrationv1.MatchResources{}
	}
	c := &Criteria{rules: m.ResourceRules, exclude: m.ExcludeResourceRules, all: len(m.ResourceRules) == 0}
	return c.with(m.MatchPolicy, m.NamespaceSelector, m.ObjectSelector)
}

func (c *Criteria) with(policy *admissionregistrationv1.MatchPolicyType, namespaces, objects *metav1.LabelSelector) (*Criteria, error) {
	c.equivalent = policy != nil && *policy == admissionregistrationv1.Equivalent
	var err error
	if c.namespaces, err = selector(namespaces); err != nil {
		return nil, err
	}
	c.objects, err = selector(objects)
	return c, err
}

// selector returns nil for what selects everything.
func selector(s *metav1.LabelSelector) (labels.Selector, error) {
	if s == nil || len(s.MatchLabels) == 0 && len(s.MatchExpressions) == 0 {
		return nil, nil
	}
	return metav1.LabelSelectorAsSelector(s)
}

// Match tells whether the write is meant, and the version in which the rule
// asks for it. The cheap questions come first; an error (a StatusError) is told
// only if everything else says yes.
func (c *Criteria) Match(ctx context.Context, namespaces Reader, a *admission.Attributes) (admission.Version, bool, error) {
	if !c.matchObject(a) {
		return admission.Version{}, false, nil
	}
	if _, excluded := c.find(c.exclude, a); excluded {
		return admission.Version{}, false, nil
	}
	version, ok := a.Version, c.all
	if !ok {
		version, ok = c.find(c.rules, a)
	}
	if !ok {
		return admission.Version{}, false, nil
	}
	ok, err := c.matchNamespace(ctx, namespaces, a)
	return version, ok && err == nil, err
}

// find returns the version of the resource that one of the rules is for: that
// of the request if any, else an equivalent one, by the order of the rules.
func (c *Criteria) find(rules []admissionregistrationv1.NamedRuleWithOperations, a *admission.Attributes) (admission.Version, bool) {
	if len(rules) == 0 {
		return admission.Version{}, false
	}
	for i := range rules {
		if matches(&rules[i], a, a.Version) {
			return a.Version, true
		}
	}
	if !c.equivalent || a.Versions == nil || !maybe(rules, a) {
		return admission.Version{}, false
	}
	others := a.Versions.Others(a.Version, a.Subresource)
	for i := range rules {
		for _, other := range others {
			if matches(&rules[i], a, other) {
				return other, true
			}
		}
	}
	return admission.Version{}, false
}
