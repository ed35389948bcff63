package resource

import (
	"fmt"
	"slices"
	"strconv"

	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// maxValues is how many may be listed that can be asked for.
const maxValues = 10

// capacity of a device that several claims share can be asked for in parts.
func (f features) capacity(c *resourcev1.DeviceCapacity, shared bool, path *field.Path) field.ErrorList {
	p := c.RequestPolicy
	switch {
	case p == nil:
		return nil
	case !shared:
		return field.ErrorList{field.Forbidden(path, "allowMultipleAllocations must be true")}
	case len(p.ValidValues) > 0 && p.ValidRange != nil:
		return field.ErrorList{field.Forbidden(path, `exactly one policy can be specified, cannot specify "validValues" and "validRange" at the same time`)}
	case len(p.ValidValues) > 0 && p.Default == nil:
		return field.ErrorList{field.Required(path.Child("default"), "required when validValues is defined")}
	case len(p.ValidValues) > 0:
		return f.validValues(p, c.Value, path.Child("validValues"))
	case p.ValidRange != nil && p.Default == nil:
		return field.ErrorList{field.Required(path.Child("default"), "required when validRange is defined")}
	case p.ValidRange != nil:
		return f.validRange(p.ValidRange, *p.Default, c.Value, path.Child("validRange"))
	}
	return nil
}

func (f features) validValues(p *resourcev1.CapacityRequestPolicy, all resource.Quantity, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := 1; i < len(p.ValidValues); i++ {
		if p.ValidValues[i-1].Cmp(p.ValidValues[i]) > 0 {
			errs = append(errs, field.Invalid(path.Index(i), p.ValidValues[i].String(), "values must be sorted in ascending order"))
		}
	}
	found := false
	errs = append(errs, distinct(p.ValidValues, maxValues, func(q *resource.Quantity, at *field.Path) field.ErrorList {
		found = found || q.Cmp(*p.Default) == 0
		if q.Cmp(all) > 0 {
			return field.ErrorList{field.Invalid(at, q.String(), "option is larger than capacity value: "+all.String())}
		}
		return nil
	}, func(q *resource.Quantity) string {
		if f.fractional {
			return q.AsDec().String()
		}
		return strconv.FormatInt(q.Value(), 10)
	}, path)...)
	if !found {
		errs = append(errs, field.Invalid(path, p.Default.String(), "default value is not valid according to the requestPolicy"))
	}
	return errs
}

func (f features) validRange(r *resourcev1.CapacityRequestPolicyRange, usual, all resource.Quantity, path *field.Path) field.ErrorList {
	if r.Min == nil {
		return field.ErrorList{field.Required(path.Child("min"), "required when validRange is defined")}
	}
	var errs field.ErrorList
	wrong := func(name string, value *resource.Quantity, format string, other *resource.Quantity) {
		errs = append(errs, field.Invalid(path.Child(name), value.String(), fmt.Sprintf(format, other.String())))
	}
	if r.Min.Cmp(all) > 0 {
		wrong("min", r.Min, "min is larger than capacity value: %s", &all)
	}
	if usual.Cmp(*r.Min) < 0 {
		wrong("min", &usual, "default is less than min: %s", r.Min)
	}
	if m := r.Max; m != nil {
		if r.Min.Cmp(*m) > 0 {
			wrong("max", r.Min, "min is larger than max: %s", m)
		}
		if m.Cmp(all) > 0 {
			wrong("max", m, "max is larger than capacity value: %s", &all)
		}
		if usual.Cmp(*m) > 0 {
			wrong("max", &usual, "default is more than max: %s", m)
		}
	}
	value := (*resource.Quantity).Value
	if f.fractional && slices.ContainsFunc([]*resource.Quantity{&usual, r.Min, r.Max, r.Step}, isFraction) {
		value = (*resource.Quantity).MilliValue
		if inexact := beyondMilli(r, &usual, path); len(inexact) > 0 {
			return append(errs, inexact...)
		}
	}
	if r.Step == nil {
		return errs
	}
	next := r.Min.DeepCopy()
	next.Add(*r.Step)
	if next.Cmp(all) > 0 {
		errs = append(errs, field.Invalid(path.Child("step"), r.Step.String(), fmt.Sprintf("one step %s is larger than capacity value: %s", next.String(), all.String())))
	}
	errs = append(errs, onStep(&usual, r, value, path.Child("step"))...)
	if r.Max != nil {
		errs = append(errs, onStep(r.Max, r, value, path.Child("step"))...)
	}
	return errs
}

// onStep counts in whole units or in thousandths, as value does.
func onStep(q *resource.Quantity, r *resourcev1.CapacityRequestPolicyRange, value func(*resource.Quantity) int64, path *field.Path) field.ErrorList {
	if step := value(r.Step); step == 0 || (value(q)-value(r.Min))%step != 0 {
		return field.ErrorList{field.Invalid(path, q.String(), fmt.Sprintf("value is not a multiple of a given step (%s) from (%s)", r.Step.String(), r.Min.String()))}
	}
	return nil
}

func isFraction(q *resource.Quantity) bool {
	if q == nil {
		return false
	}
	whole := q.DeepCopy()
	return !whole.RoundUp(0) // it tells whether nothing was lost
}

// beyondMilli complains about what cannot be counted in thousandths.
func beyondMilli(r *resourcev1.CapacityRequestPolicyRange, usual *resource.Quantity, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, part := range []struct {
		name string
		q    *resource.Quantity
	}{{"default", usual}, {"min", r.Min}, {"max", r.Max}, {"step", r.Step}} {
		if part.q != nil && part.q.Cmp(*resource.NewMilliQuantity(part.q.MilliValue(), part.q.Format)) != 0 {
			errs = append(errs, field.Invalid(path.Child(part.name), part.q.String(), "value cannot be represented as a milli value"))
		}
	}
	return errs
}
