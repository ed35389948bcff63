package api

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"
)

// Unset is what a table shows where a value is missing.
const (
	Unset   = "<unset>"
	None    = "<none>"
	Unknown = "<unknown>"
)

// Age is how long ago t was, in the short form of tables, as in "5m12s".
func Age(t metav1.Time) string {
	if t.IsZero() {
		return Unknown
	}
	return duration.HumanDuration(time.Since(t.Time))
}

// AgeColumn shows how old an object is.
func AgeColumn[T Object]() Column[T] {
	return Column[T]{
		Name:        "Age",
		Description: metav1.ObjectMeta{}.SwaggerDoc()["creationTimestamp"],
		Cell:        func(o T) any { return Age(o.GetCreationTimestamp()) },
	}
}

// HasNameColumn tells whether one of Columns is called Name: the table then
// does not begin with the object's name (events show it last).
func (r *Resource) HasNameColumn() bool {
	for i := range r.Columns {
		if r.Columns[i].Name == "Name" {
			return true
		}
	}
	return false
}

// OrNone returns text, or what a table shows for none.
func OrNone(text string) string {
	if text == "" {
		return None
	}
	return text
}
