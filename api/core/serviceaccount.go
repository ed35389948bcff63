package core

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api"
)

func serviceAccounts() *api.Resource {
	return api.Definition[*corev1.ServiceAccount]{
		Kind:             corev1.SchemeGroupVersion.WithKind("ServiceAccount"),
		Plural:           "serviceaccounts",
		ShortNames:       []string{"sa"},
		New:              api.New[corev1.ServiceAccount],
		NewList:          api.NewList[corev1.ServiceAccountList],
		PrepareForCreate: namesOfSecrets,
		PrepareForUpdate: func(a, _ *corev1.ServiceAccount) { namesOfSecrets(a) },
		Columns:          serviceAccountColumns(),
		Warnings:         serviceAccountWarnings,
	}.Resource()
}

// namesOfSecrets keeps of an account's references to secrets the names alone:
// they are all of its namespace.
func namesOfSecrets(a *corev1.ServiceAccount) {
	for i := range a.Secrets {
		a.Secrets[i] = corev1.ObjectReference{Name: a.Secrets[i].Name}
	}
}

// mountableSecrets confines the pods of an account to the secrets that it lists.
const mountableSecrets = "kubernetes.io/enforce-mountable-secrets"

// serviceAccountWarnings are given when the annotation is new.
func serviceAccountWarnings(a, old *corev1.ServiceAccount) []string {
	var all warnings
	_, set := a.Annotations[mountableSecrets]
	if old != nil {
		if _, before := old.Annotations[mountableSecrets]; before {
			return nil
		}
	}
	if set {
		all.add(field.NewPath("metadata", "annotations").Key(mountableSecrets), "deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets")
	}
	return all
}
