// Package policy holds the resource of the group policy.
package policy

import (
	"minke/api"
)

// Resources lists what the group serves.
func Resources() []*api.Resource {
	return []*api.Resource{
		podDisruptionBudgets(),
	}
}
