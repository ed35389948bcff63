package customresource

import (
	"context"
	"sync"

	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/model"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/common"
)

// validate checks an object that is about to be created.
func (c *compiled) validate(now map[string]any, scale *scalePaths) field.ErrorList {
	var errs field.ErrorList
	if !c.tree.fits(now) {
		errs = validation.ValidateCustomResource(nil, now, c.object)
	}
	errs = append(errs, scale.validate(now)...)
	errs = append(errs, c.embedded(now)...)
	if c.has.lists {
		errs = append(errs, listtype.ValidateListSetsAndMaps(nil, c.structural, now)...)
	}
	return append(errs, c.evaluate(now, nil, errs, nil)...)
}

// validateUpdate checks an object that is about to replace old. What did not
// change may stay, even if it would be refused today (KEP-4008).
func (c *compiled) validateUpdate(now, old map[string]any, scale *scalePaths) field.ErrorList {
	same := c.correlate(now, old)
	var errs field.ErrorList
	if !c.tree.fits(now) {
		errs = validation.ValidateCustomResourceUpdate(nil, now, old, c.object, validation.WithRatcheting(same()))
	}
	errs = append(errs, scale.validate(now)...)
	errs = append(errs, c.embedded(now)...)
	errs = append(errs, c.lists(now, old)...)
	return append(errs, c.evaluate(now, old, errs, same)...)
}

// validateStatus checks an object of which nothing but the status changes.
func (c *compiled) validateStatus(now, old map[string]any, scale *scalePaths) field.ErrorList {
	same := c.correlate(now, old)
	var errs field.ErrorList
	if status, ok := now["status"]; ok && c.status != nil {
		if s := c.tree.properties["status"]; s == nil || !s.fits(status) {
			errs = validation.ValidateCustomResourceUpdate(field.NewPath("status"), status, old["status"], c.status, validation.WithRatcheting(same().Key("status")))
		}
	}
	errs = append(errs, scale.validateStatus(now)...)
	errs = append(errs, c.lists(now, old)...)
	return append(errs, c.evaluate(now, old, errs, same)...)
}

// embedded checks the metadata of objects that the object holds.
func (c *compiled) embedded(now map[string]any) field.ErrorList {
	if !c.has.embedded {
		return nil
	}
	return objectmeta.Validate(context.Background(), nil, now, c.structural, false)
}

// correlate returns what finds the old value of each new one, made when needed.
func (c *compiled) correlate(now, old map[string]any) func() *common.CorrelatedObject {
	return sync.OnceValue(func() *common.CorrelatedObject {
		return common.NewCorrelatedObject(now, old, &model.Structural{Structural: c.structural})
	})
}

// lists checks that the items of sets and maps differ, unless they did not
// before.
func (c *compiled) lists(now, old map[string]any) field.ErrorList {
	if !c.has.lists {
		return nil
	}
	errs := listtype.ValidateListSetsAndMaps(nil, c.structural, now)
	if len(errs) > 0 && len(listtype.ValidateListSetsAndMaps(nil, c.structural, old)) > 0 {
		return nil
	}
	return errs
}

// evaluate runs the schema's CEL rules, within the budget of one request. An
// object that is wrong in its form cannot be reasoned about. same is nil for a new
// object.
func (c *compiled) evaluate(now, old map[string]any, before field.ErrorList, same func() *common.CorrelatedObject) field.ErrorList {
	rules := c.rules()
	if rules == nil {
		return nil
	}
	for _, e := range before {
		switch e.Type {
		case field.ErrorTypeNotSupported, field.ErrorTypeRequired, field.ErrorTypeTooLong, field.ErrorTypeTooMany, field.ErrorTypeTypeInvalid:
			return field.ErrorList{field.Invalid(nil, nil, "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation")}
		}
	}
	var previous any // an old map that is nil would be an object
	if old != nil {
		previous = old
	}
	var options []cel.Option
	if same != nil {
		options = append(options, cel.WithRatcheting(same()))
	}
	errs, _ := rules.Validate(context.Background(), nil, c.structural, now, previous, celconfig.RuntimeCELCostBudget, options...)
	return errs
}
