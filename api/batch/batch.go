// Package batch holds the resources of the group batch: jobs and their schedules.
package batch

import (
	"minke/api"
)

// Resources lists what the group serves.
func Resources() []*api.Resource {
	return []*api.Resource{
		jobs(),
		cronJobs(),
	}
}
