// Package rbac holds the resources of the group rbac.authorization.k8s.io.
package rbac

import (
	"minke/api"
)

// Resources lists what the group serves.
func Resources() []*api.Resource {
	return []*api.Resource{
		roles(),
		roleBindings(),
		clusterRoles(),
		clusterRoleBindings(),
	}
}
