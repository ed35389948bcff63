package node

import (
	nodev1 "k8s.io/api/node/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateRuntimeClass(c *nodev1.RuntimeClass) field.ErrorList {
	var errs field.ErrorList
	for _, msg := range apivalidation.NameIsDNSLabel(c.Handler, false) {
		errs = append(errs, field.Invalid(field.NewPath("handler"), c.Handler, msg))
	}
	if o := c.Overhead; o != nil {
		for name, quantity := range o.PodFixed {
			at := field.NewPath("overhead", "podFixed").Key(string(name))
			errs = append(errs, metavalidation.ValidateLabelName(string(name), at)...)
			if quantity.Sign() < 0 {
				errs = append(errs, field.Invalid(at, quantity.String(), apivalidation.IsNegativeErrorMsg))
			}
		}
	}
	if s := c.Scheduling; s != nil {
		errs = append(errs, metavalidation.ValidateLabels(s.NodeSelector, field.NewPath("scheduling", "nodeSelector"))...)
	}
	return errs
}

func validateRuntimeClassUpdate(c, old *nodev1.RuntimeClass) field.ErrorList {
	return append(validateRuntimeClass(c), apivalidation.ValidateImmutableField(c.Handler, old.Handler, field.NewPath("handler"))...)
}
