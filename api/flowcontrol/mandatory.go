package flowcontrol

import (
	"fmt"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// MandatoryLevel returns the specification of a priority level without which no
// server works (KEP-1040), and whether there is one of that name: those are
// "exempt" and "catch-all".
func MandatoryLevel(name string) (flowcontrolv1.PriorityLevelConfigurationSpec, bool) {
	switch name {
	case flowcontrolv1.PriorityLevelConfigurationNameExempt:
		return flowcontrolv1.PriorityLevelConfigurationSpec{
			Type:   flowcontrolv1.PriorityLevelEnablementExempt,
			Exempt: &flowcontrolv1.ExemptPriorityLevelConfiguration{NominalConcurrencyShares: new(int32), LendablePercent: new(int32)},
		}, true
	case flowcontrolv1.PriorityLevelConfigurationNameCatchAll:
		shares := int32(5)
		return flowcontrolv1.PriorityLevelConfigurationSpec{
			Type: flowcontrolv1.PriorityLevelEnablementLimited,
			Limited: &flowcontrolv1.LimitedPriorityLevelConfiguration{
				NominalConcurrencyShares: &shares, LendablePercent: new(int32),
				LimitResponse: flowcontrolv1.LimitResponse{Type: flowcontrolv1.LimitResponseTypeReject},
			},
		}, true
	}
	return flowcontrolv1.PriorityLevelConfigurationSpec{}, false
}

// MandatorySchema returns the specification of the flow schema that belongs to a
// mandatory level and has its name.
func MandatorySchema(name string) (flowcontrolv1.FlowSchemaSpec, bool) {
	spec := flowcontrolv1.FlowSchemaSpec{PriorityLevelConfiguration: flowcontrolv1.PriorityLevelConfigurationReference{Name: name}}
	var groups []string
	switch name {
	case flowcontrolv1.FlowSchemaNameExempt:
		spec.MatchingPrecedence = 1
		groups = []string{"system:masters"}
	case flowcontrolv1.FlowSchemaNameCatchAll:
		spec.MatchingPrecedence = maxPrecedence
		spec.DistinguisherMethod = &flowcontrolv1.FlowDistinguisherMethod{Type: flowcontrolv1.FlowDistinguisherMethodByUserType}
		groups = []string{"system:unauthenticated", "system:authenticated"}
	default:
		return flowcontrolv1.FlowSchemaSpec{}, false
	}
	all := []string{"*"}
	rule := flowcontrolv1.PolicyRulesWithSubjects{
		ResourceRules:    []flowcontrolv1.ResourcePolicyRule{{Verbs: all, APIGroups: all, Resources: all, Namespaces: all, ClusterScope: true}},
		NonResourceRules: []flowcontrolv1.NonResourcePolicyRule{{Verbs: all, NonResourceURLs: all}},
	}
	for _, g := range groups {
		rule.Subjects = append(rule.Subjects, flowcontrolv1.Subject{Kind: flowcontrolv1.SubjectKindGroup, Group: &flowcontrolv1.GroupSubject{Name: g}})
	}
	spec.Rules = []flowcontrolv1.PolicyRulesWithSubjects{rule}
	return spec, true
}

func fixedSchema(f *flowcontrolv1.FlowSchema) field.ErrorList {
	fixed, ok := MandatorySchema(f.Name)
	if !ok || equality.Semantic.DeepEqual(f.Spec, fixed) {
		return nil
	}
	return field.ErrorList{field.Invalid(spec, f.Spec, fmt.Sprintf("spec of '%s' must equal the fixed value", f.Name))}
}

// fixedLevel lets administrators say what the level of exempt requests lends.
func fixedLevel(p *flowcontrolv1.PriorityLevelConfiguration) field.ErrorList {
	fixed, ok := MandatoryLevel(p.Name)
	exempt := p.Name == flowcontrolv1.PriorityLevelConfigurationNameExempt
	if exempt {
		fixed.Exempt = p.Spec.Exempt
	}
	switch {
	case !ok || equality.Semantic.DeepEqual(p.Spec, fixed):
		return nil
	case exempt:
		return field.ErrorList{field.Invalid(spec, p.Spec, "spec of 'exempt' except the 'spec.exempt' field must equal the fixed value")}
	}
	return field.ErrorList{field.Invalid(spec, p.Spec, fmt.Sprintf("spec of '%s' must equal the fixed value", p.Name))}
}
