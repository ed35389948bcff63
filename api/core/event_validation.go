package core

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validateEvent checks what is written in the core group.
func validateEvent(e *corev1.Event) field.ErrorList { return eventRules(e, "reportingComponent") }

// eventRules are those of both groups, which call the reporter differently. An event
// that has no eventTime is of the old kind.
func eventRules(e *corev1.Event, reporterName string) field.ErrorList {
	var errs field.ErrorList
	namespace := e.InvolvedObject.Namespace
	// What has no namespace has its events in the default one.
	old := e.EventTime.IsZero()
	homeless := e.Namespace == metav1.NamespaceDefault || !old && e.Namespace == metav1.NamespaceSystem
	if namespace == "" && !homeless || namespace != "" && old && e.Namespace != namespace {
		errs = append(errs, field.Invalid(field.NewPath("involvedObject", "namespace"), namespace, "does not match event.namespace"))
	}
	if old {
		return errs
	}
	reporter := field.NewPath(reporterName)
	if e.ReportingController == "" {
		errs = append(errs, field.Required(reporter, ""))
	}
	for _, msg := range validation.IsQualifiedName(e.ReportingController) {
		errs = append(errs, field.Invalid(reporter, e.ReportingController, msg))
	}
	for _, f := range []struct{ name, value string }{{"reportingInstance", e.ReportingInstance}, {"action", e.Action}, {"reason", e.Reason}} {
		if f.value == "" {
			errs = append(errs, field.Required(field.NewPath(f.name), ""))
		}
		errs = append(errs, notLonger(f.name, f.value, maxEventWord)...)
	}
	return append(errs, notLonger("message", e.Message, maxEventNote)...)
}

// The lengths, in bytes, of what an event of the new kind says.
const (
	maxEventWord = 128
	maxEventNote = 1024
)

func notLonger(name, value string, most int) field.ErrorList {
	if len(value) <= most {
		return nil
	}
	return field.ErrorList{field.Invalid(field.NewPath(name), "", fmt.Sprintf("can have at most %d characters", most))}
}

// anyEventName lets names of events be anything that a path can hold.
func anyEventName(string, bool) []string { return nil }

// validateNewEvent checks what is written in events.k8s.io/v1, which has none of the
// old kind, nor its fields.
func validateNewEvent(e *corev1.Event) field.ErrorList {
	errs := eventRules(e, "reportingController")
	errs = append(errs, apivalidation.ValidateObjectMeta(&e.ObjectMeta, true, apivalidation.NameIsDNSSubdomain, field.NewPath("metadata"))...)
	errs = append(errs, eventSeries(e.Series)...)
	if e.EventTime.IsZero() {
		errs = append(errs, field.Required(field.NewPath("eventTime"), ""))
	}
	if e.Type != corev1.EventTypeNormal && e.Type != corev1.EventTypeWarning {
		errs = append(errs, field.Invalid(field.NewPath("type"), "", "has invalid value: "+e.Type))
	}
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"firstTimestamp", !e.FirstTimestamp.IsZero()}, {"lastTimestamp", !e.LastTimestamp.IsZero()},
		{"count", e.Count != 0}, {"source", e.Source.Component != "" || e.Source.Host != ""},
	} {
		if f.set {
			errs = append(errs, field.Invalid(field.NewPath(f.name), "", "needs to be unset"))
		}
	}
	return errs
}

// validateNewEventUpdate lets only the series and the note change, and metadata.
// Kubernetes 1.37 refuses another note, though its own conformance behaviour
// ("patched with a new note") reads otherwise.
func validateNewEventUpdate(e, old *corev1.Event) field.ErrorList {
	errs := eventRules(e, "reportingController")
	if !equality.Semantic.DeepEqual(e.Series, old.Series) {
		errs = append(errs, eventSeries(e.Series)...)
	}
	for _, f := range []struct {
		name     string
		now, was any
	}{
		{"involvedObject", e.InvolvedObject, old.InvolvedObject}, {"reason", e.Reason, old.Reason},
		{"source", e.Source, old.Source}, {"firstTimestamp", e.FirstTimestamp, old.FirstTimestamp}, {"lastTimestamp", e.LastTimestamp, old.LastTimestamp},
		{"count", e.Count, old.Count}, {"type", e.Type, old.Type}, {"eventTime", e.EventTime, old.EventTime}, {"action", e.Action, old.Action},
		{"related", e.Related, old.Related}, {"reportingController", e.ReportingController, old.ReportingController},
		{"reportingInstance", e.ReportingInstance, old.ReportingInstance},
	} {
		errs = append(errs, apivalidation.ValidateImmutableField(f.now, f.was, field.NewPath(f.name))...)
	}
	return errs
}

func eventSeries(s *corev1.EventSeries) field.ErrorList {
	var errs field.ErrorList
	if s != nil && s.Count < 2 {
		errs = append(errs, field.Invalid(field.NewPath("series.count"), "", "should be at least 2"))
	}
	if s != nil && s.LastObservedTime.IsZero() {
		errs = append(errs, field.Required(field.NewPath("series.lastObservedTime"), ""))
	}
	return errs
}
