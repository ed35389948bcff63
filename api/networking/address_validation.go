package networking

import (
	"net/netip"

	networkingv1 "k8s.io/api/networking/v1"
	pathvalidation "k8s.io/apimachinery/pkg/api/validation/path"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	netutils "k8s.io/utils/net"

	"minke/api"
	"minke/api/core"
)

func validIPName(name string, _ bool) []string {
	ip, err := netip.ParseAddr(name)
	if err != nil {
		return []string{err.Error()}
	}
	if ip.String() != name {
		return []string{"must be a canonical format IP address"}
	}
	return nil
}

func validateServiceCIDR(c *networkingv1.ServiceCIDR) field.ErrorList {
	path := field.NewPath("spec", "cidrs")
	switch len(c.Spec.CIDRs) {
	case 0:
		return field.ErrorList{field.Required(path, "at least one CIDR required")}
	case 1:
	case 2:
		if dual, err := netutils.IsDualStackCIDRStrings(c.Spec.CIDRs); err != nil || !dual {
			return field.ErrorList{field.Invalid(path, c.Spec, "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/96")}
		}
	default:
		return field.ErrorList{field.Invalid(path, c.Spec, "may only hold up to 2 values")}
	}
	var errs field.ErrorList
	for i, cidr := range c.Spec.CIDRs {
		errs = append(errs, validation.IsValidCIDR(path.Index(i), cidr)...)
	}
	return errs
}

// validateServiceCIDRUpdate lets a range of the other family be added.
func validateServiceCIDRUpdate(c, old *networkingv1.ServiceCIDR) field.ErrorList {
	path, now, before := field.NewPath("spec", "cidrs"), c.Spec.CIDRs, old.Spec.CIDRs
	var errs field.ErrorList
	if len(now) != len(before) && (len(before) != 1 || len(now) != 2) {
		errs = append(errs, field.Invalid(path, now, core.Immutable))
	} else {
		for i := range before {
			if now[i] != before[i] {
				errs = append(errs, field.Invalid(path.Index(i), now[i], core.Immutable))
			}
		}
	}
	return append(errs, validateServiceCIDR(c)...)
}

func validateIPAddress(a *networkingv1.IPAddress) field.ErrorList {
	path, ref := field.NewPath("spec", "parentRef"), a.Spec.ParentRef
	if ref == nil {
		return field.ErrorList{field.Required(path, "")}
	}
	var errs field.ErrorList
	// Services are of the group without a name.
	if ref.Group != "" {
		errs = append(errs, messages(path.Child("group"), ref.Group, validation.IsDNS1123Subdomain)...)
	}
	errs = append(errs, segment(ref.Resource, "", path.Child("resource"))...)
	errs = append(errs, segment(ref.Name, "", path.Child("name"))...)
	if ref.Namespace != "" {
		errs = append(errs, messages(path.Child("namespace"), ref.Namespace, pathvalidation.IsValidPathSegmentName)...)
	}
	return errs
}

func validateIPAddressUpdate(a, old *networkingv1.IPAddress) field.ErrorList {
	return append(validateIPAddress(a), api.Immutable(a.Spec.ParentRef, old.Spec.ParentRef, field.NewPath("spec", "parentRef"))...)
}
