package quota

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

func TestScopes(t *testing.T) {
	selects := func(scope corev1.ResourceQuotaScope, op corev1.ScopeSelectorOperator, values ...string) corev1.ScopedResourceSelectorRequirement {
		return corev1.ScopedResourceSelectorRequirement{ScopeName: scope, Operator: op, Values: values}
	}
	class := func(op corev1.ScopeSelectorOperator, values ...string) corev1.ScopedResourceSelectorRequirement {
		return selects(corev1.ResourceQuotaScopePriorityClass, op, values...)
	}
	attributes := func(op corev1.ScopeSelectorOperator, values ...string) corev1.ScopedResourceSelectorRequirement {
		return selects(corev1.ResourceQuotaScopeVolumeAttributesClass, op, values...)
	}
	exists := func(scope corev1.ResourceQuotaScope) corev1.ScopedResourceSelectorRequirement {
		return selects(scope, corev1.ScopeSelectorOpExists)
	}
	important := pod(list("cpu", "1"), nil, func(p *corev1.Pod) {
		p.Spec.PriorityClassName, p.Spec.ActiveDeadlineSeconds = "high", of(int64(0))
		p.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{{PodAffinityTerm: corev1.PodAffinityTerm{NamespaceSelector: &metav1.LabelSelector{}}}}}}
	})
	plain := pod(nil, nil, nil)
	asWhole := pod(nil, nil, func(p *corev1.Pod) { p.Spec.Resources = &corev1.ResourceRequirements{Limits: list("memory", "1Gi")} })
	gold := claim("1Gi", func(c *corev1.PersistentVolumeClaim) { c.Spec.VolumeAttributesClassName = of("gold") })
	between := claim("1Gi", func(c *corev1.PersistentVolumeClaim) {
		c.Spec.VolumeAttributesClassName, c.Status.CurrentVolumeAttributesClassName = of("gold"), of("silver")
		c.Status.ModifyVolumeStatus = &corev1.ModifyVolumeStatus{TargetVolumeAttributesClassName: "bronze"}
	})
	none := claim("1Gi", nil)
	for name, c := range map[string]struct {
		scope   corev1.ScopedResourceSelectorRequirement
		in, out []runtime.Object
	}{
		"terminating":            {exists("Terminating"), []runtime.Object{important}, []runtime.Object{plain, gold}},
		"not terminating":        {exists("NotTerminating"), []runtime.Object{plain}, []runtime.Object{important, gold}},
		"best effort":            {exists("BestEffort"), []runtime.Object{plain}, []runtime.Object{important, asWhole}},
		"not best effort":        {exists("NotBestEffort"), []runtime.Object{important, asWhole}, []runtime.Object{plain, &corev1.ConfigMap{}}},
		"cross namespaces":       {exists("CrossNamespacePodAffinity"), []runtime.Object{important}, []runtime.Object{plain}},
		"some priority":          {exists("PriorityClass"), []runtime.Object{important}, []runtime.Object{plain}},
		"no priority":            {class("DoesNotExist"), []runtime.Object{plain}, []runtime.Object{important}},
		"this priority":          {class("In", "low", "high"), []runtime.Object{important}, []runtime.Object{plain}},
		"not this priority":      {class("NotIn", "high"), []runtime.Object{plain}, []runtime.Object{important}},
		"some attributes":        {exists("VolumeAttributesClass"), []runtime.Object{gold, between}, []runtime.Object{none, plain}},
		"no attributes":          {attributes("DoesNotExist"), []runtime.Object{none}, []runtime.Object{gold, plain}},
		"wished for":             {attributes("In", "gold"), []runtime.Object{gold, between}, []runtime.Object{none}},
		"had":                    {attributes("In", "silver"), []runtime.Object{between}, []runtime.Object{gold, none}},
		"on the way to":          {attributes("In", "bronze"), []runtime.Object{between}, []runtime.Object{gold}},
		"others, of one of them": {attributes("NotIn", "gold"), []runtime.Object{between, none}, []runtime.Object{gold}},
	} {
		t.Run(name, func(t *testing.T) {
			for i, obj := range append(c.in, c.out...) {
				q := &corev1.ResourceQuota{Spec: corev1.ResourceQuotaSpec{ScopeSelector: &corev1.ScopeSelector{MatchExpressions: []corev1.ScopedResourceSelectorRequirement{c.scope}}}}
				if want := i < len(c.in); Covers(q, obj) != want {
					t.Errorf("object %d is covered: %t", i, !want)
				}
			}
		})
	}
	if SameScopes(plain, important) || SameScopes(gold, between) || !SameScopes(gold, gold) {
		t.Error("changes of scopes are not told apart")
	}
}
