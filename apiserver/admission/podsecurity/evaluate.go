package podsecurity

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	psa "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"minke/apiserver/admission"
)

// auditPrefix begins the names of the plug-in's audit annotations.
const auditPrefix = "pod-security.kubernetes.io/"

// evaluate refuses what violates the enforced level, if enforce is set, tells
// the audit log of what violates the audited one and the client of what
// violates the warned one.
func (p *Plugin) evaluate(a *admission.Attributes, levels psa.Policy, bad field.ErrorList, meta *metav1.ObjectMeta, spec *corev1.PodSpec, enforce bool) error {
	if p.exemptClass(spec) {
		a.Annotate(auditPrefix+psa.ExemptionReasonAnnotationKey, "runtimeClass")
		return nil
	}
	if len(bad) > 0 {
		a.Annotate(auditPrefix+"error", fmt.Sprintf("Failed to parse policy: %v", bad.ToAggregate()))
	}
	evaluator, err := p.evaluator()
	if err != nil {
		return apierrors.NewInternalError(fmt.Errorf("make the checks of pod security: %w", err))
	}
	known := map[psa.LevelVersion]policy.AggregateCheckResult{}
	check := func(l psa.LevelVersion) policy.AggregateCheckResult {
		result, ok := known[l]
		if !ok {
			result = policy.AggregateCheckResults(evaluator.EvaluatePod(l, meta, spec))
			known[l] = result
		}
		return result
	}
	var refusal error
	if enforce {
		a.Annotate(auditPrefix+psa.EnforcedPolicyAnnotationKey, levels.Enforce.String())
		if result := check(levels.Enforce); !result.Allowed {
			refusal = apierrors.NewForbidden(a.Resource.GroupResource(), a.Name,
				fmt.Errorf("violates PodSecurity %q: %s", levels.Enforce.String(), result.ForbiddenDetail()))
		}
	}
	if result := check(levels.Audit); !result.Allowed {
		a.Annotate(auditPrefix+psa.AuditViolationsAnnotationKey, would(levels.Audit, result))
	}
	if refusal != nil {
		return refusal
	}
	if result := check(levels.Warn); !result.Allowed {
		a.Warn(would(levels.Warn, result))
	}
	return nil
}

func would(l psa.LevelVersion, result policy.AggregateCheckResult) string {
	return fmt.Sprintf("would violate PodSecurity %q: %s", l.String(), result.ForbiddenDetail())
}

// newImage tells whether an update brings a container or an image that was not
// looked at before: nothing else that matters can change in a pod.
func newImage(pod, old *corev1.Pod) bool {
	if len(pod.Spec.Containers) != len(old.Spec.Containers) || len(pod.Spec.InitContainers) != len(old.Spec.InitContainers) {
		return true
	}
	for i := range pod.Spec.Containers {
		if pod.Spec.Containers[i].Image != old.Spec.Containers[i].Image {
			return true
		}
	}
	for i := range pod.Spec.InitContainers {
		if pod.Spec.InitContainers[i].Image != old.Spec.InitContainers[i].Image {
			return true
		}
	}
	before := map[string]string{}
	for _, c := range old.Spec.EphemeralContainers {
		before[c.Name] = c.Image
	}
	for _, c := range pod.Spec.EphemeralContainers {
		if image, there := before[c.Name]; !there || image != c.Image {
			return true
		}
	}
	return false
}
