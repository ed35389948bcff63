// Package resource holds the resources of the group resource.k8s.io: devices and
// the claims on them.
package resource

import (
	"minke/api"
)

// Resources lists what the group serves.
func Resources() []*api.Resource {
	return []*api.Resource{
		deviceClasses(),
		resourceClaims(),
		resourceClaimTemplates(),
		resourceSlices(),
	}
}
