package apps

import (
	appsv1 "k8s.io/api/apps/v1"

	"minke/api"
)

func daemonSets() *api.Resource {
	return api.Definition[*appsv1.DaemonSet]{
		Kind:             appsv1.SchemeGroupVersion.WithKind("DaemonSet"),
		Plural:           "daemonsets",
		ShortNames:       []string{"ds"},
		Categories:       []string{"all"},
		New:              api.New[appsv1.DaemonSet],
		NewList:          api.NewList[appsv1.DaemonSetList],
		PrepareForCreate: daemonSetCreate,
		PrepareForUpdate: daemonSetUpdate,
		Subresources: map[string]api.Subresource[*appsv1.DaemonSet]{
			"status": {Prepare: daemonSetStatus, ValidateUpdate: validateDaemonSetStatus},
		},
		Default:        defaultDaemonSet,
		Columns:        daemonSetColumns(),
		Validate:       validateDaemonSet,
		ValidateUpdate: validateDaemonSetUpdate,
		Warnings:       daemonSetWarnings,
	}.Resource()
}
