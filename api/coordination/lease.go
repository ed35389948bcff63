package coordination

import (
	coordinationv1 "k8s.io/api/coordination/v1"

	"minke/api"
)

func leases() *api.Resource {
	return api.Definition[*coordinationv1.Lease]{
		Kind:                  coordinationv1.SchemeGroupVersion.WithKind("Lease"),
		Plural:                "leases",
		New:                   api.New[coordinationv1.Lease],
		NewList:               api.NewList[coordinationv1.LeaseList],
		CreateOnUpdate:        true,
		ConditionalUpdateOnly: true,
		Columns:               leaseColumns(),
		Validate:              validateLease,
		ValidateUpdate:        validateLeaseUpdate,
	}.Resource()
}
