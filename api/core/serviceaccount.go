package core

import (
	corev1 "k8s.io/api/core/v1"

	"minke/api"
)

func serviceAccounts() *api.Resource {
	return api.Definition[*corev1.ServiceAccount]{
		Kind:       corev1.SchemeGroupVersion.WithKind("ServiceAccount"),
		Plural:     "serviceaccounts",
		ShortNames: []string{"sa"},
		New:        api.New[corev1.ServiceAccount],
		NewList:    api.NewList[corev1.ServiceAccountList],
		Columns:    serviceAccountColumns(),
	}.Resource()
}
