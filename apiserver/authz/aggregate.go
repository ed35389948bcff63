package authz

import (
	"sort"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Aggregate returns the rules that role gathers from all by its
// aggregationRule, in the order of the roles' names and each once, and whether
// they differ from those it has. A role without aggregationRule keeps its own.
func Aggregate(role *rbacv1.ClusterRole, all []*rbacv1.ClusterRole) (rules []rbacv1.PolicyRule, changed bool) {
	if role.AggregationRule == nil {
		return role.Rules, false
	}
	ordered := append([]*rbacv1.ClusterRole(nil), all...)
	sort.Slice(ordered, func(i, j int) bool { return ordered[i].Name < ordered[j].Name })
	for _, query := range role.AggregationRule.ClusterRoleSelectors {
		selector, err := metav1.LabelSelectorAsSelector(&query)
		if err != nil {
			// Validation refuses such a selector; what it selects is unknown.
			continue
		}
		for _, other := range ordered {
			if other.Name != role.Name && selector.Matches(labels.Set(other.Labels)) {
				rules = appendNew(rules, other.Rules)
			}
		}
	}
	return rules, !equality.Semantic.DeepEqual(rules, role.Rules)
}

func appendNew(rules, more []rbacv1.PolicyRule) []rbacv1.PolicyRule {
next:
	for _, m := range more {
		for _, r := range rules {
			if equality.Semantic.DeepEqual(r, m) {
				continue next
			}
		}
		rules = append(rules, m)
	}
	return rules
}
