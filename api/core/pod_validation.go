package core

import (
	"math"

	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validatePod(p *corev1.Pod) field.ErrorList {
	path := field.NewPath("spec")
	errs := validatePodMetaAndSpec(p, nil)
	if len(p.Spec.EphemeralContainers) > 0 {
		errs = append(errs, field.Forbidden(path.Child("ephemeralContainers"), "cannot be set on create"))
	}
	if p.Spec.NodeName != "" && len(p.Spec.SchedulingGates) > 0 {
		errs = append(errs, field.Forbidden(path.Child("nodeName"), "cannot be set until all schedulingGates have been cleared"))
	}
	return append(errs, annotationsAgree(p.Annotations, &p.Spec, path)...)
}

// validatePodMetaAndSpec checks what holds for a pod at any time. Rules that
// came later than old, when it is given, do not hold for what breaks them there
// already.
func validatePodMetaAndSpec(p, old *corev1.Pod) field.ErrorList {
	var before *specCheck
	if old != nil {
		before = &specCheck{spec: &old.Spec, meta: &old.ObjectMeta, annotations: old.Annotations}
	}
	v := &specCheck{spec: &p.Spec, meta: &p.ObjectMeta, annotations: p.Annotations}
	return v.run(before, field.NewPath("metadata", "annotations"), field.NewPath("spec"))
}

// ValidatePodTemplate checks the template of a workload, named by path. Old is
// the template as it was; nil for one that is new.
func ValidatePodTemplate(t, old *corev1.PodTemplateSpec, path *field.Path) field.ErrorList {
	errs := metav1validation.ValidateLabels(t.Labels, path.Child("labels"))
	errs = append(errs, apivalidation.ValidateAnnotations(t.Annotations, path.Child("annotations"))...)
	var before *specCheck
	if old != nil {
		before = &specCheck{spec: &old.Spec, annotations: old.Annotations}
	}
	v := &specCheck{spec: &t.Spec, annotations: t.Annotations}
	errs = append(errs, v.run(before, path.Child("annotations"), path.Child("spec"))...)
	errs = append(errs, annotationsAgree(t.Annotations, &t.Spec, path.Child("spec"))...)
	if len(t.Spec.EphemeralContainers) > 0 {
		errs = append(errs, field.Forbidden(path.Child("spec", "ephemeralContainers"), "ephemeral containers not allowed in pod template"))
	}
	return errs
}

// specCheck checks the specification of one pod or template.
type specCheck struct {
	spec *corev1.PodSpec
	// meta is the pod's; nil for a template.
	meta *metav1.ObjectMeta
	// annotations are the pod's or the template's.
	annotations map[string]string

	// volumes are the pod's valid volumes by name.
	volumes map[string]*corev1.Volume
	ratchet
}

// pod tells whether a pod is checked, not a template.
func (v *specCheck) pod() bool { return v.meta != nil }

// run returns what is wrong, without what the object before was allowed.
func (v *specCheck) run(before *specCheck, annotations, spec *field.Path) field.ErrorList {
	errs := v.all(annotations, spec)
	if before == nil || v.broken == 0 {
		return errs
	}
	before.all(annotations, spec)
	if before.broken&v.broken == 0 {
		return errs
	}
	again := &specCheck{spec: v.spec, meta: v.meta, annotations: v.annotations, ratchet: ratchet{waived: before.broken}}
	return again.all(annotations, spec)
}

func (v *specCheck) all(annotations, spec *field.Path) field.ErrorList {
	errs := v.annotated(annotations)
	errs = append(errs, v.check(spec)...)
	if v.pod() {
		errs = append(errs, v.checkPod(spec)...)
	}
	return errs
}

// check checks what pods and templates have in common.
func (v *specCheck) check(path *field.Path) field.ErrorList {
	s := v.spec
	var errs field.ErrorList
	if s.TerminationGracePeriodSeconds == nil {
		errs = append(errs, field.Required(path.Child("terminationGracePeriodSeconds"), ""))
	}
	errs = append(errs, v.podVolumes(path.Child("volumes"))...)
	errs = append(errs, v.podClaims(path.Child("resourceClaims"))...)
	errs = append(errs, v.containers(path.Child("containers"))...)
	errs = append(errs, v.initContainers(path.Child("initContainers"))...)
	errs = append(errs, v.ephemeralContainers(path.Child("ephemeralContainers"))...)
	errs = append(errs, v.podResources(path.Child("resources"))...)
	errs = append(errs, v.hostPorts(path.Child("containers"))...)
	errs = append(errs, enum(path.Child("restartPolicy"), s.RestartPolicy, corev1.RestartPolicyAlways, corev1.RestartPolicyOnFailure, corev1.RestartPolicyNever)...)
	errs = append(errs, enum(path.Child("dnsPolicy"), s.DNSPolicy, corev1.DNSClusterFirstWithHostNet, corev1.DNSClusterFirst, corev1.DNSDefault, corev1.DNSNone)...)
	errs = append(errs, metav1validation.ValidateLabels(s.NodeSelector, path.Child("nodeSelector"))...)
	errs = append(errs, v.podSecurity(path)...)
	errs = append(errs, v.affinity(path.Child("affinity"))...)
	errs = append(errs, validateDNSConfig(s.DNSConfig, s.DNSPolicy, path.Child("dnsConfig"))...)
	errs = append(errs, validateGates(s, path)...)
	errs = append(errs, v.spread(path.Child("topologySpreadConstraints"))...)
	errs = append(errs, hostProcesses(s, path)...)
	errs = append(errs, v.hostUsers(path)...)
	errs = append(errs, validatePodNames(s, path)...)
	if seconds := s.ActiveDeadlineSeconds; seconds != nil && (*seconds < 1 || *seconds > math.MaxInt32) {
		errs = append(errs, field.Invalid(path.Child("activeDeadlineSeconds"), *seconds, validation.InclusiveRangeError(1, math.MaxInt32)))
	}
	errs = append(errs, ValidateTolerations(s.Tolerations, path.Child("tolerations"))...)
	errs = append(errs, validateHostAliases(s.HostAliases, path.Child("hostAliases"))...)
	if s.PreemptionPolicy != nil {
		errs = append(errs, enum(path.Child("preemptionPolicy"), *s.PreemptionPolicy, corev1.PreemptLowerPriority, corev1.PreemptNever)...)
	}
	if s.Overhead != nil {
		errs = append(errs, v.requirements(&corev1.ResourceRequirements{Limits: s.Overhead}, containerResourceName, path.Child("overhead"))...)
	}
	errs = append(errs, validateOS(s, path)...)
	if g := s.SchedulingGroup; g != nil {
		errs = append(errs, schedulingGroup(g, path.Child("schedulingGroup", "podGroupName"))...)
	}
	return append(errs, fileKeyVolumes(s, path)...)
}

// checkPod checks what holds for pods but, for the sake of what was written
// before, not for templates.
func (v *specCheck) checkPod(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if v.spec.ServiceAccountName == "" {
		for i := range v.spec.Volumes {
			if p := v.spec.Volumes[i].Projected; p != nil {
				for j := range p.Sources {
					if p.Sources[j].ServiceAccountToken != nil {
						errs = append(errs, field.Forbidden(path.Child("volumes").Index(i).Child("projected", "sources").Index(j).Child("serviceAccountToken"),
							"must not be specified when serviceAccountName is not set"))
					}
				}
			}
		}
	}
	for i := range v.spec.Containers {
		errs = append(errs, untrimmed(path.Child("containers").Index(i).Child("image"), v.spec.Containers[i].Image)...)
	}
	for i := range v.spec.InitContainers {
		errs = append(errs, untrimmed(path.Child("initContainers").Index(i).Child("image"), v.spec.InitContainers[i].Image)...)
	}
	return errs
}

// validatePodNames checks the fields that name other objects or hosts.
func validatePodNames(s *corev1.PodSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	check := func(name, value string, messages func(string) []string) {
		if value == "" {
			return
		}
		for _, msg := range messages(value) {
			errs = append(errs, field.Invalid(path.Child(name), value, msg))
		}
	}
	if o := s.HostnameOverride; o != nil {
		at := path.Child("hostnameOverride")
		if s.SetHostnameAsFQDN != nil && *s.SetHostnameAsFQDN {
			errs = append(errs, field.Forbidden(at, "may not be specified when setHostnameAsFQDN is true"))
		}
		if s.HostNetwork {
			errs = append(errs, field.Forbidden(at, "may not be specified when hostNetwork is true"))
		}
		if len(*o) > maxHostname {
			errs = append(errs, field.TooLong(at, "", maxHostname))
		}
		for _, msg := range validation.IsDNS1123Subdomain(*o) {
			errs = append(errs, field.Invalid(at, *o, msg))
		}
	}
	check("serviceAccountName", s.ServiceAccountName, validation.IsDNS1123Subdomain)
	check("nodeName", s.NodeName, validation.IsDNS1123Subdomain)
	check("hostname", s.Hostname, validation.IsDNS1123Label)
	check("subdomain", s.Subdomain, validation.IsDNS1123Label)
	check("priorityClassName", s.PriorityClassName, validation.IsDNS1123Subdomain)
	if s.RuntimeClassName != nil {
		for _, msg := range validation.IsDNS1123Subdomain(*s.RuntimeClassName) {
			errs = append(errs, field.Invalid(path.Child("runtimeClassName"), *s.RuntimeClassName, msg))
		}
	}
	return errs
}

// maxHostname is the length of a host name that Linux takes (KEP-4762).
const maxHostname = 64

func validateGates(s *corev1.PodSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, gate := range s.ReadinessGates {
		errs = append(errs, qualifiedName(path.Child("readinessGates").Index(i).Child("conditionType"), string(gate.ConditionType))...)
	}
	var seen nameSet
	for i, gate := range s.SchedulingGates {
		at := path.Child("schedulingGates").Index(i)
		errs = append(errs, qualifiedName(at, gate.Name)...)
		errs = append(errs, seen.add(gate.Name, at)...)
	}
	return errs
}

func schedulingGroup(g *corev1.PodSchedulingGroup, path *field.Path) field.ErrorList {
	if g.PodGroupName == nil {
		return field.ErrorList{field.Invalid(path, g.PodGroupName, "must specify one of: `podGroupName`")}
	}
	return subdomain(path, *g.PodGroupName)
}
