package networking

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	pathvalidation "k8s.io/apimachinery/pkg/api/validation/path"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	netutils "k8s.io/utils/net"
)

// classAnnotation named the class before there was a field for it.
const classAnnotation = "kubernetes.io/ingress.class"

// leniency is what an ingress may go on to break, since older releases did not
// look at it.
type leniency struct{ secretNames, wildcardRules bool }

func validateIngress(i *networkingv1.Ingress) field.ErrorList {
	errs := ingressSpec(&i.Spec, leniency{})
	if class, ok := i.Annotations[classAnnotation]; ok && i.Spec.IngressClassName != nil && class != *i.Spec.IngressClassName {
		errs = append(errs, field.Invalid(field.NewPath("annotations").Child(classAnnotation), class, "must match `ingressClassName` when both are specified"))
	}
	return errs
}

func validateIngressUpdate(i, old *networkingv1.Ingress) field.ErrorList {
	var l leniency
	for _, t := range old.Spec.TLS {
		l.secretNames = l.secretNames || len(secretName(t.SecretName, nil)) > 0
	}
	for n := range old.Spec.Rules {
		r := &old.Spec.Rules[n]
		l.wildcardRules = l.wildcardRules || strings.Contains(r.Host, "*") && len(rulePaths(r, nil)) > 0
	}
	return ingressSpec(&i.Spec, l)
}

func ingressSpec(s *networkingv1.IngressSpec, l leniency) field.ErrorList {
	path := field.NewPath("spec")
	var errs field.ErrorList
	if len(s.Rules) == 0 && s.DefaultBackend == nil {
		errs = append(errs, field.Invalid(path, s.Rules, "either `defaultBackend` or `rules` must be specified"))
	}
	if s.DefaultBackend != nil {
		errs = append(errs, validateBackend(s.DefaultBackend, path.Child("defaultBackend"))...)
	}
	for n := range s.Rules {
		r, at := &s.Rules[n], path.Child("rules").Index(n)
		if r.Host != "" {
			if netutils.ParseIPSloppy(r.Host) != nil {
				errs = append(errs, field.Invalid(at.Child("host"), r.Host, "must be a DNS name, not an IP address"))
			}
			errs = append(errs, validateHost(r.Host, at.Child("host"))...)
		}
		if !l.wildcardRules || !strings.Contains(r.Host, "*") {
			errs = append(errs, rulePaths(r, at)...)
		}
	}
	for n := range s.TLS {
		at := path.Child("tls").Index(n)
		for m, host := range s.TLS[n].Hosts {
			errs = append(errs, validateHost(host, at.Child("hosts").Index(m))...)
		}
		if !l.secretNames {
			errs = append(errs, secretName(s.TLS[n].SecretName, at.Child("secretName"))...)
		}
	}
	if s.IngressClassName != nil {
		errs = append(errs, messages(path.Child("ingressClassName"), *s.IngressClassName, validation.IsDNS1123Subdomain)...)
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

func secretName(name string, path *field.Path) field.ErrorList {
	if name == "" {
		return nil
	}
	return messages(path, name, validation.IsDNS1123Subdomain)
}

func validateHost(host string, path *field.Path) field.ErrorList {
	if strings.Contains(host, "*") {
		return messages(path, host, validation.IsWildcardDNS1123Subdomain)
	}
	return messages(path, host, validation.IsDNS1123Subdomain)
}

func rulePaths(r *networkingv1.IngressRule, path *field.Path) field.ErrorList {
	if r.HTTP == nil {
		return nil
	}
	at := path.Child("http").Child("paths")
	if len(r.HTTP.Paths) == 0 {
		return field.ErrorList{field.Required(at, "")}
	}
	var errs field.ErrorList
	for m := range r.HTTP.Paths {
		errs = append(errs, validatePath(&r.HTTP.Paths[m], at.Index(m))...)
	}
	return errs
}

func validatePath(p *networkingv1.HTTPIngressPath, at *field.Path) field.ErrorList {
	if p.PathType == nil {
		return field.ErrorList{field.Required(at.Child("pathType"), "pathType must be specified")}
	}
	var errs field.ErrorList
	wrong := func(format string, args ...any) {
		errs = append(errs, field.Invalid(at.Child("path"), p.Path, fmt.Sprintf(format, args...)))
	}
	switch *p.PathType {
	case networkingv1.PathTypeExact, networkingv1.PathTypePrefix:
		if !strings.HasPrefix(p.Path, "/") {
			wrong("must be an absolute path")
		}
		for _, bad := range []string{"//", "/./", "/../", "%2f", "%2F"} {
			if strings.Contains(p.Path, bad) {
				wrong("must not contain '%s'", bad)
			}
		}
		for _, bad := range []string{"/..", "/."} {
			if strings.HasSuffix(p.Path, bad) {
				wrong("cannot end with '%s'", bad)
			}
		}
	case networkingv1.PathTypeImplementationSpecific:
		if p.Path != "" && !strings.HasPrefix(p.Path, "/") {
			wrong("must be an absolute path")
		}
	default:
		errs = append(errs, field.NotSupported(at.Child("pathType"), *p.PathType,
			[]networkingv1.PathType{networkingv1.PathTypeExact, networkingv1.PathTypeImplementationSpecific, networkingv1.PathTypePrefix}))
	}
	return append(errs, validateBackend(&p.Backend, at.Child("backend"))...)
}

func validateBackend(b *networkingv1.IngressBackend, path *field.Path) field.ErrorList {
	switch {
	case b.Resource != nil && b.Service != nil:
		return field.ErrorList{field.Invalid(path, "", "cannot set both resource and service backends")}
	case b.Resource != nil:
		return validateReference(b.Resource, "kind is required", "name is required", path.Child("resource"))
	case b.Service == nil:
		return field.ErrorList{field.Invalid(path, "", "resource or service backend is required")}
	}
	var errs field.ErrorList
	at := path.Child("service")
	if b.Service.Name == "" {
		errs = append(errs, field.Required(at.Child("name"), ""))
	} else {
		errs = append(errs, messages(at.Child("name"), b.Service.Name, validation.IsDNS1123Label)...)
	}
	port := b.Service.Port
	switch {
	case port.Name != "" && port.Number != 0:
		errs = append(errs, field.Invalid(path, "", "cannot set both port name & port number"))
	case port.Name != "":
		errs = append(errs, messages(at.Child("port", "name"), port.Name, validation.IsValidPortName)...)
	case port.Number != 0:
		for _, msg := range validation.IsValidPortNum(int(port.Number)) {
			errs = append(errs, field.Invalid(at.Child("port", "number"), port.Number, msg))
		}
	default:
		errs = append(errs, field.Required(path, "port name or number is required"))
	}
	return errs
}

func validateReference(r *corev1.TypedLocalObjectReference, kindMissing, nameMissing string, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if r.APIGroup != nil {
		errs = append(errs, messages(path.Child("apiGroup"), *r.APIGroup, validation.IsDNS1123Subdomain)...)
	}
	errs = append(errs, segment(r.Kind, kindMissing, path.Child("kind"))...)
	return append(errs, segment(r.Name, nameMissing, path.Child("name"))...)
}

// segment requires a value that can be a part of a path.
func segment(value, missing string, path *field.Path) field.ErrorList {
	if value == "" {
		return field.ErrorList{field.Required(path, missing)}
	}
	return messages(path, value, pathvalidation.IsValidPathSegmentName)
}

func validateIngressStatus(i, old *networkingv1.Ingress) field.ErrorList {
	var before []string
	for _, in := range old.Status.LoadBalancer.Ingress {
		before = append(before, in.IP)
	}
	var errs field.ErrorList
	for n, in := range i.Status.LoadBalancer.Ingress {
		at := field.NewPath("status", "loadBalancer", "ingress").Index(n)
		if in.IP != "" {
			errs = append(errs, validation.IsValidIPForLegacyField(at.Child("ip"), in.IP, true, before)...)
		}
		if in.Hostname != "" {
			errs = append(errs, messages(at.Child("hostname"), in.Hostname, validation.IsDNS1123Subdomain)...)
			if netutils.ParseIPSloppy(in.Hostname) != nil {
				errs = append(errs, field.Invalid(at.Child("hostname"), in.Hostname, "must be a DNS name, not an IP address"))
			}
		}
	}
	return errs
}

func ingressWarnings(i, old *networkingv1.Ingress) []string {
	if _, ok := i.Annotations[classAnnotation]; ok && old == nil {
		return []string{fmt.Sprintf("annotation %q is deprecated, please use 'spec.ingressClassName' instead", classAnnotation)}
	}
	return nil
}

// maxController is the length of the name of a class's controller.
const maxController = 250

func validateIngressClass(c *networkingv1.IngressClass) field.ErrorList {
	path := field.NewPath("spec")
	var errs field.ErrorList
	if len(c.Spec.Controller) > maxController {
		errs = append(errs, field.TooLong(path.Child("controller"), c.Spec.Controller, maxController))
	}
	errs = append(errs, validation.IsDomainPrefixedPath(path.Child("controller"), c.Spec.Controller)...)
	p, at := c.Spec.Parameters, path.Child("parameters")
	if p == nil {
		return errs
	}
	errs = append(errs, validateReference(&corev1.TypedLocalObjectReference{APIGroup: p.APIGroup, Kind: p.Kind, Name: p.Name}, "", "", at)...)
	scopes := []string{networkingv1.IngressClassParametersReferenceScopeCluster, networkingv1.IngressClassParametersReferenceScopeNamespace}
	switch {
	case p.Scope == nil:
		errs = append(errs, field.Required(at.Child("scope"), ""))
	case !slices.Contains(scopes, *p.Scope):
		errs = append(errs, field.NotSupported(at.Child("scope"), *p.Scope, scopes))
	case *p.Scope == networkingv1.IngressClassParametersReferenceScopeCluster:
		if p.Namespace != nil {
			errs = append(errs, field.Forbidden(at.Child("namespace"), "`parameters.scope` is set to 'Cluster'"))
		}
	case p.Namespace == nil:
		errs = append(errs, field.Required(at.Child("namespace"), "`parameters.scope` is set to 'Namespace'"))
	default:
		errs = append(errs, messages(at.Child("namespace"), *p.Namespace, validation.IsDNS1123Label)...)
	}
	return errs
}
