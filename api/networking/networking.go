// Package networking holds the resources of the group networking.k8s.io.
package networking

import (
	"minke/api"
)

// Resources lists what the group serves.
func Resources() []*api.Resource {
	return []*api.Resource{
		ingresses(),
		ingressClasses(),
		networkPolicies(),
		ipAddresses(),
		serviceCIDRs(),
	}
}
