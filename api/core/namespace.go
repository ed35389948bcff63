package core

import (
	corev1 "k8s.io/api/core/v1"

	"k8s.io/apimachinery/pkg/api/validation"

	"minke/api"
)

func namespaces() *api.Resource {
	return api.Definition[*corev1.Namespace]{
		Kind:             corev1.SchemeGroupVersion.WithKind("Namespace"),
		Plural:           "namespaces",
		ShortNames:       []string{"ns"},
		Cluster:          true,
		New:              api.New[corev1.Namespace],
		NewList:          api.NewList[corev1.NamespaceList],
		PrepareForCreate: namespaceCreate,
		PrepareForUpdate: namespaceUpdate,
		BeginDelete:      namespaceBeginDelete,
		Subresources: map[string]api.Subresource[*corev1.Namespace]{
			"status":   {Prepare: namespaceStatus, ValidateUpdate: validateNamespaceStatus},
			"finalize": {Prepare: namespaceFinalize, ValidateUpdate: validateNamespaceUpdate},
		},
		Default:        defaultNamespace,
		Verbs:          []string{"create", "delete", "get", "list", "patch", "update", "watch"},
		ValidName:      validation.NameIsDNSLabel,
		Fields:         namespaceFields(),
		Columns:        namespaceColumns(),
		Validate:       validateNamespace,
		ValidateUpdate: validateNamespaceUpdate,
	}.Resource()
}
