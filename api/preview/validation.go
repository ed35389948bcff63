package preview

import (
	"strings"

	apiserverinternalv1alpha1 "k8s.io/api/apiserverinternal/v1alpha1"
	coordinationv1 "k8s.io/api/coordination/v1"
	coordinationv1beta1 "k8s.io/api/coordination/v1beta1"
	resourcev1alpha3 "k8s.io/api/resource/v1alpha3"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apimachinery/pkg/util/version"
)

var spec = field.NewPath("spec")

// validCandidateName: candidates are often called after what they run on.
func validCandidateName(name string, _ bool) []string { return validation.IsConfigMapKey(name) }

func validateLeaseCandidate(c *coordinationv1beta1.LeaseCandidate) field.ErrorList {
	errs := required(c.Spec.LeaseName, spec.Child("leaseName"))
	binary := parseVersion(c.Spec.BinaryVersion, spec.Child("binaryVersion"), &errs)
	if c.Spec.BinaryVersion == "" {
		errs = append(errs, field.Required(spec.Child("binaryVersion"), ""))
	}
	emulation := parseVersion(c.Spec.EmulationVersion, spec.Child("emulationVersion"), &errs)
	if binary != nil && emulation != nil && binary.LessThan(emulation) {
		errs = append(errs, field.Invalid(spec.Child("binaryVersion"), c.Spec.BinaryVersion, "must be greater than or equal to `emulationVersion`"))
	}
	if c.Spec.Strategy == "" {
		return append(errs, field.Required(spec.Child("strategy"), ""))
	}
	if c.Spec.Strategy == coordinationv1.OldestEmulationVersion && c.Spec.EmulationVersion == "" {
		errs = append(errs, field.Required(spec.Child("emulationVersion"), "must be specified when `strategy` is 'OldestEmulationVersion'"))
	}
	// The path says strategy twice, as in Kubernetes.
	at := spec.Child("strategy", "strategy")
	if !strings.Contains(string(c.Spec.Strategy), "/") {
		if c.Spec.Strategy != coordinationv1.OldestEmulationVersion {
			errs = append(errs, field.NotSupported(at, c.Spec.Strategy, []coordinationv1.CoordinatedLeaseStrategy{coordinationv1.OldestEmulationVersion}))
		}
		return errs
	}
	for _, msg := range validation.IsQualifiedName(string(c.Spec.Strategy)) {
		errs = append(errs, field.Invalid(at, c.Spec.Strategy, msg))
	}
	return errs
}

func validateLeaseCandidateUpdate(c, old *coordinationv1beta1.LeaseCandidate) field.ErrorList {
	return append(validateLeaseCandidate(c), apivalidation.ValidateImmutableField(c.Spec.LeaseName, old.Spec.LeaseName, spec.Child("leaseName"))...)
}

func parseVersion(text string, path *field.Path, errs *field.ErrorList) *version.Version {
	if text == "" {
		return nil
	}
	v, err := version.ParseSemantic(text)
	if err != nil || strings.HasPrefix(text, "v") || strings.TrimSpace(text) != text {
		*errs = append(*errs, field.Invalid(path, text, "must be a valid semantic version"))
	}
	return v
}

func validateStorageVersionStatus(v, _ *apiserverinternalv1alpha1.StorageVersion) field.ErrorList {
	var errs field.ErrorList
	list := field.NewPath("status", "storageVersions")
	seen := map[string]bool{}
	common := true
	for i, s := range v.Status.StorageVersions {
		at := list.Index(i)
		for _, msg := range apivalidation.NameIsDNSSubdomain(s.APIServerID, false) {
			errs = append(errs, field.Invalid(at.Child("apiServerID"), s.APIServerID, msg))
		}
		if seen[s.APIServerID] {
			errs = append(errs, field.Duplicate(at.Child("apiServerID"), s.APIServerID))
		}
		seen[s.APIServerID] = true
		if !contains(s.DecodableVersions, s.EncodingVersion) {
			errs = append(errs, field.Invalid(at, s.DecodableVersions, "decodableVersions must include encodingVersion "+s.EncodingVersion))
		}
		common = common && s.EncodingVersion == v.Status.StorageVersions[0].EncodingVersion
	}
	path, named := field.NewPath("status", "commonEncodingVersion"), v.Status.CommonEncodingVersion
	switch n := len(v.Status.StorageVersions); {
	case n == 0 && named != nil, n > 0 && !common && named != nil:
		errs = append(errs, field.Invalid(path, *named, "should be nil if servers do not agree on the same encoding version, or if there is no server reporting the supported versions yet"))
	case n > 0 && common && named == nil:
		errs = append(errs, field.Invalid(path, nil, "the common encoding version is "+v.Status.StorageVersions[0].EncodingVersion))
	case n > 0 && common && *named != v.Status.StorageVersions[0].EncodingVersion:
		errs = append(errs, field.Invalid(path, *named, "the actual common encoding version is "+v.Status.StorageVersions[0].EncodingVersion))
	}
	return errs
}

func storageVersionsCell(v *apiserverinternalv1alpha1.StorageVersion) any {
	var all []string
	for _, s := range v.Status.StorageVersions {
		all = append(all, s.APIServerID+"="+s.EncodingVersion)
	}
	if len(all) == 0 {
		return "<unset>"
	}
	return strings.Join(all, ",")
}

func validatePoolRequest(r *resourcev1alpha3.ResourcePoolStatusRequest) field.ErrorList {
	errs := required(r.Spec.Driver, spec.Child("driver"))
	if r.Spec.Driver != "" {
		lower := strings.ToLower(r.Spec.Driver)
		errs = append(errs, optional(&lower, spec.Child("driver"), validation.IsDNS1123Subdomain)...)
	}
	errs = append(errs, optional(r.Spec.PoolName, spec.Child("poolName"), isPoolName)...)
	if n := r.Spec.Limit; n != nil {
		errs = append(errs, between(*n, 1, resourcev1alpha3.ResourcePoolStatusRequestLimitMax, spec.Child("limit"))...)
	}
	return errs
}

func validatePoolRequestUpdate(r, old *resourcev1alpha3.ResourcePoolStatusRequest) field.ErrorList {
	return append(validatePoolRequest(r), apivalidation.ValidateImmutableField(r.Spec, old.Spec, spec)...)
}

// isPoolName checks the name of a resource pool: DNS subdomains, joined by slashes.
func isPoolName(name string) []string {
	if len(name) > 253 {
		return []string{"must be no more than 253 characters"}
	}
	for part := range strings.SplitSeq(name, "/") {
		if msgs := validation.IsDNS1123Subdomain(part); len(msgs) > 0 {
			return msgs
		}
	}
	return nil
}

func required(value string, path *field.Path) field.ErrorList {
	if value == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	return nil
}

// optional checks a value that may be missing.
func optional(value *string, path *field.Path, check func(string) []string) field.ErrorList {
	if value == nil {
		return nil
	}
	var errs field.ErrorList
	for _, msg := range check(*value) {
		errs = append(errs, field.Invalid(path, *value, msg))
	}
	return errs
}

func between(n, least, most int32, path *field.Path) field.ErrorList {
	if n < least || n > most {
		return field.ErrorList{field.Invalid(path, n, validation.InclusiveRangeError(int(least), int(most)))}
	}
	return nil
}

func contains[T comparable](all []T, one T) bool {
	for _, v := range all {
		if v == one {
			return true
		}
	}
	return false
}
