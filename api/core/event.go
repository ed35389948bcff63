package core

import (
	corev1 "k8s.io/api/core/v1"

	"minke/api"
)

func events() *api.Resource {
	return api.Definition[*corev1.Event]{
		Kind:           corev1.SchemeGroupVersion.WithKind("Event"),
		Plural:         "events",
		ShortNames:     []string{"ev"},
		New:            api.New[corev1.Event],
		NewList:        api.NewList[corev1.EventList],
		Also:           []api.Version{eventsV1()},
		CreateOnUpdate: true,
		Fields:         eventFields(),
		Columns:        eventColumns(),
		ValidName:      anyEventName,
		Validate:       validateEvent,
	}.Resource()
}
