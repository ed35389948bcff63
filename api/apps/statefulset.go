package apps

import (
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/validation"

	"minke/api"
)

func statefulSets() *api.Resource {
	return api.Definition[*appsv1.StatefulSet]{
		Kind:             appsv1.SchemeGroupVersion.WithKind("StatefulSet"),
		Plural:           "statefulsets",
		ShortNames:       []string{"sts"},
		Categories:       []string{"all"},
		New:              api.New[appsv1.StatefulSet],
		NewList:          api.NewList[appsv1.StatefulSetList],
		ValidName:        validation.NameIsDNSLabel,
		PrepareForCreate: statefulSetCreate,
		PrepareForUpdate: statefulSetUpdate,
		Subresources: map[string]api.Subresource[*appsv1.StatefulSet]{
			"status": {Prepare: statefulSetStatus, ValidateUpdate: validateStatefulSetStatus},
		},
		Default:        defaultStatefulSet,
		Scale:          statefulSetScale(),
		Columns:        statefulSetColumns(),
		Validate:       validateStatefulSet,
		ValidateUpdate: validateStatefulSetUpdate,
		Warnings:       statefulSetWarnings,
	}.Resource()
}

func statefulSetCreate(o *appsv1.StatefulSet) {
	o.Status = appsv1.StatefulSetStatus{}
	o.Generation = 1
}

func statefulSetUpdate(o, old *appsv1.StatefulSet) {
	o.Status = old.Status
	api.BumpGeneration(o, old, o.Spec, old.Spec)
}

// statefulSetStatus lets the status subresource change nothing but the status.
func statefulSetStatus(o, old *appsv1.StatefulSet) {
	o.Spec = old.Spec
}
