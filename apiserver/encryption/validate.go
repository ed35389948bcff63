package encryption

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/apis/apiserver"
)

// validate says what is wrong with c.
func validate(c *apiserver.EncryptionConfiguration) field.ErrorList {
	root := field.NewPath("resources")
	if len(c.Resources) == 0 {
		return field.ErrorList{field.Required(root, "at least one resources is required")}
	}
	var errs field.ErrorList
	plugIns := sets.New[string]()
	for i, rule := range c.Resources {
		at := root.Index(i)
		errs = append(errs, validateResources(rule.Resources, at.Child("resources"))...)
		if len(rule.Providers) == 0 {
			errs = append(errs, field.Required(at.Child("providers"), "at least one provider is required"))
		}
		for j, p := range rule.Providers {
			errs = append(errs, validateProvider(p, at.Child("providers").Index(j), plugIns)...)
		}
	}
	return errs
}

func validateResources(names []string, at *field.Path) field.ErrorList {
	if len(names) == 0 {
		return field.ErrorList{field.Required(at, "at least one resource is required")}
	}
	var errs field.ErrorList
	for i, name := range names {
		if why := badResource(name); why != "" {
			errs = append(errs, field.Invalid(at.Index(i), name, why))
		}
		for _, earlier := range names[:i] {
			a, b := schema.ParseGroupResource(earlier), schema.ParseGroupResource(name)
			switch {
			case a == b:
				errs = append(errs, field.Invalid(at, names, "the same resource cannot be specified multiple times"))
			case a == everything, b == everything, a.Group == b.Group && (a.Resource == "*" || b.Resource == "*"):
				errs = append(errs, field.Invalid(at, names, "using overlapping resources such as 'secrets' and '*.' in the same resource list is not allowed as they will be masked"))
			}
		}
	}
	return errs
}

func badResource(name string) string {
	gr := schema.ParseGroupResource(name)
	switch {
	case strings.ToLower(name) != name:
		return "resource name should not contain capital letters"
	case name == "*":
		return "use '*.' to encrypt all the resources from core API group or *.* to encrypt all resources"
	case gr.Group == "events.k8s.io":
		return "'*.events.k8s.io' objects are stored using the 'events' API group in etcd. Use 'events' instead in the config file"
	case gr.Group == "extensions":
		return "'extensions' group has been removed and cannot be used for encryption"
	case gr.Group == "*" && gr.Resource != "*":
		return "encrypting the same resource across groups is not supported"
	}
	return ""
}

func validateProvider(p apiserver.ProviderConfiguration, at *field.Path, plugIns sets.Set[string]) field.ErrorList {
	var errs field.ErrorList
	found := 0
	if p.AESGCM != nil {
		found++
		errs = append(errs, validateKeys(p.AESGCM.Keys, at.Child("aesgcm", "keys"), 16, 24, 32)...)
	}
	if p.AESCBC != nil {
		found++
		errs = append(errs, validateKeys(p.AESCBC.Keys, at.Child("aescbc", "keys"), 16, 24, 32)...)
	}
	if p.Secretbox != nil {
		found++
		errs = append(errs, validateKeys(p.Secretbox.Keys, at.Child("secretbox", "keys"), 32)...)
	}
	if p.KMS != nil {
		found++
		errs = append(errs, validateKMS(p.KMS, at.Child("kms"), plugIns)...)
	}
	if p.Identity != nil {
		found++
	}
	switch {
	case found == 0:
		return field.ErrorList{field.Invalid(at, "", "provider does not contain any of the expected providers: KMS, AESGCM, AESCBC, Secretbox, Identity")}
	case found > 1:
		return field.ErrorList{field.Invalid(at, "", "more than one provider specified in a single element, should split into different list elements")}
	}
	return errs
}

func validateKeys(named []apiserver.Key, at *field.Path, sizes ...int) field.ErrorList {
	if len(named) == 0 {
		return field.ErrorList{field.Required(at, "at least one keys is required")}
	}
	var errs field.ErrorList
	for i, key := range named {
		name, secret := at.Index(i).Child("name"), at.Index(i).Child("secret")
		if key.Name == "" {
			errs = append(errs, field.Required(name, "name is a mandatory field for a key"))
		}
		if key.Secret == "" {
			errs = append(errs, field.Required(secret, "secret is a mandatory field for a key"))
			continue
		}
		bytes, err := base64.StdEncoding.DecodeString(key.Secret)
		switch {
		case err != nil:
			errs = append(errs, field.Invalid(secret, "REDACTED", "secrets must be base64 encoded"))
		case !slices.Contains(sizes, len(bytes)):
			errs = append(errs, field.Invalid(secret, "REDACTED", fmt.Sprintf("secret is not of the expected length, got %d, expected one of %v", len(bytes), sizes)))
		}
	}
	return errs
}

func validateKMS(c *apiserver.KMSConfiguration, at *field.Path, plugIns sets.Set[string]) field.ErrorList {
	var errs field.ErrorList
	switch {
	case c.APIVersion == "v1":
		errs = append(errs, field.Invalid(at.Child("apiVersion"), c.APIVersion, "KMSv1 is deprecated and not served: use KMSv2"))
	case c.APIVersion != "v2":
		errs = append(errs, field.Invalid(at.Child("apiVersion"), c.APIVersion, fmt.Sprintf("unsupported apiVersion %s for KMS provider, only v2 is supported", c.APIVersion)))
	case c.CacheSize != nil:
		errs = append(errs, field.Invalid(at.Child("cachesize"), *c.CacheSize, "cachesize is not supported in v2"))
	}
	switch {
	case c.Name == "":
		errs = append(errs, field.Required(at.Child("name"), "name is a mandatory field for a provider"))
	case strings.Contains(c.Name, ":"):
		errs = append(errs, field.Invalid(at.Child("name"), c.Name, fmt.Sprintf("invalid KMS provider name %s, must not contain ':'", c.Name)))
	case plugIns.Has(c.Name):
		errs = append(errs, field.Invalid(at.Child("name"), c.Name, fmt.Sprintf("duplicate KMS provider name %s, names must be unique", c.Name)))
	}
	plugIns.Insert(c.Name)
	if c.Timeout == nil || c.Timeout.Duration <= 0 {
		errs = append(errs, field.Invalid(at.Child("timeout"), c.Timeout, "timeout should be a positive value"))
	}
	if scheme, _, _ := strings.Cut(c.Endpoint, ":"); c.Endpoint == "" {
		errs = append(errs, field.Invalid(at.Child("endpoint"), "", "endpoint is a mandatory field for a kms provider"))
	} else if scheme != "unix" {
		errs = append(errs, field.Invalid(at.Child("endpoint"), c.Endpoint, fmt.Sprintf("unsupported scheme %q for KMS provider, only unix is supported", scheme)))
	}
	return errs
}
