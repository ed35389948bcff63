package core

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"
	netutils "k8s.io/utils/net"
)

// maxAffinitySeconds is a day.
const maxAffinitySeconds = 86400

func validateService(svc *corev1.Service) field.ErrorList { return serviceRules(svc, nil) }

// serviceRules is given the service as it was; nil for a new one.
func serviceRules(svc, old *corev1.Service) field.ErrorList {
	s, path := &svc.Spec, field.NewPath("spec")
	var before corev1.ServiceSpec
	if old != nil {
		before = old.Spec
	}
	errs := topologyAnnotations(svc.Annotations)
	headless := isHeadless(s)
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
	errs = append(errs, validateClusterIPs(s, before.ClusterIPs, path)...)
	for i, ip := range s.ExternalIPs {
		at := path.Child("externalIPs").Index(i)
		if wrong := legacyIP(at, ip, before.ExternalIPs...); len(wrong) > 0 {
			errs = append(errs, wrong...)
		} else {
			errs = append(errs, notSpecial(ip, at)...)
		}
	}
	errs = append(errs, enum(path.Child("type"), s.Type, corev1.ServiceTypeClusterIP, corev1.ServiceTypeExternalName, corev1.ServiceTypeLoadBalancer, corev1.ServiceTypeNodePort)...)
	errs = append(errs, uniqueServicePorts(s, path.Child("ports"))...)
	errs = append(errs, validateLoadBalancer(svc, old, path)...)
	return append(errs, validateTrafficPolicies(s, path)...)
}

// isHeadless tells whether the service has no address, but its endpoints' ones.
func isHeadless(s *corev1.ServiceSpec) bool {
	return len(s.ClusterIPs) == 1 && s.ClusterIPs[0] == corev1.ClusterIPNone
}

func topologyAnnotations(annotations map[string]string) field.ErrorList {
	hints, old := annotations[corev1.DeprecatedAnnotationTopologyAwareHints]
	mode, set := annotations[corev1.AnnotationTopologyMode]
	if old && set && mode != hints {
		return field.ErrorList{field.Invalid(field.NewPath("metadata", "annotations").Key(corev1.AnnotationTopologyMode), mode,
			fmt.Sprintf("must match annotations[%s] when both are specified", corev1.DeprecatedAnnotationTopologyAwareHints))}
	}
	return nil
}

func validateExternalName(s *corev1.ServiceSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if len(s.ClusterIPs) > 0 {
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
	return append(errs, subdomain(path.Child("externalName"), name)...)
}

func validateServicePorts(s *corev1.ServiceSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	var names nameSet
	for i := range s.Ports {
		errs = append(errs, validateServicePort(&s.Ports[i], len(s.Ports) > 1, &names, path.Index(i))...)
	}
	return errs
}

// uniqueServicePorts refuses two ports that are one, and node ports of a service
// that is not reached by them.
func uniqueServicePorts(s *corev1.ServiceSpec, path *field.Path) field.ErrorList {
	type listen struct {
		protocol corev1.Protocol
		port     int32
	}
	var errs field.ErrorList
	ports, nodePorts := map[listen]bool{}, map[listen]bool{}
	for i, p := range s.Ports {
		if p.NodePort != 0 && s.Type == corev1.ServiceTypeClusterIP {
			errs = append(errs, field.Forbidden(path.Index(i).Child("nodePort"), "may not be used when `type` is 'ClusterIP'"))
		}
	}
	for i, p := range s.Ports {
		if p.NodePort == 0 {
			continue
		}
		if key := (listen{p.Protocol, p.NodePort}); nodePorts[key] {
			errs = append(errs, field.Duplicate(path.Index(i).Child("nodePort"), p.NodePort))
		} else {
			nodePorts[key] = true
		}
	}
	for i, p := range s.Ports {
		if key := (listen{p.Protocol, p.Port}); ports[key] {
			errs = append(errs, field.Duplicate(path.Index(i), portKey{Protocol: p.Protocol, Port: p.Port}))
		} else {
			ports[key] = true
		}
	}
	return errs
}

func validateServicePort(p *corev1.ServicePort, named bool, names *nameSet, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	if p.Name != "" {
		errs = append(errs, label(at.Child("name"), p.Name)...)
		errs = append(errs, names.add(p.Name, at.Child("name"))...)
	} else if named {
		errs = append(errs, field.Required(at.Child("name"), ""))
	}
	errs = append(errs, portNumber(p.Port, at.Child("port"))...)
	errs = append(errs, protocol(at.Child("protocol"), p.Protocol)...)
	errs = append(errs, portOrName(p.TargetPort, at.Child("targetPort"))...)
	if p.AppProtocol != nil {
		errs = append(errs, qualifiedName(at.Child("appProtocol"), *p.AppProtocol)...)
	}
	return errs
}

func validateSessionAffinity(s *corev1.ServiceSpec, path *field.Path) field.ErrorList {
	c := s.SessionAffinityConfig
	switch s.SessionAffinity {
	case corev1.ServiceAffinityNone:
		if c != nil {
			return field.ErrorList{field.Forbidden(path, "must not be set when session affinity is None")}
		}
	case corev1.ServiceAffinityClientIP:
		const why = "when session affinity type is ClientIP"
		switch seconds := path.Child("clientIP", "timeoutSeconds"); {
		case c == nil:
			return field.ErrorList{field.Required(path, why)}
		case c.ClientIP == nil:
			return field.ErrorList{field.Required(path.Child("clientIP"), why)}
		case c.ClientIP.TimeoutSeconds == nil:
			return field.ErrorList{field.Required(seconds, why)}
		case *c.ClientIP.TimeoutSeconds <= 0 || *c.ClientIP.TimeoutSeconds > maxAffinitySeconds:
			return field.ErrorList{field.Invalid(seconds, c.ClientIP.TimeoutSeconds, fmt.Sprintf("must be greater than 0 and less than %d", maxAffinitySeconds))}
		}
	}
	return nil
}

// ValidateClusterIPs checks what a service says of its addresses and their families,
// given the service as it was, nil for a new one. Whoever allocates asks before.
func ValidateClusterIPs(svc, old *corev1.Service) field.ErrorList {
	var before []string
	if old != nil {
		before = old.Spec.ClusterIPs
	}
	return validateClusterIPs(&svc.Spec, before, field.NewPath("spec"))
}

// validateClusterIPs checks the addresses and their families. Those of before may
// be of a form that is no longer taken.
func validateClusterIPs(s *corev1.ServiceSpec, before []string, path *field.Path) field.ErrorList {
	if s.Type == corev1.ServiceTypeExternalName {
		return nil
	}
	var errs field.ErrorList
	at := path.Child("clusterIPs")
	switch {
	case s.ClusterIP == "" && len(s.ClusterIPs) > 0:
		errs = append(errs, field.Invalid(at, s.ClusterIPs, "must be empty when `clusterIP` is not specified"))
	case s.ClusterIP != "" && len(s.ClusterIPs) == 0:
		errs = append(errs, field.Required(at, ""))
	case s.ClusterIP != "" && s.ClusterIPs[0] != s.ClusterIP:
		errs = append(errs, field.Invalid(at, s.ClusterIPs, "first value must match `clusterIP`"))
	}
	seen := map[corev1.IPFamily]bool{}
	for i, f := range s.IPFamilies {
		errs = append(errs, oneOf(path.Child("ipFamilies").Index(i), f, corev1.IPv4Protocol, corev1.IPv6Protocol)...)
		if seen[f] {
			errs = append(errs, field.Duplicate(path.Child("ipFamilies").Index(i), f))
		}
		seen[f] = true
	}
	if p := s.IPFamilyPolicy; p != nil {
		errs = append(errs, oneOf(path.Child("ipFamilyPolicy"), *p, corev1.IPFamilyPolicyPreferDualStack, corev1.IPFamilyPolicyRequireDualStack, corev1.IPFamilyPolicySingleStack)...)
	}
	var wrong field.ErrorList
	for i, ip := range s.ClusterIPs {
		if i == 0 && ip == corev1.ClusterIPNone {
			if len(s.ClusterIPs) > 1 {
				wrong = append(wrong, field.Invalid(at, s.ClusterIPs, "'None' must be the first and only value"))
			}
			continue
		}
		wrong = append(wrong, legacyIP(at.Index(i), ip, before...)...)
	}
	errs = append(errs, wrong...)
	if len(s.ClusterIPs) > 2 {
		errs = append(errs, field.Invalid(at, s.ClusterIPs, "may only hold up to 2 values"))
	}
	if len(wrong) > 0 {
		return errs
	}
	if len(s.ClusterIPs) > 1 {
		if both, err := netutils.IsDualStackIPStrings(s.ClusterIPs); err != nil || !both {
			errs = append(errs, field.Invalid(at, s.ClusterIPs, "may specify no more than one IP for each IP family"))
		}
	}
	if isHeadless(s) {
		return errs
	}
	for i := range min(len(s.ClusterIPs), len(s.IPFamilies)) {
		if ip, six := s.ClusterIPs[i], s.IPFamilies[i] == corev1.IPv6Protocol; netutils.IsIPv6String(ip) != six {
			errs = append(errs, field.Invalid(at.Index(i), ip, fmt.Sprintf("expected an %s value as indicated by `ipFamilies[%v]`", s.IPFamilies[i], i)))
		}
	}
	return errs
}

// validateLoadBalancer checks what only a load balancer has.
func validateLoadBalancer(svc, old *corev1.Service, path *field.Path) field.ErrorList {
	const only = "may only be used when `type` is 'LoadBalancer'"
	s := &svc.Spec
	var errs field.ErrorList
	balanced := s.Type == corev1.ServiceTypeLoadBalancer
	if len(s.LoadBalancerSourceRanges) > 0 {
		at := path.Child("LoadBalancerSourceRanges")
		if !balanced {
			errs = append(errs, field.Forbidden(at, only))
		}
		var before []string
		if old != nil {
			for _, cidr := range old.Spec.LoadBalancerSourceRanges {
				before = append(before, strings.TrimSpace(cidr))
			}
		}
		for i, cidr := range s.LoadBalancerSourceRanges {
			errs = append(errs, legacyCIDR(at.Index(i), strings.TrimSpace(cidr), before...)...)
		}
	} else if text, ok := svc.Annotations[corev1.AnnotationLoadBalancerSourceRangesKey]; ok {
		at := field.NewPath("metadata", "annotations").Key(corev1.AnnotationLoadBalancerSourceRangesKey)
		if !balanced {
			errs = append(errs, field.Forbidden(at, only))
		}
		same := old != nil && old.Annotations[corev1.AnnotationLoadBalancerSourceRangesKey] == text
		if text = strings.TrimSpace(text); text != "" && !same {
			for cidr := range strings.SplitSeq(text, ",") {
				errs = append(errs, legacyCIDR(at, strings.TrimSpace(cidr))...)
			}
		}
	}
	if s.AllocateLoadBalancerNodePorts != nil && !balanced {
		errs = append(errs, field.Forbidden(path.Child("allocateLoadBalancerNodePorts"), only))
	}
	if s.AllocateLoadBalancerNodePorts == nil && balanced {
		errs = append(errs, field.Required(field.NewPath("allocateLoadBalancerNodePorts"), ""))
	}
	if s.LoadBalancerClass != nil {
		if balanced {
			errs = append(errs, qualifiedName(path.Child("loadBalancerClass"), *s.LoadBalancerClass)...)
		} else {
			errs = append(errs, field.Forbidden(path.Child("loadBalancerClass"), only))
		}
	}
	return errs
}

// validateTrafficPolicies checks how traffic is spread. The port for health checks
// is given to the service after this.
func validateTrafficPolicies(s *corev1.ServiceSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	at := path.Child("externalTrafficPolicy")
	if reachedFromOutside(s) {
		errs = append(errs, enum(at, s.ExternalTrafficPolicy, corev1.ServiceExternalTrafficPolicyCluster, corev1.ServiceExternalTrafficPolicyLocal)...)
	} else if s.ExternalTrafficPolicy != "" {
		errs = append(errs, field.Invalid(at, s.ExternalTrafficPolicy, "may only be set for externally-accessible services"))
	}
	at = path.Child("healthCheckNodePort")
	switch {
	case s.HealthCheckNodePort == 0:
	case hasHealthCheckPort(s):
		errs = append(errs, portNumber(s.HealthCheckNodePort, at)...)
	default:
		errs = append(errs, field.Invalid(at, s.HealthCheckNodePort, "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"))
	}
	at = path.Child("internalTrafficPolicy")
	if p := s.InternalTrafficPolicy; p != nil {
		errs = append(errs, oneOf(at, *p, corev1.ServiceInternalTrafficPolicyCluster, corev1.ServiceInternalTrafficPolicyLocal)...)
	} else if s.Type != corev1.ServiceTypeExternalName && s.Type != "" {
		errs = append(errs, field.Required(at, ""))
	}
	if d := s.TrafficDistribution; d != nil {
		errs = append(errs, oneOf(path.Child("trafficDistribution"), *d, corev1.ServiceTrafficDistributionPreferClose,
			corev1.ServiceTrafficDistributionPreferSameZone, corev1.ServiceTrafficDistributionPreferSameNode)...)
	}
	return errs
}

// notSpecial refuses addresses that cannot be those of a host elsewhere.
// NotSpecialIP refuses addresses that traffic cannot be sent to.
func NotSpecialIP(ip string, path *field.Path) field.ErrorList { return notSpecial(ip, path) }

func notSpecial(text string, path *field.Path) field.ErrorList {
	ip := netutils.ParseIPSloppy(text)
	switch {
	case ip == nil:
		return field.ErrorList{field.Invalid(path, text, "must be a valid IP address")}
	case ip.IsUnspecified():
		return field.ErrorList{field.Invalid(path, text, fmt.Sprintf("may not be unspecified (%v)", text))}
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
