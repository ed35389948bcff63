package rbac

import (
	rbacv1 "k8s.io/api/rbac/v1"

	"minke/api"
)

func clusterRoles() *api.Resource {
	return api.Definition[*rbacv1.ClusterRole]{
		Kind:           rbacv1.SchemeGroupVersion.WithKind("ClusterRole"),
		Plural:         "clusterroles",
		Cluster:        true,
		New:            api.New[rbacv1.ClusterRole],
		NewList:        api.NewList[rbacv1.ClusterRoleList],
		CreateOnUpdate: true,
		ValidName:      validName,
		Validate:       validateClusterRole,
		ValidateUpdate: validateClusterRoleUpdate,
	}.Resource()
}
