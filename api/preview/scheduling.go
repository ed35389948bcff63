package preview

import (
	"fmt"

	schedulingv1alpha3 "k8s.io/api/scheduling/v1alpha3"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// highestPriority is what users may give at most; higher ones are the system's.
const highestPriority = 1000000000

func validateWorkload(w *schedulingv1alpha3.Workload) field.ErrorList {
	var errs field.ErrorList
	if ref := w.Spec.ControllerRef; ref != nil {
		at := spec.Child("controllerRef")
		if ref.APIGroup != "" {
			errs = append(errs, optional(&ref.APIGroup, at.Child("apiGroup"), validation.IsDNS1123Subdomain)...)
		}
		errs = append(errs, required(ref.Kind, at.Child("kind"))...)
		errs = append(errs, required(ref.Name, at.Child("name"))...)
	}
	at := spec.Child("podGroupTemplates")
	n := len(w.Spec.PodGroupTemplates)
	if n == 0 && len(w.Spec.CompositePodGroupTemplates) == 0 {
		errs = append(errs, field.Required(at, "must have at least one item"))
	}
	if n > schedulingv1alpha3.WorkloadMaxPodGroupTemplates {
		errs = append(errs, field.TooMany(at, n, schedulingv1alpha3.WorkloadMaxPodGroupTemplates))
	}
	names := map[string]bool{}
	for i := range w.Spec.PodGroupTemplates {
		t := &w.Spec.PodGroupTemplates[i]
		errs = append(errs, uniqueLabel(t.Name, names, at.Index(i))...)
		errs = append(errs, validateGroup(&groupFields{t.SchedulingPolicy, t.SchedulingConstraints, t.ResourceClaims, t.DisruptionMode, t.PriorityClassName, t.Priority, t.PreemptionPolicy}, at.Index(i))...)
	}
	if len(w.Spec.CompositePodGroupTemplates) > 0 {
		errs = append(errs, field.Forbidden(spec.Child("compositePodGroupTemplates"), "may not be set while the feature gate CompositePodGroup is off"))
	}
	return errs
}

// validateWorkloadUpdate: of a template only the size of its gang may change.
func validateWorkloadUpdate(w, old *schedulingv1alpha3.Workload) field.ErrorList {
	errs := validateWorkload(w)
	was := old.Spec.DeepCopy()
	for i := range min(len(was.PodGroupTemplates), len(w.Spec.PodGroupTemplates)) {
		copyGang(&was.PodGroupTemplates[i].SchedulingPolicy, w.Spec.PodGroupTemplates[i].SchedulingPolicy)
	}
	if was.ControllerRef == nil {
		was.ControllerRef = w.Spec.ControllerRef // it may be set once
	}
	return append(errs, apivalidation.ValidateImmutableField(w.Spec, *was, spec)...)
}

func validatePodGroup(g *schedulingv1alpha3.PodGroup) field.ErrorList {
	s := &g.Spec
	errs := validateGroup(&groupFields{s.SchedulingPolicy, s.SchedulingConstraints, s.ResourceClaims, s.DisruptionMode, s.PriorityClassName, s.Priority, s.PreemptionPolicy}, spec)
	if ref := s.WorkloadRef; ref != nil {
		at := spec.Child("workloadRef")
		errs = append(errs, optional(&ref.WorkloadName, at.Child("workloadName"), validation.IsDNS1123Subdomain)...)
		errs = append(errs, optional(&ref.TemplateName, at.Child("templateName"), validation.IsDNS1123Label)...)
	}
	if s.ParentCompositePodGroupName != nil {
		errs = append(errs, field.Forbidden(spec.Child("parentCompositePodGroupName"), "may not be set while the feature gate CompositePodGroup is off"))
	}
	return errs
}

func validatePodGroupUpdate(g, old *schedulingv1alpha3.PodGroup) field.ErrorList {
	errs := validatePodGroup(g)
	was := old.Spec.DeepCopy()
	copyGang(&was.SchedulingPolicy, g.Spec.SchedulingPolicy)
	return append(errs, apivalidation.ValidateImmutableField(g.Spec, *was, spec)...)
}

func copyGang(to *schedulingv1alpha3.PodGroupSchedulingPolicy, from schedulingv1alpha3.PodGroupSchedulingPolicy) {
	if to.Gang != nil && from.Gang != nil {
		to.Gang.MinCount = from.Gang.MinCount
	}
}

// groupFields are what a PodGroup and a template of one have in common.
type groupFields struct {
	policy        schedulingv1alpha3.PodGroupSchedulingPolicy
	constraints   *schedulingv1alpha3.PodGroupSchedulingConstraints
	claims        []schedulingv1alpha3.PodGroupResourceClaim
	disruption    *schedulingv1alpha3.DisruptionMode
	priorityClass string
	priority      *int32
	preemption    *schedulingv1alpha3.PreemptionPolicy
}

func validateGroup(g *groupFields, path *field.Path) field.ErrorList {
	errs := oneOf(path.Child("schedulingPolicy"), "basic", g.policy.Basic != nil, "gang", g.policy.Gang != nil)
	if gang := g.policy.Gang; gang != nil && gang.MinCount < 1 {
		errs = append(errs, field.Invalid(path.Child("schedulingPolicy", "gang", "minCount"), gang.MinCount, "must be greater than or equal to 1"))
	}
	if g.constraints != nil {
		errs = append(errs, field.Forbidden(path.Child("schedulingConstraints"), "may not be set while the feature gate TopologyAwareWorkloadScheduling is off"))
	}
	if g.preemption != nil {
		errs = append(errs, field.Forbidden(path.Child("preemptionPolicy"), "may not be set while the feature gate PodGroupPreemptionPolicy is off"))
	}
	if n := len(g.claims); n > schedulingv1alpha3.MaxPodGroupResourceClaims {
		errs = append(errs, field.TooMany(path.Child("resourceClaims"), n, schedulingv1alpha3.MaxPodGroupResourceClaims))
	}
	names := map[string]bool{}
	for i, c := range g.claims {
		at := path.Child("resourceClaims").Index(i)
		errs = append(errs, uniqueLabel(c.Name, names, at)...)
		errs = append(errs, oneOf(at, "resourceClaimName", c.ResourceClaimName != nil, "resourceClaimTemplateName", c.ResourceClaimTemplateName != nil)...)
		errs = append(errs, optional(c.ResourceClaimName, at.Child("resourceClaimName"), validation.IsDNS1123Subdomain)...)
		errs = append(errs, optional(c.ResourceClaimTemplateName, at.Child("resourceClaimTemplateName"), validation.IsDNS1123Subdomain)...)
	}
	if d := g.disruption; d != nil {
		errs = append(errs, oneOf(path.Child("disruptionMode"), "single", d.Single != nil, "all", d.All != nil)...)
	}
	if g.priorityClass != "" {
		errs = append(errs, optional(&g.priorityClass, path.Child("priorityClassName"), validation.IsDNS1123Subdomain)...)
	}
	if p := g.priority; p != nil && *p > highestPriority {
		errs = append(errs, field.Invalid(path.Child("priority"), *p, fmt.Sprintf("must be less than or equal to %d", highestPriority)))
	}
	return errs
}

func uniqueLabel(name string, seen map[string]bool, at *field.Path) field.ErrorList {
	errs := required(name, at.Child("name"))
	if name != "" {
		errs = append(errs, optional(&name, at.Child("name"), validation.IsDNS1123Label)...)
	}
	if seen[name] {
		errs = append(errs, field.Duplicate(at, map[string]string{"name": name}))
	}
	seen[name] = true
	return errs
}

// oneOf wants exactly one of two members of a union.
func oneOf(path *field.Path, a string, hasA bool, b string, hasB bool) field.ErrorList {
	switch {
	case !hasA && !hasB:
		return field.ErrorList{field.Invalid(path, "", fmt.Sprintf("must specify one of: `%s`, `%s`", a, b))}
	case hasA && hasB:
		return field.ErrorList{field.Invalid(path, fmt.Sprintf("{%s, %s}", a, b), "must specify exactly one of: "+fmt.Sprintf("`%s`, `%s`", a, b))}
	}
	return nil
}
