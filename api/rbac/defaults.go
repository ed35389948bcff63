package rbac

import (
	rbacv1 "k8s.io/api/rbac/v1"

	"minke/api"
)

func defaultRoleBinding(b *rbacv1.RoleBinding) {
	api.Fill(&b.RoleRef.APIGroup, rbacv1.GroupName)
	defaultSubjects(b.Subjects)
}

func defaultClusterRoleBinding(b *rbacv1.ClusterRoleBinding) {
	api.Fill(&b.RoleRef.APIGroup, rbacv1.GroupName)
	defaultSubjects(b.Subjects)
}

// defaultSubjects leaves the group of service accounts empty, which is theirs.
func defaultSubjects(subjects []rbacv1.Subject) {
	for i := range subjects {
		if kind := subjects[i].Kind; kind == rbacv1.UserKind || kind == rbacv1.GroupKind {
			api.Fill(&subjects[i].APIGroup, rbacv1.GroupName)
		}
	}
}
