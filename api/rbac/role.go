package rbac

import (
	rbacv1 "k8s.io/api/rbac/v1"

	"minke/api"
)

func roles() *api.Resource {
	return api.Definition[*rbacv1.Role]{
		Kind:           rbacv1.SchemeGroupVersion.WithKind("Role"),
		Plural:         "roles",
		New:            api.New[rbacv1.Role],
		NewList:        api.NewList[rbacv1.RoleList],
		CreateOnUpdate: true,
		ValidName:      validName,
		Validate:       validateRole,
		ValidateUpdate: validateRoleUpdate,
	}.Resource()
}
