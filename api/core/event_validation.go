package core

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validateEvent checks what holds in both groups. An event that has no eventTime is
// of the old kind.
func validateEvent(e *corev1.Event) field.ErrorList {
	var errs field.ErrorList
	namespace := e.InvolvedObject.Namespace
	// What has no namespace has its events in the default one.
	old := e.EventTime.IsZero()
	homeless := e.Namespace == metav1.NamespaceDefault || e.Namespace == metav1.NamespaceSystem
	if namespace == "" && !homeless || namespace != "" && old && e.Namespace != namespace {
		errs = append(errs, field.Invalid(field.NewPath("involvedObject", "namespace"), namespace, "does not match event.namespace"))
	}
	if old {
		return errs
	}
	reporter := field.NewPath("reportingComponent")
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
