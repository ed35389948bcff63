package resource

import (
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	apiservercel "k8s.io/apiserver/pkg/cel"
	"k8s.io/apiserver/pkg/cel/environment"
	dracel "k8s.io/dynamic-resource-allocation/cel"

	"minke/api/cel"
)

// age tells whether something was stored before: what was valid then stays so.
type age int

const (
	fresh age = iota
	stored
)

func (f features) selectors(all []resourcev1.DeviceSelector, a age, path *field.Path) field.ErrorList {
	return limited(all, resourcev1.DeviceSelectorsMaxSize, func(s *resourcev1.DeviceSelector, at *field.Path) field.ErrorList {
		switch at := at.Child("cel"); {
		case s.CEL == nil:
			return field.ErrorList{field.Required(at, "")}
		case a == stored:
			return nil
		default:
			_, errs := f.expression(s.CEL.Expression, selecting, at.Child("expression"))
			return errs
		}
	}, path)
}

// purpose is what an expression about a device is for.
type purpose bool

const (
	selecting purpose = false // it says whether the device fits
	deriving  purpose = true  // its value is an attribute
)

// expression compiles an expression about a device, in the environment that
// schedulers and drivers run it in, and returns what it costs at most.
func (f features) expression(text string, p purpose, path *field.Path) (uint64, field.ErrorList) {
	if len(text) > resourcev1.CELSelectorExpressionMaxLength {
		return 0, field.ErrorList{field.TooLong(path, "", resourcev1.CELSelectorExpressionMaxLength)}
	}
	if err := cel.CheckSize(text); err != nil {
		return 0, field.ErrorList{complaint(err, text, path)}
	}
	mode := environment.NewExpressions
	compiler := dracel.GetCompiler(dracel.Features{EnableConsumableCapacity: f.consumable, EnableListTypeAttributes: f.lists})
	result := compiler.CompileCELExpression(text, dracel.Options{EnvType: &mode, DerivedAttribute: bool(p)})
	switch {
	case result.Error != nil:
		return 0, field.ErrorList{complaint(result.Error, text, path)}
	case result.MaxCost > resourcev1.CELSelectorExpressionMaxCost:
		return result.MaxCost, field.ErrorList{field.Forbidden(path, "too complex, exceeds cost limit")}
	}
	return result.MaxCost, nil
}

func complaint(err *cel.Error, text string, path *field.Path) *field.Error {
	switch err.Type {
	case apiservercel.ErrorTypeRequired:
		return field.Required(path, err.Detail)
	case apiservercel.ErrorTypeInvalid:
		return field.Invalid(path, text, err.Detail)
	}
	return field.InternalError(path, err)
}
