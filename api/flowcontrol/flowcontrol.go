// Package flowcontrol holds the resources of the group flowcontrol.apiserver.k8s.io.
package flowcontrol

import (
	"minke/api"
)

// Resources lists what the group serves.
func Resources() []*api.Resource {
	return []*api.Resource{
		flowSchemas(),
		priorityLevelConfigurations(),
	}
}
