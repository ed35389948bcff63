package authz

import (
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"

	"minke/apiserver/request"
)

// selectors reads the selectors of a list, watch or deletecollection into a: a
// right may be for a part of the objects (KEP-4601). One that cannot be read
// selects nothing here; the verb refuses it.
func (a *Attributes) selectors(info *request.Info) {
	if info.FieldSelector != "" {
		if s, err := fields.ParseSelector(info.FieldSelector); err == nil {
			a.FieldSelector = s.Requirements()
		}
	}
	if info.LabelSelector != "" {
		if s, err := labels.Parse(info.LabelSelector); err == nil {
			a.LabelSelector, _ = s.Requirements()
		}
	}
}

// Selects tells whether only objects are asked for whose field has the value.
func (a Attributes) Selects(field, value string) bool {
	for _, r := range a.FieldSelector {
		if r.Field == field && r.Value == value && (r.Operator == "=" || r.Operator == "==") {
			return true
		}
	}
	return false
}
