package core

import (
	corev1 "k8s.io/api/core/v1"

	"minke/api"
)

func secrets() *api.Resource {
	return api.Definition[*corev1.Secret]{
		Kind:           corev1.SchemeGroupVersion.WithKind("Secret"),
		Plural:         "secrets",
		New:            api.New[corev1.Secret],
		NewList:        api.NewList[corev1.SecretList],
		Default:        defaultSecret,
		Fields:         secretFields(),
		Columns:        secretColumns(),
		Validate:       validateSecret,
		ValidateUpdate: validateSecretUpdate,
	}.Resource()
}
