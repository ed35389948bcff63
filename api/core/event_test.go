package core

import (
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestNewEvents: events.k8s.io takes what is whole and of the new kind; the core
// group takes the old kind, too.
func TestNewEvents(t *testing.T) {
	now := metav1.NewMicroTime(time.Unix(1e9, 0))
	good := func() *corev1.Event {
		return &corev1.Event{ObjectMeta: metav1.ObjectMeta{Name: "e", Namespace: "default"}, EventTime: now, Type: "Normal", Reason: "r", Action: "a",
			ReportingController: "x.y/z", ReportingInstance: "i", InvolvedObject: corev1.ObjectReference{Namespace: "default"}}
	}
	for _, c := range []struct {
		name     string
		edit     func(*corev1.Event)
		new, old []string
	}{
		{"whole", func(*corev1.Event) {}, nil, nil},
		{"old", func(e *corev1.Event) { e.EventTime = metav1.MicroTime{} }, []string{"eventTime"}, nil},
		{"name", func(e *corev1.Event) { e.Name = "a b" }, []string{"metadata.name"}, nil},
		{"type", func(e *corev1.Event) { e.Type = "" }, []string{"type"}, nil},
		{"old fields", func(e *corev1.Event) {
			e.Count, e.Source.Host, e.FirstTimestamp, e.LastTimestamp = 1, "h", metav1.Time(now), metav1.Time(now)
		}, []string{"firstTimestamp", "lastTimestamp", "count", "source"}, nil},
		{"series", func(e *corev1.Event) { e.Series = &corev1.EventSeries{Count: 1} }, []string{"series.count", "series.lastObservedTime"}, nil},
		{"reporter", func(e *corev1.Event) { e.ReportingController = "" }, []string{"reportingController", "reportingController", "reportingController"}, []string{"reportingComponent", "reportingComponent", "reportingComponent"}},
	} {
		e := good()
		c.edit(e)
		var inNew, inOld []string
		for _, problem := range validateNewEvent(e) {
			inNew = append(inNew, problem.Field)
		}
		for _, problem := range validateEvent(e) {
			inOld = append(inOld, problem.Field)
		}
		if !slices.Equal(inNew, c.new) || !slices.Equal(inOld, c.old) {
			t.Errorf("%s: got %q and %q, want %q and %q", c.name, inNew, inOld, c.new, c.old)
		}
	}
	changed := good()
	changed.Series, changed.Reason, changed.Message = &corev1.EventSeries{Count: 2, LastObservedTime: now}, "s", "patched"
	if errs := validateNewEventUpdate(changed, good()); len(errs) != 1 || errs[0].Field != "reason" {
		t.Errorf("changed: got %v", errs)
	}
}
