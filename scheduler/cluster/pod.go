package cluster

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	schedulinghelper "k8s.io/component-helpers/scheduling/corev1"
)

// Pod is a pod with what the scheduler asks for often. It is immutable.
type Pod struct {
	*corev1.Pod
	// Requests are what must fit; Scoring adds defaults for what is not said.
	Requests, Scoring Resources
	Ports             []Port
	// The terms of inter-pod affinity, by whether they must hold.
	Affinity, AntiAffinity                   []Term
	PreferredAffinity, PreferredAntiAffinity []Term
}

// Port is a port on the host. An empty IP means all of the host's.
type Port struct {
	IP       string
	Protocol corev1.Protocol
	Port     int32
}

// Conflicts tells whether both cannot be had on one node.
func (p Port) Conflicts(other Port) bool {
	return p.Port == other.Port && p.Protocol == other.Protocol && (p.IP == "" || other.IP == "" || p.IP == other.IP)
}

// Term is one rule of inter-pod affinity.
type Term struct {
	// Namespaces and NamespaceSelector say in which namespaces pods count.
	Namespaces        []string
	NamespaceSelector labels.Selector
	Selector          labels.Selector
	TopologyKey       string
	// Weight is set for preferred terms only.
	Weight int64
}

// NewPod prepares pod.
func NewPod(pod *corev1.Pod) *Pod {
	p := &Pod{Pod: pod, Ports: hostPorts(pod)}
	p.Requests, p.Scoring = requests(pod)
	affinity := pod.Spec.Affinity
	if affinity == nil {
		return p
	}
	if a := affinity.PodAffinity; a != nil {
		p.Affinity = terms(pod, a.RequiredDuringSchedulingIgnoredDuringExecution)
		p.PreferredAffinity = weighted(pod, a.PreferredDuringSchedulingIgnoredDuringExecution)
	}
	if a := affinity.PodAntiAffinity; a != nil {
		p.AntiAffinity = terms(pod, a.RequiredDuringSchedulingIgnoredDuringExecution)
		p.PreferredAntiAffinity = weighted(pod, a.PreferredDuringSchedulingIgnoredDuringExecution)
	}
	return p
}

// Priority returns the pod's priority.
func (p *Pod) Priority() int32 { return schedulinghelper.PodPriority(p.Pod) }

// Finished tells that the pod uses nothing any more.
func Finished(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

func hostPorts(pod *corev1.Pod) []Port {
	var ports []Port
	add := func(c *corev1.Container) {
		for _, p := range c.Ports {
			if p.HostPort <= 0 {
				continue
			}
			port := Port{IP: p.HostIP, Protocol: p.Protocol, Port: p.HostPort}
			if port.IP == "0.0.0.0" || port.IP == "::" {
				port.IP = ""
			}
			if port.Protocol == "" {
				port.Protocol = corev1.ProtocolTCP
			}
			ports = append(ports, port)
		}
	}
	for i := range pod.Spec.Containers {
		add(&pod.Spec.Containers[i])
	}
	for i := range pod.Spec.InitContainers {
		c := &pod.Spec.InitContainers[i]
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			add(c) // a sidecar holds its ports as long as the pod lives
		}
	}
	return ports
}

func terms(pod *corev1.Pod, from []corev1.PodAffinityTerm) []Term {
	var made []Term
	for i := range from {
		made = append(made, newTerm(pod, &from[i], 0))
	}
	return made
}

func weighted(pod *corev1.Pod, from []corev1.WeightedPodAffinityTerm) []Term {
	var made []Term
	for i := range from {
		made = append(made, newTerm(pod, &from[i].PodAffinityTerm, int64(from[i].Weight)))
	}
	return made
}

func newTerm(pod *corev1.Pod, from *corev1.PodAffinityTerm, weight int64) Term {
	t := Term{Namespaces: from.Namespaces, TopologyKey: from.TopologyKey, Weight: weight}
	t.Selector = Selector(from.LabelSelector)
	t.NamespaceSelector = Selector(from.NamespaceSelector)
	if len(from.Namespaces) == 0 && from.NamespaceSelector == nil {
		t.Namespaces = []string{pod.Namespace}
	}
	return t
}

// Selector compiles s. What is missing or cannot be compiled, which validation
// keeps out, selects nothing.
func Selector(s *metav1.LabelSelector) labels.Selector {
	selector, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		return labels.Nothing()
	}
	return selector
}

// Matches tells whether the term speaks of pod, in whose namespace it finds the
// labels by namespaces.
func (t *Term) Matches(pod *corev1.Pod, namespaces func(string) labels.Set) bool {
	in := false
	for _, namespace := range t.Namespaces {
		in = in || namespace == pod.Namespace
	}
	if !in {
		in = t.NamespaceSelector.Matches(namespaces(pod.Namespace))
	}
	return in && t.Selector.Matches(labels.Set(pod.Labels))
}
