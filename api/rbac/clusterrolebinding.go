package rbac

import (
	rbacv1 "k8s.io/api/rbac/v1"

	"minke/api"
)

func clusterRoleBindings() *api.Resource {
	return api.Definition[*rbacv1.ClusterRoleBinding]{
		Kind:           rbacv1.SchemeGroupVersion.WithKind("ClusterRoleBinding"),
		Plural:         "clusterrolebindings",
		Cluster:        true,
		New:            api.New[rbacv1.ClusterRoleBinding],
		NewList:        api.NewList[rbacv1.ClusterRoleBindingList],
		Default:        defaultClusterRoleBinding,
		CreateOnUpdate: true,
		ValidName:      validName,
		Columns:        clusterRoleBindingColumns(),
		Validate:       validateClusterRoleBinding,
		ValidateUpdate: validateClusterRoleBindingUpdate,
	}.Resource()
}
