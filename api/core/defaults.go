package core

import (
	"maps"

	corev1 "k8s.io/api/core/v1"

	"minke/api"
)

func defaultPodTemplate(t *corev1.PodTemplate) { DefaultPodTemplate(&t.Template) }

func defaultReplicationController(rc *corev1.ReplicationController) {
	if t := rc.Spec.Template; t != nil {
		DefaultPodTemplate(t)
		if len(rc.Spec.Selector) == 0 {
			rc.Spec.Selector = maps.Clone(t.Labels)
		}
		if len(rc.Labels) == 0 {
			rc.Labels = maps.Clone(t.Labels)
		}
	}
	api.FillPointer(&rc.Spec.Replicas, 1)
}

func defaultSecret(s *corev1.Secret) {
	foldStringData(s)
	api.Fill(&s.Type, corev1.SecretTypeOpaque)
}

// defaultNamespace keeps the label by which selectors name a namespace.
func defaultNamespace(n *corev1.Namespace) {
	api.Fill(&n.Status.Phase, corev1.NamespaceActive)
	if n.Name == "" {
		return
	}
	if n.Labels == nil {
		n.Labels = map[string]string{}
	}
	n.Labels[corev1.LabelMetadataName] = n.Name
}

func defaultNode(n *corev1.Node) {
	samePodCIDR(&n.Spec)
	roundUp(n.Status.Capacity)
	roundUp(n.Status.Allocatable)
	if len(n.Status.Allocatable) == 0 && n.Status.Capacity != nil {
		n.Status.Allocatable = n.Status.Capacity.DeepCopy()
	}
}

// samePodCIDR makes the older field and the first of the newer one say the same;
// the older one counts, for clients that know no other.
func samePodCIDR(s *corev1.NodeSpec) {
	switch {
	case s.PodCIDR == "" && len(s.PodCIDRs) > 0:
		s.PodCIDR = s.PodCIDRs[0]
	case s.PodCIDR != "" && (len(s.PodCIDRs) == 0 || s.PodCIDRs[0] != s.PodCIDR):
		s.PodCIDRs = []string{s.PodCIDR}
	}
}

func defaultEndpoints(e *corev1.Endpoints) {
	for i := range e.Subsets {
		for j := range e.Subsets[i].Ports {
			api.Fill(&e.Subsets[i].Ports[j].Protocol, corev1.ProtocolTCP)
		}
	}
}

func defaultResourceQuota(q *corev1.ResourceQuota) {
	roundUp(q.Spec.Hard)
	roundUp(q.Status.Hard)
	roundUp(q.Status.Used)
}

// defaultLimitRange derives a container's default limit from the maximum, and
// its default request from the default limit, else from the minimum.
func defaultLimitRange(l *corev1.LimitRange) {
	for i := range l.Spec.Limits {
		item := &l.Spec.Limits[i]
		for _, list := range []corev1.ResourceList{item.Max, item.Min, item.Default, item.DefaultRequest, item.MaxLimitRequestRatio} {
			roundUp(list)
		}
		if item.Type != corev1.LimitTypeContainer {
			continue
		}
		item.Default = fillList(item.Default, item.Max)
		item.DefaultRequest = fillList(item.DefaultRequest, item.Default)
		item.DefaultRequest = fillList(item.DefaultRequest, item.Min)
	}
}

func fillList(list, from corev1.ResourceList) corev1.ResourceList {
	for name, quantity := range from {
		if _, ok := list[name]; ok {
			continue
		}
		if list == nil {
			list = corev1.ResourceList{}
		}
		list[name] = quantity.DeepCopy()
	}
	return list
}
