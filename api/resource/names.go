package resource

import (
	"maps"
	"slices"
	"strings"

	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// limited checks the items of a list that has at most so many; none is looked at
// when there are more, and a negative number is no limit.
func limited[T any](items []T, most int, check func(*T, *field.Path) field.ErrorList, path *field.Path) field.ErrorList {
	if most >= 0 && len(items) > most {
		return field.ErrorList{field.TooMany(path, len(items), most)}
	}
	var errs field.ErrorList
	for i := range items {
		errs = append(errs, check(&items[i], path.Index(i))...)
	}
	return errs
}

// distinct is a limited list of which no two items have one key.
func distinct[T any, K comparable](items []T, most int, check func(*T, *field.Path) field.ErrorList, key func(*T) K, path *field.Path) field.ErrorList {
	errs := limited(items, most, check, path)
	if most >= 0 && len(items) > most {
		return errs
	}
	seen := map[K]bool{}
	for i := range items {
		k := key(&items[i])
		if seen[k] {
			errs = append(errs, field.Duplicate(path.Index(i), k))
		}
		seen[k] = true
	}
	return errs
}

func itself(s *string) string { return *s }

// keyed checks the entries of a map in an order that does not change. Errors
// shorten long keys.
func keyed[K ~string, V any](m map[K]V, most, longest int, key func(string, *field.Path) field.ErrorList, value func(*V, *field.Path) field.ErrorList, path *field.Path) field.ErrorList {
	if most >= 0 && len(m) > most {
		return field.ErrorList{field.TooMany(path, len(m), most)}
	}
	var errs field.ErrorList
	for _, k := range slices.Sorted(maps.Keys(m)) {
		at, v := path.Key(shorten(string(k), longest)), m[k]
		errs = append(errs, key(string(k), at)...)
		errs = append(errs, value(&v, at)...)
	}
	return errs
}

func shorten(s string, longest int) string {
	const dots = "..."
	longest = max(longest, 16)
	if len(s) <= longest {
		return s
	}
	rest := longest - len(dots)
	return s[:(rest+1)/2] + dots + s[len(s)-rest/2:]
}

func messages(path *field.Path, value string, check func(string) []string) field.ErrorList {
	var errs field.ErrorList
	for _, msg := range check(value) {
		errs = append(errs, field.Invalid(path, value, msg))
	}
	return errs
}

func label(name string, path *field.Path) field.ErrorList {
	return messages(path, name, validation.IsDNS1123Label)
}

func driverName(name string, path *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	var errs field.ErrorList
	if len(name) > resourcev1.DriverNameMaxLength {
		errs = append(errs, field.TooLong(path, "", resourcev1.DriverNameMaxLength))
	}
	return append(errs, messages(path, name, func(s string) []string { return validation.IsDNS1123Subdomain(strings.ToLower(s)) })...)
}

// opaqueDriver is the same rule, where Kubernetes words it in another way.
func opaqueDriver(name string, path *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	var errs field.ErrorList
	if len(name) > resourcev1.DriverNameMaxLength {
		errs = append(errs, field.TooLongCharacters(path, name, resourcev1.DriverNameMaxLength))
	}
	return append(errs, messages(path, name, content.IsDNS1123SubdomainCaseless)...)
}

// poolName checks subdomains with slashes between.
func poolName(name string, path *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	var errs field.ErrorList
	if len(name) > resourcev1.PoolNameMaxLength {
		errs = append(errs, field.TooLong(path, "", resourcev1.PoolNameMaxLength))
	}
	for part := range strings.SplitSeq(name, "/") {
		errs = append(errs, messages(path, part, validation.IsDNS1123Subdomain)...)
	}
	return errs
}

// longestKey is the length of a qualified name.
const longestKey = resourcev1.DeviceMaxDomainLength + 1 + resourcev1.DeviceMaxIDLength

// qualifiedName checks an identifier, with the domain it belongs to or without.
func qualifiedName(name string, path *field.Path) field.ErrorList {
	parts := strings.Split(name, "/")
	switch len(parts) {
	case 1:
		return identifier(name, path)
	case 2:
	default:
		return nil
	}
	var errs field.ErrorList
	if parts[0] == "" {
		errs = append(errs, field.Invalid(path, "", "the domain must not be empty"))
	} else {
		errs = append(errs, driverName(parts[0], path)...)
	}
	if parts[1] == "" {
		return append(errs, field.Invalid(path, "", "the name must not be empty"))
	}
	return append(errs, identifier(parts[1], path)...)
}

func fullyQualifiedName(name *resourcev1.FullyQualifiedName, path *field.Path) field.ErrorList {
	errs := qualifiedName(string(*name), path)
	if !strings.Contains(string(*name), "/") {
		errs = append(errs, field.Invalid(path, *name, "a fully qualified name must be a domain and a name separated by a slash"))
	}
	return errs
}

func identifier(id string, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if len(id) > resourcev1.DeviceMaxIDLength {
		errs = append(errs, field.TooLong(path, "", resourcev1.DeviceMaxIDLength))
	}
	return append(errs, messages(path, id, validation.IsCIdentifier)...)
}
