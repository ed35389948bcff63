package coordination

import (
	coordinationv1 "k8s.io/api/coordination/v1"

	"minke/api"
)

func leaseColumns() []api.Column[*coordinationv1.Lease] {
	return []api.Column[*coordinationv1.Lease]{
		{Name: "Holder", Cell: func(l *coordinationv1.Lease) any {
			if l.Spec.HolderIdentity == nil {
				return ""
			}
			return *l.Spec.HolderIdentity
		}},
		api.AgeColumn[*coordinationv1.Lease](),
	}
}
