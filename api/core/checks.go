package core

import (
	"strings"

	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Immutable is Kubernetes' text for a field that may not change.
const Immutable = "field is immutable"

const (
	notNegativeMessage = "must be greater than or equal to 0"
	notPositiveMessage = "must be greater than zero"
	notIntegerMessage  = "must be an integer"
)

// enum requires one of the values.
func enum[V ~string](path *field.Path, value V, values ...V) field.ErrorList {
	if value == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	return oneOf(path, value, values...)
}

// oneOf requires one of the values, and has no other word for an empty one.
func oneOf[V ~string](path *field.Path, value V, values ...V) field.ErrorList {
	for _, v := range values {
		if v == value {
			return nil
		}
	}
	return field.ErrorList{field.NotSupported(path, value, values)}
}

func required(path *field.Path, value string) field.ErrorList {
	if value == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	return nil
}

// invalid returns an error for each message about the value.
func invalid(path *field.Path, value string, messages []string) field.ErrorList {
	var errs field.ErrorList
	for _, msg := range messages {
		errs = append(errs, field.Invalid(path, value, msg))
	}
	return errs
}

func qualifiedName(path *field.Path, name string) field.ErrorList {
	return invalid(path, name, validation.IsQualifiedName(name))
}

func label(path *field.Path, name string) field.ErrorList {
	return invalid(path, name, validation.IsDNS1123Label(name))
}

func subdomain(path *field.Path, name string) field.ErrorList {
	return invalid(path, name, validation.IsDNS1123Subdomain(name))
}

// requiredLabel requires a name, and that it is a DNS label.
func requiredLabel(path *field.Path, name string) field.ErrorList {
	if name == "" {
		return required(path, name)
	}
	return label(path, name)
}

func untrimmed(path *field.Path, text string) field.ErrorList {
	if strings.TrimSpace(text) != text {
		return field.ErrorList{field.Invalid(path, text, "must not have leading or trailing whitespace")}
	}
	return nil
}

func notNegative(value int64, path *field.Path) field.ErrorList {
	return apivalidation.ValidateNonnegativeField(value, path)
}

// legacyIP checks an address in a field that took leading zeros before there was
// the strict form (KEP-4858). What stood there before need not be mended.
func legacyIP(path *field.Path, ip string, before ...string) field.ErrorList {
	return validation.IsValidIPForLegacyField(path, ip, true, before)
}

func legacyCIDR(path *field.Path, cidr string, before ...string) field.ErrorList {
	return validation.IsValidCIDRForLegacyField(path, cidr, true, before)
}

// nameSet tells names that occur twice.
type nameSet map[string]bool

func (s *nameSet) add(name string, path *field.Path) field.ErrorList {
	if (*s)[name] {
		return field.ErrorList{field.Duplicate(path, name)}
	}
	if *s == nil {
		*s = nameSet{}
	}
	(*s)[name] = true
	return nil
}
