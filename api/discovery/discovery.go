// Package discovery holds the resource of the group discovery.k8s.io.
package discovery

import (
	"minke/api"
)

// Resources lists what the group serves.
func Resources() []*api.Resource {
	return []*api.Resource{
		endpointSlices(),
	}
}
