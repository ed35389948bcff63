package core

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api"
)

// eventsV1 serves the stored core event as events.k8s.io/v1.
func eventsV1() api.Version {
	return api.Version{
		Kind:    eventsv1.SchemeGroupVersion.WithKind("Event"),
		New:     func() runtime.Object { return new(eventsv1.Event) },
		NewList: func() runtime.Object { return new(eventsv1.EventList) },
		Default: func(runtime.Object) {},

		Validate: func(obj api.Object) field.ErrorList { return validateNewEvent(obj.(*corev1.Event)) },
		ValidateUpdate: func(obj, old api.Object) field.ErrorList {
			return validateNewEventUpdate(obj.(*corev1.Event), old.(*corev1.Event))
		},

		Import: importEvent,
		Export: exportEvent,
	}
}

func importEvent(from runtime.Object) (api.Object, error) {
	e, ok := from.(*eventsv1.Event)
	if !ok {
		return nil, fmt.Errorf("import event: got %T", from)
	}
	out := &corev1.Event{
		ObjectMeta:          e.ObjectMeta,
		InvolvedObject:      e.Regarding,
		Reason:              e.Reason,
		Message:             e.Note,
		Source:              e.DeprecatedSource,
		FirstTimestamp:      e.DeprecatedFirstTimestamp,
		LastTimestamp:       e.DeprecatedLastTimestamp,
		Count:               e.DeprecatedCount,
		Type:                e.Type,
		EventTime:           e.EventTime,
		Action:              e.Action,
		Related:             e.Related,
		ReportingController: e.ReportingController,
		ReportingInstance:   e.ReportingInstance,
	}
	if e.Series != nil {
		out.Series = &corev1.EventSeries{Count: e.Series.Count, LastObservedTime: e.Series.LastObservedTime}
	}
	return out, nil
}

func exportEvent(from api.Object) (runtime.Object, error) {
	e, ok := from.(*corev1.Event)
	if !ok {
		return nil, fmt.Errorf("export event: got %T", from)
	}
	out := &eventsv1.Event{
		ObjectMeta:               e.ObjectMeta,
		EventTime:                e.EventTime,
		ReportingController:      e.ReportingController,
		ReportingInstance:        e.ReportingInstance,
		Action:                   e.Action,
		Reason:                   e.Reason,
		Regarding:                e.InvolvedObject,
		Related:                  e.Related,
		Note:                     e.Message,
		Type:                     e.Type,
		DeprecatedSource:         e.Source,
		DeprecatedFirstTimestamp: e.FirstTimestamp,
		DeprecatedLastTimestamp:  e.LastTimestamp,
		DeprecatedCount:          e.Count,
	}
	if e.Series != nil {
		out.Series = &eventsv1.EventSeries{Count: e.Series.Count, LastObservedTime: e.Series.LastObservedTime}
	}
	return out, nil
}
