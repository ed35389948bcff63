// Package apiextensions holds the resource of the group apiextensions.k8s.io:
// CustomResourceDefinition, which defines further resources while the server
// runs.
package apiextensions

import "minke/api"

// Resources lists what the group serves.
func Resources() []*api.Resource {
	return []*api.Resource{customResourceDefinitions()}
}
