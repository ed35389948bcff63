package core

import (
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// fieldPaths are what the downward API offers to environment variables,
// volumePaths what it offers to files.
var (
	fieldPaths = []string{"metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName",
		"status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"}
	volumePaths   = []string{"metadata.name", "metadata.namespace", "metadata.labels", "metadata.annotations", "metadata.uid"}
	resourcePaths = []string{"limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage", "requests.memory"}
)

// subscripted takes apart metadata.labels['key'].
var subscripted = regexp.MustCompile(`^(.+)\['(.*)'\]$`)

// fieldLabels are the paths that the downward API knows at all.
var fieldLabels = append([]string{"metadata.labels", "metadata.annotations", "spec.restartPolicy", "spec.schedulerName", "status.phase"}, fieldPaths...)

func validateEnv(env []corev1.EnvVar, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range env {
		e, at := &env[i], path.Index(i)
		if e.Name == "" {
			errs = append(errs, field.Required(at.Child("name"), ""))
		} else {
			errs = append(errs, invalid(at.Child("name"), e.Name, validation.IsRelaxedEnvVarName(e.Name))...)
		}
		errs = append(errs, validateEnvSource(e, at.Child("valueFrom"))...)
	}
	return errs
}

func validateEnvSource(e *corev1.EnvVar, path *field.Path) field.ErrorList {
	from := e.ValueFrom
	if from == nil {
		return nil
	}
	var errs field.ErrorList
	sources := 0
	if from.FieldRef != nil {
		sources++
		errs = append(errs, validateFieldRef(from.FieldRef, fieldPaths, path.Child("fieldRef"))...)
	}
	if r := from.ResourceFieldRef; r != nil {
		sources++
		errs = append(errs, validateResourceRef(r, false, path.Child("resourceFieldRef"))...)
	}
	if r := from.ConfigMapKeyRef; r != nil {
		sources++
		errs = append(errs, validateKeyRef(r.Name, r.Key, path.Child("configMapKeyRef"))...)
	}
	if r := from.SecretKeyRef; r != nil {
		sources++
		errs = append(errs, validateKeyRef(r.Name, r.Key, path.Child("secretKeyRef"))...)
	}
	if r := from.FileKeyRef; r != nil {
		sources++
		errs = append(errs, validateFileKeyRef(r, path.Child("fileKeyRef"))...)
	}
	switch {
	case sources == 0:
		errs = append(errs, field.Invalid(path, "", "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"))
	case e.Value != "":
		errs = append(errs, field.Invalid(path, "", "may not be specified when `value` is not empty"))
	case sources > 1:
		errs = append(errs, field.Invalid(path, "", "may not have more than one field specified at a time"))
	}
	return errs
}

func validateKeyRef(name, key string, path *field.Path) field.ErrorList {
	errs := subdomain(path.Child("name"), name)
	if key == "" {
		return append(errs, field.Required(path.Child("key"), ""))
	}
	return append(errs, invalid(path.Child("key"), key, validation.IsConfigMapKey(key))...)
}

// validateFileKeyRef checks a variable that is read from a file (KEP-3721).
func validateFileKeyRef(r *corev1.FileKeySelector, path *field.Path) field.ErrorList {
	errs := required(path.Child("key"), r.Key)
	if len(errs) == 0 {
		errs = invalid(path.Child("key"), r.Key, validation.IsRelaxedEnvVarName(r.Key))
	}
	errs = append(errs, requiredLabel(path.Child("volumeName"), r.VolumeName)...)
	errs = append(errs, required(path.Child("path"), r.Path)...)
	return append(errs, noBacksteps(r.Path, path.Child("path"))...)
}

// fileKeyVolumes requires that such files lie in the pod's own empty directories.
func fileKeyVolumes(s *corev1.PodSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	eachContainer(s, path, func(c *corev1.Container, at *field.Path) {
		for i := range c.Env {
			if c.Env[i].ValueFrom == nil || c.Env[i].ValueFrom.FileKeyRef == nil {
				continue
			}
			name := c.Env[i].ValueFrom.FileKeyRef.VolumeName
			where := at.Child("env").Index(i).Child("valueFrom", "fileKeyRef", "volumeName")
			n := slices.IndexFunc(s.Volumes, func(v corev1.Volume) bool { return v.Name == name })
			if n < 0 {
				errs = append(errs, field.NotFound(where, name))
			} else if s.Volumes[n].EmptyDir == nil {
				errs = append(errs, field.Invalid(where, name, "referenced volume must be of type emptyDir"))
			}
		}
	})
	return errs
}

func validateFieldRef(ref *corev1.ObjectFieldSelector, allowed []string, path *field.Path) field.ErrorList {
	if ref.APIVersion == "" {
		return field.ErrorList{field.Required(path.Child("apiVersion"), "")}
	}
	if ref.FieldPath == "" {
		return field.ErrorList{field.Required(path.Child("fieldPath"), "")}
	}
	at := path.Child("fieldPath")
	if ref.APIVersion != "v1" {
		return field.ErrorList{field.Invalid(at, ref.FieldPath, "error converting fieldPath: unsupported pod version: "+ref.APIVersion)}
	}
	if parts := subscripted.FindStringSubmatch(ref.FieldPath); parts != nil {
		switch parts[1] {
		case "metadata.annotations":
			return qualifiedName(path, strings.ToLower(parts[2]))
		case "metadata.labels":
			return qualifiedName(path, parts[2])
		}
		return field.ErrorList{field.Invalid(at, ref.FieldPath, "error converting fieldPath: field label does not support subscript: "+ref.FieldPath)}
	}
	if slices.Contains(allowed, ref.FieldPath) {
		return nil
	}
	if !slices.Contains(fieldLabels, ref.FieldPath) {
		return field.ErrorList{field.Invalid(at, ref.FieldPath, "error converting fieldPath: field label not supported: "+ref.FieldPath)}
	}
	return field.ErrorList{field.NotSupported(at, ref.FieldPath, slices.Sorted(slices.Values(allowed)))}
}

// validateResourceRef checks a reference to a resource; one from a volume must say
// whose it is.
func validateResourceRef(ref *corev1.ResourceFieldSelector, volume bool, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	huge := strings.HasPrefix(ref.Resource, "limits.hugepages-") || strings.HasPrefix(ref.Resource, "requests.hugepages-")
	switch {
	case volume && ref.ContainerName == "":
		errs = append(errs, field.Required(path.Child("containerName"), ""))
	case ref.Resource == "":
		errs = append(errs, field.Required(path.Child("resource"), ""))
	case !huge && !slices.Contains(resourcePaths, ref.Resource):
		errs = append(errs, field.NotSupported(path.Child("resource"), ref.Resource, resourcePaths))
	}
	return append(errs, validateDivisor(ref, huge, path.Child("divisor"))...)
}

// byteDivisors are the units in which an amount of bytes is offered.
var byteDivisors = []string{"1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"}

func validateDivisor(ref *corev1.ResourceFieldSelector, huge bool, path *field.Path) field.ErrorList {
	if ref.Divisor.IsZero() {
		return nil
	}
	var what string
	_, resource, _ := strings.Cut(ref.Resource, ".")
	switch divisor := ref.Divisor.String(); {
	case resource == "cpu":
		if divisor != "1m" && divisor != "1" {
			return field.ErrorList{field.Invalid(path, ref.Resource, "only divisor's values 1m and 1 are supported with the cpu resource")}
		}
		return nil
	case slices.Contains(byteDivisors, divisor):
		return nil
	case resource == "memory":
		what = "memory"
	case resource == "ephemeral-storage":
		what = "local ephemeral storage"
	case huge:
		what = "hugepages"
	default:
		return nil
	}
	return field.ErrorList{field.Invalid(path, ref.Resource, "only divisor's values "+strings.Join(byteDivisors, ", ")+" are supported with the "+what+" resource")}
}

// validateEnvFrom names the list, not the entry, in an error about their number:
// so does Kubernetes.
func validateEnvFrom(from []corev1.EnvFromSource, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range from {
		e, at := &from[i], path.Index(i)
		if e.Prefix != "" {
			errs = append(errs, invalid(at.Child("prefix"), e.Prefix, validation.IsRelaxedEnvVarName(e.Prefix))...)
		}
		if e.ConfigMapRef != nil {
			errs = append(errs, requiredObject(at.Child("configMapRef", "name"), e.ConfigMapRef.Name)...)
		}
		if e.SecretRef != nil {
			errs = append(errs, requiredObject(at.Child("secretRef", "name"), e.SecretRef.Name)...)
		}
		switch {
		case e.ConfigMapRef == nil && e.SecretRef == nil:
			errs = append(errs, field.Invalid(path, "", "must specify one of: `configMapRef` or `secretRef`"))
		case e.ConfigMapRef != nil && e.SecretRef != nil:
			errs = append(errs, field.Invalid(path, "", "may not have more than one field specified at a time"))
		}
	}
	return errs
}

// requiredObject requires the name of an object, or the beginning of one.
func requiredObject(path *field.Path, name string) field.ErrorList {
	if name == "" {
		return required(path, name)
	}
	return invalid(path, name, apivalidation.NameIsDNSSubdomain(name, true))
}
