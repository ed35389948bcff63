package resource

import (
	"regexp"

	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// semver is a version as semver.org, 2.0.0, has it.
var semver = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)` +
	`(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?` +
	`(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$`)

func attribute(a *resourcev1.DeviceAttribute, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	n := 0
	for _, set := range []bool{a.BoolValue != nil, a.IntValue != nil, a.StringValue != nil, a.VersionValue != nil,
		a.BoolValues != nil, a.IntValues != nil, a.StringValues != nil, a.VersionValues != nil} {
		if set {
			n++
		}
	}
	if a.StringValue != nil {
		errs = append(errs, text(a.StringValue, path.Child("string"))...)
	}
	if a.VersionValue != nil {
		errs = append(errs, version(a.VersionValue, path.Child("version"))...)
	}
	anyBool := func(*bool, *field.Path) field.ErrorList { return nil }
	anyInt := func(*int64, *field.Path) field.ErrorList { return nil }
	errs = append(errs, listed(a.BoolValues, anyBool, path.Child("bools"))...)
	errs = append(errs, listed(a.IntValues, anyInt, path.Child("ints"))...)
	errs = append(errs, listed(a.StringValues, text, path.Child("strings"))...)
	errs = append(errs, listed(a.VersionValues, version, path.Child("versions"))...)
	switch {
	case n == 0:
		errs = append(errs, field.Invalid(path, "", "exactly one value must be specified"))
	case n > 1:
		errs = append(errs, field.Invalid(path, *a, "exactly one value must be specified"))
	}
	return errs
}

func text(s *string, path *field.Path) field.ErrorList {
	if len(*s) > resourcev1.DeviceAttributeMaxValueLength {
		return field.ErrorList{field.TooLong(path, "", resourcev1.DeviceAttributeMaxValueLength)}
	}
	return nil
}

func version(v *string, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if !semver.MatchString(*v) {
		errs = append(errs, field.Invalid(path, *v, "must be a string compatible with semver.org spec 2.0.0"))
	}
	return append(errs, text(v, path)...)
}

// listed checks the values of an attribute that is a list; nil is none.
func listed[T any](values []T, check func(*T, *field.Path) field.ErrorList, path *field.Path) field.ErrorList {
	if values != nil && len(values) == 0 {
		return field.ErrorList{field.Invalid(path, values, "must not be empty if specified")}
	}
	return limited(values, -1, check, path)
}

// values counts those of all attributes, each item of a list for itself.
func values(d *resourcev1.Device) int {
	n := 0
	for _, a := range d.Attributes {
		n += max(1, len(a.BoolValues)+len(a.IntValues)+len(a.StringValues)+len(a.VersionValues))
	}
	return n
}

// lists tells whether an attribute of the device is one.
func lists(d *resourcev1.Device) bool {
	for _, a := range d.Attributes {
		if a.BoolValues != nil || a.IntValues != nil || a.StringValues != nil || a.VersionValues != nil {
			return true
		}
	}
	return false
}
