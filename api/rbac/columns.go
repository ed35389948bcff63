package rbac

import (
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"minke/api"
)

func roleBindingColumns() []api.Column[*rbacv1.RoleBinding] {
	return bindingColumns(func(b *rbacv1.RoleBinding) (rbacv1.RoleRef, []rbacv1.Subject) { return b.RoleRef, b.Subjects })
}

func clusterRoleBindingColumns() []api.Column[*rbacv1.ClusterRoleBinding] {
	return bindingColumns(func(b *rbacv1.ClusterRoleBinding) (rbacv1.RoleRef, []rbacv1.Subject) { return b.RoleRef, b.Subjects })
}

func bindingColumns[T api.Object](parts func(T) (rbacv1.RoleRef, []rbacv1.Subject)) []api.Column[T] {
	of := func(kind string) func(T) any {
		return func(o T) any {
			var names []string
			_, subjects := parts(o)
			for _, s := range subjects {
				switch {
				case s.Kind != kind:
				case kind == rbacv1.ServiceAccountKind:
					names = append(names, s.Namespace+"/"+s.Name)
				default:
					names = append(names, s.Name)
				}
			}
			return strings.Join(names, ", ")
		}
	}
	return []api.Column[T]{
		{Name: "Role", Cell: func(o T) any {
			ref, _ := parts(o)
			return ref.Kind + "/" + ref.Name
		}},
		api.AgeColumn[T](),
		{Name: "Users", Priority: 1, Cell: of(rbacv1.UserKind)},
		{Name: "Groups", Priority: 1, Cell: of(rbacv1.GroupKind)},
		{Name: "ServiceAccounts", Priority: 1, Cell: of(rbacv1.ServiceAccountKind)},
	}
}
