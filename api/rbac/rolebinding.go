package rbac

import (
	rbacv1 "k8s.io/api/rbac/v1"

	"minke/api"
)

func roleBindings() *api.Resource {
	return api.Definition[*rbacv1.RoleBinding]{
		Kind:           rbacv1.SchemeGroupVersion.WithKind("RoleBinding"),
		Plural:         "rolebindings",
		New:            api.New[rbacv1.RoleBinding],
		NewList:        api.NewList[rbacv1.RoleBindingList],
		Default:        defaultRoleBinding,
		CreateOnUpdate: true,
		ValidName:      validName,
		Columns:        roleBindingColumns(),
		Validate:       validateRoleBinding,
		ValidateUpdate: validateRoleBindingUpdate,
	}.Resource()
}
