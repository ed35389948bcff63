package flowcontrol

import (
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"

	"minke/api"
)

func flowSchemaColumns() []api.Column[*flowcontrolv1.FlowSchema] {
	return []api.Column[*flowcontrolv1.FlowSchema]{
		{Name: "PriorityLevel", Cell: func(f *flowcontrolv1.FlowSchema) any { return f.Spec.PriorityLevelConfiguration.Name }},
		{Name: "MatchingPrecedence", Cell: func(f *flowcontrolv1.FlowSchema) any { return int64(f.Spec.MatchingPrecedence) }},
		{Name: "DistinguisherMethod", Cell: func(f *flowcontrolv1.FlowSchema) any {
			if f.Spec.DistinguisherMethod == nil {
				return api.None
			}
			return string(f.Spec.DistinguisherMethod.Type)
		}},
		api.AgeColumn[*flowcontrolv1.FlowSchema](),
		{Name: "MissingPL", Cell: func(f *flowcontrolv1.FlowSchema) any {
			for _, c := range f.Status.Conditions {
				if c.Type == flowcontrolv1.FlowSchemaConditionDangling {
					return string(c.Status)
				}
			}
			return "?"
		}},
	}
}

func priorityLevelColumns() []api.Column[*flowcontrolv1.PriorityLevelConfiguration] {
	queuing := func(value func(*flowcontrolv1.QueuingConfiguration) int32) func(*flowcontrolv1.PriorityLevelConfiguration) any {
		return func(p *flowcontrolv1.PriorityLevelConfiguration) any {
			if p.Spec.Limited == nil || p.Spec.Limited.LimitResponse.Queuing == nil {
				return api.None
			}
			return int64(value(p.Spec.Limited.LimitResponse.Queuing))
		}
	}
	return []api.Column[*flowcontrolv1.PriorityLevelConfiguration]{
		{Name: "Type", Cell: func(p *flowcontrolv1.PriorityLevelConfiguration) any { return string(p.Spec.Type) }},
		{Name: "NominalConcurrencyShares", Cell: func(p *flowcontrolv1.PriorityLevelConfiguration) any {
			if p.Spec.Limited == nil || p.Spec.Limited.NominalConcurrencyShares == nil {
				return api.None
			}
			return int64(*p.Spec.Limited.NominalConcurrencyShares)
		}},
		{Name: "Queues", Cell: queuing(func(q *flowcontrolv1.QueuingConfiguration) int32 { return q.Queues })},
		{Name: "HandSize", Cell: queuing(func(q *flowcontrolv1.QueuingConfiguration) int32 { return q.HandSize })},
		{Name: "QueueLengthLimit", Cell: queuing(func(q *flowcontrolv1.QueuingConfiguration) int32 { return q.QueueLengthLimit })},
		api.AgeColumn[*flowcontrolv1.PriorityLevelConfiguration](),
	}
}
