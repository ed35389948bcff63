// Package scheduling holds the resource of the group scheduling.k8s.io.
package scheduling

import (
	"minke/api"
)

// Resources lists what the group serves.
func Resources() []*api.Resource {
	return []*api.Resource{
		priorityClasses(),
	}
}
