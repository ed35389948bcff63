// Package resource holds the resources of the group resource.k8s.io: devices and
// the claims on them.
package resource

import (
	"minke/api"
	"minke/api/feature"
)

// Resources lists what the group serves, validated as the feature gates say.
func Resources(gates feature.Gates) []*api.Resource {
	f := featuresOf(gates)
	return []*api.Resource{
		deviceClasses(f),
		deviceTaintRules(),
		resourceClaims(f),
		resourceClaimTemplates(f),
		resourceSlices(f),
	}
}
