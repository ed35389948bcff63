package flowcontrol

import (
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"

	"minke/api"
)

func defaultFlowSchema(f *flowcontrolv1.FlowSchema) {
	api.Fill(&f.Spec.MatchingPrecedence, 1000)
}

func defaultPriorityLevel(p *flowcontrolv1.PriorityLevelConfiguration) {
	if e := p.Spec.Exempt; e != nil {
		api.FillPointer(&e.NominalConcurrencyShares, 0)
		api.FillPointer(&e.LendablePercent, 0)
	}
	l := p.Spec.Limited
	if l == nil {
		return
	}
	api.FillPointer(&l.NominalConcurrencyShares, 30)
	api.FillPointer(&l.LendablePercent, 0)
	if q := l.LimitResponse.Queuing; q != nil {
		api.Fill(&q.HandSize, 8)
		api.Fill(&q.Queues, 64)
		api.Fill(&q.QueueLengthLimit, 50)
	}
}
