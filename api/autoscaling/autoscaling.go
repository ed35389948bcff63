// Package autoscaling holds the resource of the group autoscaling, stored as
// autoscaling/v2 and also served as v1.
package autoscaling

import (
	"minke/api"
)

// Resources lists what the group serves.
func Resources() []*api.Resource {
	return []*api.Resource{
		horizontalPodAutoscalers(),
	}
}
