package resource

import (
	resourcev1 "k8s.io/api/resource/v1"

	"minke/api"
)

func resourceClaims(f features) *api.Resource {
	return api.Definition[*resourcev1.ResourceClaim]{
		Kind:             resourcev1.SchemeGroupVersion.WithKind("ResourceClaim"),
		Plural:           "resourceclaims",
		New:              api.New[resourcev1.ResourceClaim],
		NewList:          api.NewList[resourcev1.ResourceClaimList],
		PrepareForCreate: resourceClaimCreate,
		PrepareForUpdate: resourceClaimUpdate,
		Subresources: map[string]api.Subresource[*resourcev1.ResourceClaim]{
			"status": {Prepare: resourceClaimStatus, ValidateUpdate: validateClaimStatus},
		},
		Default:        defaultClaim,
		Columns:        claimColumns(),
		Validate:       f.validateClaim,
		ValidateUpdate: validateClaimUpdate,
	}.Resource()
}

func resourceClaimCreate(o *resourcev1.ResourceClaim) {
	o.Status = resourcev1.ResourceClaimStatus{}
}

func resourceClaimUpdate(o, old *resourcev1.ResourceClaim) {
	o.Status = old.Status
}

// resourceClaimStatus lets the status subresource change nothing but the status.
func resourceClaimStatus(o, old *resourcev1.ResourceClaim) {
	o.Spec = old.Spec
}
