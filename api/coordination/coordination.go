// Package coordination holds the resource of the group coordination.k8s.io.
package coordination

import (
	"minke/api"
)

// Resources lists what the group serves.
func Resources() []*api.Resource {
	return []*api.Resource{
		leases(),
	}
}
