// Package podsecurity holds pods to the Pod Security Standards that their
// namespace's labels name: what the enforced level forbids is refused, what the
// warned and audited levels forbid is told (KEP-2579).
package podsecurity

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	admissionapi "k8s.io/pod-security-admission/admission/api"
	"k8s.io/pod-security-admission/admission/api/load"
	"k8s.io/pod-security-admission/admission/api/validation"
	psa "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"minke/apiserver/admission"
)

// Reader reads stored objects, which are shared and never changed.
type Reader interface {
	Get(ctx context.Context, resource schema.GroupVersionResource, namespace, name string) (runtime.Object, error)
	Snapshot(resource schema.GroupVersionResource, namespace string) (iter.Seq[runtime.Object], string, error)
}

// Plugin is the admission plug-in.
type Plugin struct {
	reader   Reader
	exempt   admissionapi.PodSecurityExemptions
	defaults psa.Policy
	// evaluator is made when the first namespace asks for more than privileged.
	evaluator func() (policy.Evaluator, error)
}

var _ admission.Validator = (*Plugin)(nil)

// New returns the plug-in; config is a PodSecurityConfiguration
// (pod-security.admission.config.k8s.io), or empty.
func New(reader Reader, config []byte) (*Plugin, error) {
	read, err := load.LoadFromData(config)
	if err != nil {
		return nil, fmt.Errorf("read configuration of PodSecurity: %w", err)
	}
	if errs := validation.ValidatePodSecurityConfiguration(read); len(errs) > 0 {
		return nil, fmt.Errorf("configure PodSecurity: %w", errs.ToAggregate())
	}
	defaults, err := admissionapi.ToPolicy(read.Defaults)
	if err != nil {
		return nil, fmt.Errorf("configure PodSecurity: %w", err)
	}
	return &Plugin{
		reader: reader, exempt: read.Exemptions, defaults: defaults,
		evaluator: sync.OnceValues(func() (policy.Evaluator, error) { return policy.NewEvaluator(policy.DefaultChecks(), nil) }),
	}, nil
}

// Validate implements admission.Validator.
func (p *Plugin) Validate(ctx context.Context, a *admission.Attributes) error {
	if a.Operation != admission.Create && a.Operation != admission.Update {
		return nil
	}
	switch obj := a.Object.(type) {
	case *corev1.Namespace:
		if a.Subresource != "" {
			return nil
		}
		return p.namespace(ctx, a, obj)
	case *corev1.Pod:
		return p.pod(ctx, a, obj)
	}
	if meta, spec := template(a.Object); spec != nil && a.Subresource == "" {
		return p.workload(ctx, a, meta, spec)
	}
	return nil
}

// significant are the subresources of pods that bring new containers.
var significant = map[string]bool{"": true, "ephemeralcontainers": true, "resize": true}

func (p *Plugin) pod(ctx context.Context, a *admission.Attributes, pod *corev1.Pod) error {
	if !significant[a.Subresource] || p.exempted(a) {
		return nil
	}
	levels, bad, err := p.levels(ctx, a.Namespace)
	if err != nil {
		return apierrors.NewInternalError(fmt.Errorf("failed to lookup namespace %q", a.Namespace))
	}
	if len(bad) == 0 && levels.FullyPrivileged() {
		a.Annotate(auditPrefix+psa.EnforcedPolicyAnnotationKey, levels.Enforce.String())
		return nil
	}
	if old, ok := a.Old.(*corev1.Pod); ok && a.Operation == admission.Update && !newImage(pod, old) {
		return nil
	}
	return p.evaluate(a, levels, bad, &pod.ObjectMeta, &pod.Spec, true)
}

// workload only warns: the pods themselves are refused later, one by one.
func (p *Plugin) workload(ctx context.Context, a *admission.Attributes, meta *metav1.ObjectMeta, spec *corev1.PodSpec) error {
	if p.exempted(a) {
		return nil
	}
	levels, bad, err := p.levels(ctx, a.Namespace)
	if err != nil {
		a.Annotate(auditPrefix+"error", fmt.Sprintf("failed to lookup namespace %q: %v", a.Namespace, err))
		return nil
	}
	if len(bad) == 0 && levels.Warn.Level == psa.LevelPrivileged && levels.Audit.Level == psa.LevelPrivileged {
		return nil
	}
	return p.evaluate(a, levels, bad, meta, spec, false)
}

// exempted tells whether the administrator let the namespace or the user off.
func (p *Plugin) exempted(a *admission.Attributes) bool {
	reason := ""
	switch {
	case slices.Contains(p.exempt.Namespaces, a.Namespace):
		reason = "namespace"
	case a.User != nil && slices.Contains(p.exempt.Usernames, a.User.Name):
		reason = "user"
	default:
		return false
	}
	a.Annotate(auditPrefix+psa.ExemptionReasonAnnotationKey, reason)
	return true
}

func (p *Plugin) exemptClass(spec *corev1.PodSpec) bool {
	return spec.RuntimeClassName != nil && slices.Contains(p.exempt.RuntimeClasses, *spec.RuntimeClassName)
}

// levels returns what a namespace's labels ask for; a label that cannot be read
// counts as the strictest one.
func (p *Plugin) levels(ctx context.Context, namespace string) (psa.Policy, field.ErrorList, error) {
	obj, err := p.reader.Get(ctx, corev1.SchemeGroupVersion.WithResource("namespaces"), "", namespace)
	if err != nil {
		return psa.Policy{}, nil, err
	}
	levels, bad := psa.PolicyToEvaluate(obj.(*corev1.Namespace).Labels, p.defaults)
	return levels, bad, nil
}
