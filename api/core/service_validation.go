package core

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	netutils "k8s.io/utils/net"
)

// maxAffinitySeconds is a day.
const maxAffinitySeconds = 86400

func validateService(svc *corev1.Service) field.ErrorList {
	s, path := &svc.Spec, field.NewPath("spec")
	errs := enum(path.Child("type"), s.Type, corev1.ServiceTypeClusterIP, corev1.ServiceTypeExternalName, corev1.ServiceTypeLoadBalancer, corev1.ServiceTypeNodePort)
	headless := s.ClusterIP == corev1.ClusterIPNone
	if len(s.Ports) == 0 && !headless && s.Type != corev1.ServiceTypeExternalName {
		errs = append(errs, field.Required(path.Child("ports"), ""))
	}
	switch s.Type {
	case corev1.ServiceTypeLoadBalancer, corev1.ServiceTypeNodePort:
		if headless {
			errs = append(errs, field.Invalid(path.Child("clusterIPs").Index(0), corev1.ClusterIPNone, fmt.Sprintf("may not be set to 'None' for %s services", s.Type)))
		}
	case corev1.ServiceTypeExternalName:
		errs = append(errs, validateExternalName(s, path)...)
	}
	errs = append(errs, validateServicePorts(s, path.Child("ports"))...)
	errs = append(errs, metav1validation.ValidateLabels(s.Selector, path.Child("selector"))...)
	errs = append(errs, enum(path.Child("sessionAffinity"), s.SessionAffinity, corev1.ServiceAffinityClientIP, corev1.ServiceAffinityNone)...)
	errs = append(errs, validateSessionAffinity(s, path.Child("sessionAffinityConfig"))...)
	errs = append(errs, validateClusterIPs(s, path)...)
	errs = append(errs, validateExternal(s, path)...)
	errs = append(errs, validateTrafficPolicies(s, path)...)
	return errs
}

func validateExternalName(s *corev1.ServiceSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if len(s.ClusterIPs) > 0 || s.ClusterIP != "" {
		errs = append(errs, field.Forbidden(path.Child("clusterIPs"), "may not be set for ExternalName services"))
	}
	if len(s.IPFamilies) > 0 {
		errs = append(errs, field.Forbidden(path.Child("ipFamilies"), "may not be set for ExternalName services"))
	}
	if s.IPFamilyPolicy != nil {
		errs = append(errs, field.Forbidden(path.Child("ipFamilyPolicy"), "may not be set for ExternalName services"))
	}
	name := strings.TrimSuffix(s.ExternalName, ".")
	if name == "" {
		return append(errs, field.Required(path.Child("externalName"), ""))
	}
	for _, msg := range validation.IsDNS1123Subdomain(name) {
		errs = append(errs, field.Invalid(path.Child("externalName"), name, msg))
	}
	return errs
}

func validateServicePorts(s *corev1.ServiceSpec, path *field.Path) field.ErrorList {
	type listen struct {
		protocol corev1.Protocol
		port     int32
	}
	var errs field.ErrorList
	names, ports, nodePorts := map[string]bool{}, map[listen]bool{}, map[listen]bool{}
	for i := range s.Ports {
		p, at := &s.Ports[i], path.Index(i)
		errs = append(errs, validateServicePort(p, len(s.Ports) > 1, names, at)...)
		if key := (listen{p.Protocol, p.Port}); ports[key] {
			errs = append(errs, field.Duplicate(at, portKey{Protocol: p.Protocol, Port: p.Port}))
		} else {
			ports[key] = true
		}
		if p.NodePort == 0 {
			continue
		}
		if !hasNodePort(s) {
			errs = append(errs, field.Forbidden(at.Child("nodePort"), "may not be used when `type` is '"+string(s.Type)+"'"))
		}
		if key := (listen{p.Protocol, p.NodePort}); nodePorts[key] {
			errs = append(errs, field.Duplicate(at.Child("nodePort"), p.NodePort))
		} else {
			nodePorts[key] = true
		}
	}
	return errs
}

func validateServicePort(p *corev1.ServicePort, named bool, names map[string]bool, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	if p.Name == "" {
		if named {
			errs = append(errs, field.Required(at.Child("name"), ""))
		}
	} else {
		for _, msg := range validation.IsDNS1123Label(p.Name) {
			errs = append(errs, field.Invalid(at.Child("name"), p.Name, msg))
		}
		errs = append(errs, uniqueName(names, p.Name, at.Child("name"))...)
	}
	errs = append(errs, portNumber(p.Port, at.Child("port"))...)
	errs = append(errs, enum(at.Child("protocol"), p.Protocol, corev1.ProtocolSCTP, corev1.ProtocolTCP, corev1.ProtocolUDP)...)
	errs = append(errs, portOrName(p.TargetPort, at.Child("targetPort"))...)
	if p.AppProtocol != nil {
		errs = append(errs, qualifiedName(at.Child("appProtocol"), *p.AppProtocol)...)
	}
	return errs
}

func validateSessionAffinity(s *corev1.ServiceSpec, path *field.Path) field.ErrorList {
	c := s.SessionAffinityConfig
	switch {
	case s.SessionAffinity == corev1.ServiceAffinityClientIP && (c == nil || c.ClientIP == nil || c.ClientIP.TimeoutSeconds == nil):
		return field.ErrorList{field.Required(path, "when session affinity type is ClientIP")}
	case s.SessionAffinity == corev1.ServiceAffinityClientIP:
		if t := *c.ClientIP.TimeoutSeconds; t <= 0 || t > maxAffinitySeconds {
			return field.ErrorList{field.Invalid(path.Child("clientIP", "timeoutSeconds"), t, fmt.Sprintf("must be greater than 0 and less than %d", maxAffinitySeconds))}
		}
	case s.SessionAffinity == corev1.ServiceAffinityNone && c != nil:
		return field.ErrorList{field.Forbidden(path, "must not be set when session affinity is None")}
	}
	return nil
}

func validateClusterIPs(s *corev1.ServiceSpec, path *field.Path) field.ErrorList {
	if s.Type == corev1.ServiceTypeExternalName {
		return nil
	}
	var errs field.ErrorList
	at := path.Child("clusterIPs")
	if len(s.ClusterIPs) > 0 && s.ClusterIP != s.ClusterIPs[0] {
		errs = append(errs, field.Invalid(at, s.ClusterIPs, "first value must match `clusterIP`"))
	}
	if s.ClusterIP == corev1.ClusterIPNone && len(s.ClusterIPs) > 1 {
		errs = append(errs, field.Invalid(at, s.ClusterIPs, "'None' must be the first and only value"))
	}
	if s.ClusterIP == corev1.ClusterIPNone {
		return errs
	}
	if len(s.ClusterIPs) > 2 {
		errs = append(errs, field.Invalid(at, s.ClusterIPs, "may only hold up to 2 values"))
	}
	for i, ip := range s.ClusterIPs {
		if !netutils.IsIPv4String(ip) && !netutils.IsIPv6String(ip) {
			errs = append(errs, field.Invalid(at.Index(i), ip, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"))
		}
	}
	if len(s.ClusterIPs) == 2 && netutils.IsIPv4String(s.ClusterIPs[0]) == netutils.IsIPv4String(s.ClusterIPs[1]) {
		errs = append(errs, field.Invalid(at, s.ClusterIPs, "may specify no more than one IP for each IP family"))
	}
	if p := s.IPFamilyPolicy; p != nil {
		errs = append(errs, enum(path.Child("ipFamilyPolicy"), *p, corev1.IPFamilyPolicyPreferDualStack, corev1.IPFamilyPolicyRequireDualStack, corev1.IPFamilyPolicySingleStack)...)
	}
	for i, f := range s.IPFamilies {
		errs = append(errs, enum(path.Child("ipFamilies").Index(i), f, corev1.IPv4Protocol, corev1.IPv6Protocol)...)
		if i > 0 && s.IPFamilies[0] == f {
			errs = append(errs, field.Duplicate(path.Child("ipFamilies").Index(i), f))
		}
	}
	return errs
}

func validateExternal(s *corev1.ServiceSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, ip := range s.ExternalIPs {
		at := path.Child("externalIPs").Index(i)
		if e := validation.IsValidIP(at, ip); len(e) > 0 {
			errs = append(errs, e...)
			continue
		}
		errs = append(errs, notSpecial(ip, at)...)
	}
	if len(s.LoadBalancerSourceRanges) > 0 {
		at := path.Child("loadBalancerSourceRanges")
		if s.Type != corev1.ServiceTypeLoadBalancer {
			errs = append(errs, field.Forbidden(at, "may only be used when `type` is 'LoadBalancer'"))
		}
		for i, cidr := range s.LoadBalancerSourceRanges {
			errs = append(errs, validation.IsValidCIDR(at.Index(i), strings.TrimSpace(cidr))...)
		}
	}
	if s.AllocateLoadBalancerNodePorts != nil && s.Type != corev1.ServiceTypeLoadBalancer {
		errs = append(errs, field.Forbidden(path.Child("allocateLoadBalancerNodePorts"), "may only be used when `type` is 'LoadBalancer'"))
	}
	if s.LoadBalancerClass != nil && s.Type != corev1.ServiceTypeLoadBalancer {
		errs = append(errs, field.Forbidden(path.Child("loadBalancerClass"), "may only be used when `type` is 'LoadBalancer'"))
	}
	return errs
}

func validateTrafficPolicies(s *corev1.ServiceSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	at := path.Child("externalTrafficPolicy")
	switch {
	case reachedFromOutside(s):
		errs = append(errs, enum(at, s.ExternalTrafficPolicy, corev1.ServiceExternalTrafficPolicyCluster, corev1.ServiceExternalTrafficPolicyLocal)...)
	case s.ExternalTrafficPolicy != "":
		errs = append(errs, field.Invalid(at, s.ExternalTrafficPolicy, "may only be set for externally-accessible services"))
	}
	if s.HealthCheckNodePort != 0 && !hasHealthCheckPort(s) {
		errs = append(errs, field.Forbidden(path.Child("healthCheckNodePort"), "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"))
	}
	if s.HealthCheckNodePort != 0 {
		errs = append(errs, portNumber(s.HealthCheckNodePort, path.Child("healthCheckNodePort"))...)
	}
	if p := s.InternalTrafficPolicy; p != nil {
		errs = append(errs, enum(path.Child("internalTrafficPolicy"), *p, corev1.ServiceInternalTrafficPolicyCluster, corev1.ServiceInternalTrafficPolicyLocal)...)
	}
	if d := s.TrafficDistribution; d != nil {
		errs = append(errs, enum(path.Child("trafficDistribution"), *d, corev1.ServiceTrafficDistributionPreferClose,
			corev1.ServiceTrafficDistributionPreferSameZone, corev1.ServiceTrafficDistributionPreferSameNode)...)
	}
	return errs
}

// validateServiceUpdate keeps the addresses of a service: others know it by them.
func validateServiceUpdate(svc, old *corev1.Service) field.ErrorList {
	errs := validateService(svc)
	path := field.NewPath("spec")
	if !hasClusterIP(&svc.Spec) || !hasClusterIP(&old.Spec) {
		return errs
	}
	if old.Spec.ClusterIP != "" && svc.Spec.ClusterIP != old.Spec.ClusterIP {
		errs = append(errs, field.Invalid(path.Child("clusterIPs").Index(0), svc.Spec.ClusterIPs, "may not change once set"))
	}
	if len(old.Spec.IPFamilies) > 0 && len(svc.Spec.IPFamilies) > 0 && svc.Spec.IPFamilies[0] != old.Spec.IPFamilies[0] {
		errs = append(errs, field.Invalid(path.Child("ipFamilies").Index(0), svc.Spec.IPFamilies, "may not change once set"))
	}
	if svc.Spec.Type == corev1.ServiceTypeLoadBalancer && old.Spec.Type == corev1.ServiceTypeLoadBalancer {
		now, before := svc.Spec.LoadBalancerClass, old.Spec.LoadBalancerClass
		if (now == nil) != (before == nil) || (now != nil && *now != *before) {
			errs = append(errs, field.Invalid(path.Child("loadBalancerClass"), now, "may not change once set"))
		}
	}
	return errs
}

// notSpecial refuses addresses that cannot be those of a host elsewhere.
func notSpecial(text string, path *field.Path) field.ErrorList {
	ip := netutils.ParseIPSloppy(text)
	switch {
	case ip == nil:
		return nil
	case ip.IsUnspecified():
		return field.ErrorList{field.Invalid(path, text, "may not be unspecified (0.0.0.0 or ::)")}
	case ip.IsLoopback():
		return field.ErrorList{field.Invalid(path, text, "may not be in the loopback range (127.0.0.0/8, ::1/128)")}
	case ip.IsLinkLocalUnicast():
		return field.ErrorList{field.Invalid(path, text, "may not be in the link-local range (169.254.0.0/16, fe80::/10)")}
	case ip.IsLinkLocalMulticast():
		return field.ErrorList{field.Invalid(path, text, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)")}
	}
	return nil
}

// portKey is what two ports of a service must not share, with the names that
// errors have for it: those of Kubernetes' own type, not those of the API.
type portKey struct {
	Name        string
	Protocol    corev1.Protocol
	AppProtocol *string
	Port        int32
	TargetPort  intstr.IntOrString
	NodePort    int32
}
