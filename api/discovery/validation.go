package discovery

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	netutils "k8s.io/utils/net"
	"k8s.io/utils/ptr"

	"minke/api"
	"minke/api/core"
)

// Limits of Kubernetes.
const (
	maxEndpoints = 1000
	maxAddresses = 100
	maxPorts     = 20000
	maxHints     = 8

	maxTopologyLabels = 16
)

func validateEndpointSlice(s *discoveryv1.EndpointSlice) field.ErrorList { return slice(s, nil) }

// slice is given the addresses that were there before: they need not be mended.
func slice(s *discoveryv1.EndpointSlice, before []string) field.ErrorList {
	var errs field.ErrorList
	types := []discoveryv1.AddressType{discoveryv1.AddressTypeFQDN, discoveryv1.AddressTypeIPv4, discoveryv1.AddressTypeIPv6}
	switch {
	case s.AddressType == "":
		errs = append(errs, field.Required(field.NewPath("addressType"), ""))
	case !slices.Contains(types, s.AddressType):
		errs = append(errs, field.NotSupported(field.NewPath("addressType"), s.AddressType, types))
	}
	path := field.NewPath("endpoints")
	if len(s.Endpoints) > maxEndpoints {
		errs = append(errs, field.TooMany(path, len(s.Endpoints), maxEndpoints))
	} else {
		for i := range s.Endpoints {
			errs = append(errs, validateEndpoint(&s.Endpoints[i], s.AddressType, before, path.Index(i))...)
		}
	}
	return append(errs, validatePorts(s.Ports, field.NewPath("ports"))...)
}

func validateEndpoint(e *discoveryv1.Endpoint, t discoveryv1.AddressType, before []string, path *field.Path) field.ErrorList {
	at := path.Child("addresses")
	var errs field.ErrorList
	switch n := len(e.Addresses); {
	case n == 0:
		errs = append(errs, field.Required(at, ""))
	case n > maxAddresses:
		errs = append(errs, field.TooMany(at, n, maxAddresses))
	}
	for i, a := range e.Addresses {
		if t == discoveryv1.AddressTypeFQDN {
			errs = append(errs, validation.IsFullyQualifiedDomainName(at.Index(i), a)...)
		} else {
			errs = append(errs, address(a, t, before, at.Index(i))...)
		}
	}
	if e.NodeName != nil {
		errs = append(errs, messages(path.Child("nodeName"), *e.NodeName, validation.IsDNS1123Subdomain)...)
	}
	at = path.Child("deprecatedTopology")
	if n := len(e.DeprecatedTopology); n > maxTopologyLabels {
		errs = append(errs, field.TooMany(at, n, maxTopologyLabels))
	}
	errs = append(errs, metavalidation.ValidateLabels(e.DeprecatedTopology, at)...)
	if e.Hostname != nil {
		errs = append(errs, messages(path.Child("hostname"), *e.Hostname, validation.IsDNS1123Label)...)
	}
	if e.Hints != nil {
		errs = append(errs, validateHints(e.Hints, path.Child("hints"))...)
	}
	return errs
}

func messages(path *field.Path, value string, check func(string) []string) field.ErrorList {
	var errs field.ErrorList
	for _, msg := range check(value) {
		errs = append(errs, field.Invalid(path, value, msg))
	}
	return errs
}

func address(a string, t discoveryv1.AddressType, before []string, path *field.Path) field.ErrorList {
	if t != discoveryv1.AddressTypeIPv4 && t != discoveryv1.AddressTypeIPv6 {
		return nil
	}
	errs := validation.IsValidIPForLegacyField(path, a, true, before)
	if len(errs) > 0 {
		return errs
	}
	if t == discoveryv1.AddressTypeIPv4 && !netutils.IsIPv4String(a) {
		errs = append(errs, field.Invalid(path, a, "must be an IPv4 address"))
	}
	if t == discoveryv1.AddressTypeIPv6 && !netutils.IsIPv6String(a) {
		errs = append(errs, field.Invalid(path, a, "must be an IPv6 address"))
	}
	return append(errs, core.NotSpecialIP(a, path)...)
}

func validateHints(h *discoveryv1.EndpointHints, path *field.Path) field.ErrorList {
	var zones, nodes []string
	for _, z := range h.ForZones {
		zones = append(zones, z.Name)
	}
	for _, n := range h.ForNodes {
		nodes = append(nodes, n.Name)
	}
	errs := hintNames(zones, validation.IsValidLabelValue, path.Child("forZones"))
	return append(errs, hintNames(nodes, validation.IsDNS1123Subdomain, path.Child("forNodes"))...)
}

func hintNames(names []string, check func(string) []string, path *field.Path) field.ErrorList {
	if n := len(names); n > maxHints {
		return field.ErrorList{field.TooMany(path, n, maxHints)}
	}
	var errs field.ErrorList
	for i, name := range names {
		at := path.Index(i).Child("name")
		if slices.Contains(names[:i], name) {
			errs = append(errs, field.Duplicate(at, name))
		}
		errs = append(errs, messages(at, name, check)...)
	}
	return errs
}

func validatePorts(ports []discoveryv1.EndpointPort, path *field.Path) field.ErrorList {
	if len(ports) > maxPorts {
		return field.ErrorList{field.TooMany(path, len(ports), maxPorts)}
	}
	var errs field.ErrorList
	names := map[string]bool{}
	protocols := []corev1.Protocol{corev1.ProtocolSCTP, corev1.ProtocolTCP, corev1.ProtocolUDP}
	for i, p := range ports {
		at, name := path.Index(i), ptr.Deref(p.Name, "")
		if name != "" {
			errs = append(errs, messages(at.Child("name"), name, validation.IsDNS1123Label)...)
		}
		if names[name] {
			errs = append(errs, field.Duplicate(at.Child("name"), name))
		}
		names[name] = true
		switch {
		case p.Protocol == nil:
			errs = append(errs, field.Required(at.Child("protocol"), ""))
		case !slices.Contains(protocols, *p.Protocol):
			errs = append(errs, field.NotSupported(at.Child("protocol"), *p.Protocol, protocols))
		}
		if p.AppProtocol != nil {
			errs = append(errs, messages(at.Child("appProtocol"), *p.AppProtocol, validation.IsQualifiedName)...)
		}
	}
	return errs
}

func validateEndpointSliceUpdate(s, old *discoveryv1.EndpointSlice) field.ErrorList {
	var before []string
	for _, e := range old.Endpoints {
		before = append(before, e.Addresses...)
	}
	return append(slice(s, before), api.Immutable(s.AddressType, old.AddressType, field.NewPath("addressType"))...)
}

func endpointSliceWarnings(s, old *discoveryv1.EndpointSlice) []string {
	switch {
	case s.AddressType != discoveryv1.AddressTypeFQDN:
	case old != nil:
		return nil
	default:
		return []string{"spec.addressType: FQDN endpoints are deprecated"}
	}
	var all []string
	for i, e := range s.Endpoints {
		for j, a := range e.Addresses {
			all = append(all, validation.GetWarningsForIP(field.NewPath("endpoints").Index(i).Child("addresses").Index(j), a)...)
		}
	}
	return all
}
