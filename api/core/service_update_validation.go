package core

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	netutils "k8s.io/utils/net"
	"k8s.io/utils/ptr"
)

// validateServiceUpdate keeps the addresses of a service, by which others know
// it; a second one may come and go.
func validateServiceUpdate(svc, old *corev1.Service) field.ErrorList {
	path := field.NewPath("spec")
	var errs field.ErrorList
	if hasClusterIP(&svc.Spec) && hasClusterIP(&old.Spec) {
		errs = append(errs, clusterIPsUpdate(&svc.Spec, &old.Spec, path)...)
		errs = append(errs, familiesUpdate(&svc.Spec, &old.Spec, path)...)
	}
	if svc.Spec.Type == corev1.ServiceTypeLoadBalancer && old.Spec.Type == corev1.ServiceTypeLoadBalancer &&
		!ptr.Equal(svc.Spec.LoadBalancerClass, old.Spec.LoadBalancerClass) {
		errs = append(errs, field.Invalid(path.Child("loadBalancerClass"), svc.Spec.LoadBalancerClass, "may not change once set"))
	}
	if hasHealthCheckPort(&svc.Spec) && hasHealthCheckPort(&old.Spec) && svc.Spec.HealthCheckNodePort != old.Spec.HealthCheckNodePort {
		errs = append(errs, field.Forbidden(path.Child("healthCheckNodePort"), "field is immutable"))
	}
	return append(errs, serviceRules(svc, old)...)
}

func clusterIPsUpdate(s, old *corev1.ServiceSpec, path *field.Path) field.ErrorList {
	if isHeadless(s) && isHeadless(old) {
		return nil
	}
	now, before := s.ClusterIPs, old.ClusterIPs
	at := path.Child("clusterIPs")
	var errs field.ErrorList
	if len(now) == len(before) {
		for i := range before {
			if now[i] != before[i] {
				errs = append(errs, field.Invalid(at.Index(i), now, "may not change once set"))
			}
		}
		return errs
	}
	switch {
	case len(before) > 0 && len(now) == 0:
		errs = append(errs, field.Invalid(at.Index(0), now, "primary clusterIP can not be unset"))
	case len(before) > 0 && now[0] != before[0]:
		errs = append(errs, field.Invalid(at.Index(0), now, "may not change once set"))
	}
	if len(before) > len(now) && len(now) == 1 && !singleStack(s) {
		errs = append(errs, field.Invalid(path.Child("ipFamilyPolicy"), s.IPFamilyPolicy, "must be set to 'SingleStack' when releasing the secondary clusterIP"))
	}
	return errs
}

func familiesUpdate(s, old *corev1.ServiceSpec, path *field.Path) field.ErrorList {
	if isHeadless(s) || isHeadless(old) {
		return nil
	}
	now, before := s.IPFamilies, old.IPFamilies
	at := path.Child("ipFamilies").Index(0)
	var errs field.ErrorList
	if len(now) == len(before) {
		for i := range before {
			if now[i] != before[i] {
				errs = append(errs, field.Invalid(at, now, "may not change once set"))
			}
		}
		return errs
	}
	if len(before) > len(now) && len(s.ClusterIPs) == 0 {
		errs = append(errs, field.Invalid(at, now, "primary ipFamily can not be unset"))
	}
	if len(before) > 0 && len(now) > 0 && now[0] != before[0] {
		errs = append(errs, field.Invalid(at, s.ClusterIPs, "may not change once set"))
	}
	if len(before) > len(now) && len(now) == 1 && !singleStack(s) {
		errs = append(errs, field.Invalid(path.Child("ipFamilyPolicy"), s.IPFamilyPolicy, "must be set to 'SingleStack' when releasing the secondary ipFamily"))
	}
	return errs
}

func singleStack(s *corev1.ServiceSpec) bool {
	return s.IPFamilyPolicy != nil && *s.IPFamilyPolicy == corev1.IPFamilyPolicySingleStack
}

func validateServiceStatus(svc, old *corev1.Service) field.ErrorList {
	ingress := svc.Status.LoadBalancer.Ingress
	path := field.NewPath("status", "loadBalancer", "ingress")
	if svc.Spec.Type != corev1.ServiceTypeLoadBalancer && len(ingress) > 0 {
		return field.ErrorList{field.Forbidden(path, "may only be used when `spec.type` is 'LoadBalancer'")}
	}
	var before []string
	for _, in := range old.Status.LoadBalancer.Ingress {
		before = append(before, in.IP)
	}
	var errs field.ErrorList
	for i, in := range ingress {
		at := path.Index(i)
		if in.IP != "" {
			errs = append(errs, legacyIP(at.Child("ip"), in.IP, before...)...)
		}
		switch mode := at.Child("ipMode"); {
		case in.IPMode == nil && in.IP != "":
			errs = append(errs, field.Required(mode, "must be specified when `ip` is set"))
		case in.IPMode == nil:
		case in.IP == "":
			errs = append(errs, field.Forbidden(mode, "may not be specified when `ip` is not set"))
		default:
			errs = append(errs, oneOf(mode, *in.IPMode, corev1.LoadBalancerIPModeProxy, corev1.LoadBalancerIPModeVIP)...)
		}
		if in.Hostname != "" {
			errs = append(errs, subdomain(at.Child("hostname"), in.Hostname)...)
			if netutils.ParseIPSloppy(in.Hostname) != nil {
				errs = append(errs, field.Invalid(at.Child("hostname"), in.Hostname, "must be a DNS name, not an IP address"))
			}
		}
	}
	return errs
}
