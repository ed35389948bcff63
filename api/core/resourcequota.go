package core

import (
	corev1 "k8s.io/api/core/v1"

	"minke/api"
)

func resourceQuotas() *api.Resource {
	return api.Definition[*corev1.ResourceQuota]{
		Kind:             corev1.SchemeGroupVersion.WithKind("ResourceQuota"),
		Plural:           "resourcequotas",
		ShortNames:       []string{"quota"},
		New:              api.New[corev1.ResourceQuota],
		NewList:          api.NewList[corev1.ResourceQuotaList],
		PrepareForCreate: resourceQuotaCreate,
		PrepareForUpdate: resourceQuotaUpdate,
		Subresources: map[string]api.Subresource[*corev1.ResourceQuota]{
			"status": {Prepare: resourceQuotaStatus, ValidateUpdate: validateResourceQuotaStatus},
		},
		Default:        defaultResourceQuota,
		Columns:        resourceQuotaColumns(),
		Validate:       validateResourceQuota,
		ValidateUpdate: validateResourceQuotaUpdate,
	}.Resource()
}

func resourceQuotaCreate(o *corev1.ResourceQuota) {
	o.Status = corev1.ResourceQuotaStatus{}
}

func resourceQuotaUpdate(o, old *corev1.ResourceQuota) {
	o.Status = old.Status
}

// resourceQuotaStatus lets the status subresource change nothing but the status.
func resourceQuotaStatus(o, old *corev1.ResourceQuota) {
	o.Spec = old.Spec
}
