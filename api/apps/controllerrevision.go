package apps

import (
	appsv1 "k8s.io/api/apps/v1"

	"minke/api"
)

func controllerRevisions() *api.Resource {
	return api.Definition[*appsv1.ControllerRevision]{
		Kind:           appsv1.SchemeGroupVersion.WithKind("ControllerRevision"),
		Plural:         "controllerrevisions",
		New:            api.New[appsv1.ControllerRevision],
		NewList:        api.NewList[appsv1.ControllerRevisionList],
		Columns:        controllerRevisionColumns(),
		Validate:       validateRevision,
		ValidateUpdate: validateRevisionUpdate,
	}.Resource()
}
