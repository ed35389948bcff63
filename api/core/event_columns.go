package core

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api"
)

func eventColumns() []api.Column[*corev1.Event] {
	return []api.Column[*corev1.Event]{
		{Name: "Last Seen", Cell: func(e *corev1.Event) any { return lastSeen(e) }},
		{Name: "Type", Cell: func(e *corev1.Event) any { return e.Type }},
		{Name: "Reason", Cell: func(e *corev1.Event) any { return e.Reason }},
		{Name: "Object", Cell: func(e *corev1.Event) any {
			return strings.ToLower(e.InvolvedObject.Kind) + "/" + e.InvolvedObject.Name
		}},
		{Name: "Subobject", Priority: 1, Cell: func(e *corev1.Event) any { return e.InvolvedObject.FieldPath }},
		{Name: "Source", Priority: 1, Cell: func(e *corev1.Event) any { return eventSource(e) }},
		{Name: "Message", Cell: func(e *corev1.Event) any { return strings.TrimSpace(e.Message) }},
		{Name: "First Seen", Priority: 1, Cell: func(e *corev1.Event) any { return firstSeen(e) }},
		{Name: "Count", Priority: 1, Cell: func(e *corev1.Event) any {
			switch {
			case e.Series != nil:
				return int64(e.Series.Count)
			case e.Count == 0:
				return int64(1)
			}
			return int64(e.Count)
		}},
		{Name: "Name", Format: "name", Priority: 1, Cell: func(e *corev1.Event) any { return e.Name }},
	}
}

func firstSeen(e *corev1.Event) string {
	if e.FirstTimestamp.IsZero() {
		return api.Age(metav1.Time(e.EventTime))
	}
	return api.Age(e.FirstTimestamp)
}

func lastSeen(e *corev1.Event) string {
	switch {
	case e.Series != nil:
		return api.Age(metav1.Time(e.Series.LastObservedTime))
	case e.LastTimestamp.IsZero():
		return firstSeen(e)
	}
	return api.Age(e.LastTimestamp)
}

func eventSource(e *corev1.Event) string {
	component, instance := e.Source.Component, e.Source.Host
	if component == "" {
		component = e.ReportingController
	}
	if instance == "" {
		instance = e.ReportingInstance
	}
	if instance == "" {
		return component
	}
	return fmt.Sprintf("%s, %s", component, instance)
}
