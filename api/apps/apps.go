// Package apps holds the resources of the group apps: the workloads that keep pods
// running.
package apps

import (
	"minke/api"
)

// Resources lists what the group serves.
func Resources() []*api.Resource {
	return []*api.Resource{
		deployments(),
		statefulSets(),
		daemonSets(),
		replicaSets(),
		controllerRevisions(),
	}
}
