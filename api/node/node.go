// Package node holds the resource of the group node.k8s.io.
package node

import (
	"minke/api"
)

// Resources lists what the group serves.
func Resources() []*api.Resource {
	return []*api.Resource{
		runtimeClasses(),
	}
}
