package api

import (
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Immutable wants now to be what it was before. Its complaint shows no value, as
// Kubernetes' does where the rule is declared with the type (KEP-5073).
func Immutable(now, before any, path *field.Path) field.ErrorList {
	if equality.Semantic.DeepEqual(now, before) {
		return nil
	}
	return field.ErrorList{field.Invalid(path, nil, "field is immutable")}
}
