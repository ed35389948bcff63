package podsecurity

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	psa "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"minke/apiserver/admission"
)

// The bounds of looking through a namespace's pods when its level rises.
const (
	maxChecked = 3000
	checkTime  = time.Second
)

// namespace checks the labels of a namespace, and warns of its pods that a
// stricter level would not have let in.
func (p *Plugin) namespace(ctx context.Context, a *admission.Attributes, n *corev1.Namespace) error {
	wanted, bad := psa.PolicyToEvaluate(n.Labels, p.defaults)
	invalid := func() error {
		return apierrors.NewInvalid(corev1.SchemeGroupVersion.WithKind("Namespace").GroupKind(), n.Name, bad)
	}
	old, ok := a.Old.(*corev1.Namespace)
	if !ok || a.Operation == admission.Create {
		if len(bad) > 0 {
			return invalid()
		}
		p.warnExempt(a, n, wanted)
		return nil
	}
	had, were := psa.PolicyToEvaluate(old.Labels, p.defaults)
	if len(bad) > 0 && (len(were) == 0 || !reflect.DeepEqual(bad, were)) {
		return invalid()
	}
	relaxed := wanted.Enforce.Version == had.Enforce.Version && psa.CompareLevels(wanted.Enforce.Level, had.Enforce.Level) < 1
	if wanted.Enforce == had.Enforce || wanted.Enforce.Level == psa.LevelPrivileged || relaxed {
		return nil
	}
	if p.warnExempt(a, n, wanted) {
		return nil
	}
	return p.warnOfPods(ctx, a, n.Name, wanted.Enforce)
}

// warnExempt tells whether the namespace is let off; then its labels do nothing,
// which is said when they ask for something.
func (p *Plugin) warnExempt(a *admission.Attributes, n *corev1.Namespace, wanted psa.Policy) bool {
	if !slices.Contains(p.exempt.Namespaces, n.Name) {
		return false
	}
	if wanted.FullyPrivileged() || wanted.Equivalent(&p.defaults) {
		return true
	}
	var asked []string
	for _, mode := range []struct {
		name, level, version string
		wanted               psa.LevelVersion
	}{
		{"enforce", psa.EnforceLevelLabel, psa.EnforceVersionLabel, wanted.Enforce},
		{"audit", psa.AuditLevelLabel, psa.AuditVersionLabel, wanted.Audit},
		{"warn", psa.WarnLevelLabel, psa.WarnVersionLabel, wanted.Warn},
	} {
		_, level := n.Labels[mode.level]
		_, version := n.Labels[mode.version]
		if mode.wanted.Level != psa.LevelPrivileged && (level || version) {
			asked = append(asked, mode.name+"="+mode.wanted.String())
		}
	}
	a.Warn(fmt.Sprintf("namespace %q is exempt from Pod Security, and the policy (%s) will be ignored", n.Name, strings.Join(asked, ", ")))
	return true
}

// warnOfPods warns of the namespace's pods that violate a level, those with one
// cause together.
func (p *Plugin) warnOfPods(ctx context.Context, a *admission.Attributes, namespace string, level psa.LevelVersion) error {
	evaluator, err := p.evaluator()
	if err != nil {
		return apierrors.NewInternalError(fmt.Errorf("make the checks of pod security: %w", err))
	}
	pods, err := p.pods(namespace)
	if err != nil {
		a.Warn("failed to list pods while checking new PodSecurity enforce level")
		return nil //nolint:nilerr // the level holds all the same
	}
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	type violation struct {
		first string
		pods  int
	}
	found, checked := map[string]*violation{}, 0
	for _, pod := range pods[:min(len(pods), maxChecked)] {
		checked++
		if result := policy.AggregateCheckResults(evaluator.EvaluatePod(level, &pod.ObjectMeta, &pod.Spec)); !result.Allowed {
			v := found[result.ForbiddenReason()]
			if v == nil {
				v = &violation{first: pod.Name}
				found[result.ForbiddenReason()] = v
			}
			v.first, v.pods = min(v.first, pod.Name), v.pods+1
		}
		if ctx.Err() != nil {
			break
		}
	}
	if checked < len(pods) {
		a.Warn(fmt.Sprintf("new PodSecurity enforce level only checked against the first %d of %d existing pods", checked, len(pods)))
	}
	var texts []string
	for cause, v := range found {
		texts = append(texts, v.first+others(v.pods-1)+": "+cause)
	}
	slices.Sort(texts)
	if len(texts) > 0 {
		a.Warn(fmt.Sprintf("existing pods in namespace %q violate the new PodSecurity enforce level %q", namespace, level.String()))
	}
	for _, text := range texts {
		a.Warn(text)
	}
	return nil
}

func others(n int) string {
	switch n {
	case 0:
		return ""
	case 1:
		return " (and 1 other pod)"
	}
	return fmt.Sprintf(" (and %d other pods)", n)
}

// pods lists those to look at: of each controller one first, since its others
// will be the same.
func (p *Plugin) pods(namespace string) ([]*corev1.Pod, error) {
	objs, _, err := p.reader.Snapshot(corev1.SchemeGroupVersion.WithResource("pods"), namespace)
	if err != nil {
		return nil, err
	}
	var first, again []*corev1.Pod
	seen := map[types.UID]bool{}
	for obj := range objs {
		pod, ok := obj.(*corev1.Pod)
		if !ok || p.exemptClass(&pod.Spec) {
			continue
		}
		owner := metav1.GetControllerOfNoCopy(pod)
		if owner != nil && seen[owner.UID] {
			again = append(again, pod)
			continue
		}
		if owner != nil {
			seen[owner.UID] = true
		}
		first = append(first, pod)
	}
	return append(first, again...), nil
}
