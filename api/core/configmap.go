package core

import (
	corev1 "k8s.io/api/core/v1"

	"minke/api"
)

func configMaps() *api.Resource {
	return api.Definition[*corev1.ConfigMap]{
		Kind:           corev1.SchemeGroupVersion.WithKind("ConfigMap"),
		Plural:         "configmaps",
		ShortNames:     []string{"cm"},
		New:            api.New[corev1.ConfigMap],
		NewList:        api.NewList[corev1.ConfigMapList],
		Columns:        configMapColumns(),
		Validate:       validateConfigMap,
		ValidateUpdate: validateConfigMapUpdate,
	}.Resource()
}
