// Package intorpercent validates numbers that may be percentages, which several
// kinds have.
package intorpercent

import (
	"math"
	"strconv"
	"strings"

	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Validate checks that v, which may be nil, is a number of at least 0 or a
// percentage. A percentage may be of more than 100.
func Validate(v *intstr.IntOrString, path *field.Path) field.ErrorList {
	if v == nil {
		return nil
	}
	if v.Type == intstr.Int {
		return apivalidation.ValidateNonnegativeField(int64(v.IntVal), path)
	}
	var errs field.ErrorList
	for _, msg := range validation.IsValidPercent(v.StrVal) {
		errs = append(errs, field.Invalid(path, v, msg))
	}
	return errs
}

// NotMoreThanAll checks that v is not a percentage of more than 100. Of anything
// that is no percentage it says nothing.
func NotMoreThanAll(v *intstr.IntOrString, path *field.Path) field.ErrorList {
	if v == nil {
		return nil
	}
	if n, ok := percent(v); ok && n > 100 {
		return field.ErrorList{field.Invalid(path, v, "must not be greater than 100%")}
	}
	return nil
}

// Value returns the number, or the number of the percentage. It is 0 for nil and
// for what is neither, but for digits without the sign, which Validate complains
// of: as in Kubernetes, rules about zero leave those alone.
func Value(v *intstr.IntOrString) int {
	if v == nil {
		return 0
	}
	if n, ok := percent(v); ok {
		return n
	}
	return v.IntValue()
}

func percent(v *intstr.IntOrString) (int, bool) {
	if v.Type != intstr.String || len(validation.IsValidPercent(v.StrVal)) > 0 {
		return 0, false
	}
	n, err := strconv.Atoi(strings.TrimSuffix(v.StrVal, "%"))
	if err != nil {
		// Nothing but digits, and too many of them.
		return math.MaxInt, true
	}
	return n, true
}
