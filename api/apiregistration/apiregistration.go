// Package apiregistration holds the resource of the group
// apiregistration.k8s.io: APIService, which says who serves a group version:
// this server, or another behind it.
package apiregistration

import "minke/api"

// Resources lists what the group serves.
func Resources() []*api.Resource {
	return []*api.Resource{apiServices()}
}
