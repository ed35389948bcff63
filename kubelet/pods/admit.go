package pods

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	resourcehelper "k8s.io/component-helpers/resource"
	corehelpers "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/klog/v2"
	"minke/kubelet/spec"
	"minke/kubelet/status"
)

// refusal is why a pod cannot run here. It is final: the pod fails, and its
// controller makes another.
type refusal struct{ reason, message string }

// admitted decides, once in the pod's life, whether the node takes it. A pod
// that has a sandbox was admitted before this kubelet started.
func (j *job) admitted() bool {
	j.mu.Lock()
	done := j.w.admitted
	j.mu.Unlock()
	// Two pods must not both be promised the same room.
	j.admission.Lock()
	defer j.admission.Unlock()
	if done || j.gone || len(j.rt.Sandboxes) > 0 || j.pod.DeletionTimestamp != nil || status.Terminal(j.pod.Status.Phase) {
		j.setAdmitted()
		return true
	}
	node := j.Node()
	if r := admit(j.pod, node, j.active(j.pod.UID)); r != nil {
		message := "Pod was rejected: " + r.message
		j.event(j.pod, "", corev1.EventTypeWarning, r.reason, message)
		j.w.override = &status.Override{Phase: corev1.PodFailed, Reason: r.reason, Message: message}
		return false
	}
	j.setAdmitted()
	return true
}

func (j *job) setAdmitted() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.w.admitted = true
}

// admit explains why the node cannot take the pod beside the others, or
// returns nil.
func admit(pod *corev1.Pod, node *corev1.Node, others []*corev1.Pod) *refusal {
	if node == nil {
		return nil
	}
	if r := pressed(pod, node); r != nil {
		return r
	}
	if r := fits(pod, node, others); r != nil {
		return r
	}
	if ok, err := nodeaffinity.GetRequiredNodeAffinity(pod).Match(node); err != nil || !ok {
		return &refusal{"NodeAffinity", "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector"}
	}
	if r := sysctls(pod); r != nil {
		return r
	}
	if port := conflicting(pod, others); port != 0 {
		return &refusal{"NodePorts", "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports"}
	}
	if os := pod.Spec.OS; os != nil && os.Name != corev1.Linux {
		return &refusal{"PodOSNotSupported", "Failed to admit pod as the OS field doesn't match node OS"}
	}
	taint, found := corehelpers.FindMatchingUntoleratedTaint(klog.Background(), node.Spec.Taints, pod.Spec.Tolerations, func(t *corev1.Taint) bool { return t.Effect == corev1.TaintEffectNoExecute }, true)
	if found {
		return &refusal{"TaintToleration", fmt.Sprintf("Predicate TaintToleration failed: node(s) had untolerated taint(s) {%s: %s}", taint.Key, taint.Value)}
	}
	return nil
}

// pressed refuses what would make a shortage worse: any pod when the disk is
// full, best-effort pods when memory is short.
func pressed(pod *corev1.Pod, node *corev1.Node) *refusal {
	if pod.Spec.Priority != nil && *pod.Spec.Priority >= 2000000000 {
		return nil
	}
	for _, c := range node.Status.Conditions {
		if c.Status != corev1.ConditionTrue {
			continue
		}
		if c.Type == corev1.NodeDiskPressure || c.Type == corev1.NodeMemoryPressure && spec.QOS(pod) == corev1.PodQOSBestEffort {
			return &refusal{"Evicted", fmt.Sprintf("The node had condition: [%s]. ", c.Type)}
		}
	}
	return nil
}

// fits compares the sums of requests with what the node offers.
func fits(pod *corev1.Pod, node *corev1.Node, others []*corev1.Pod) *refusal {
	offer := node.Status.Allocatable
	if limit, ok := offer[corev1.ResourcePods]; ok && int64(len(others)) >= limit.Value() {
		return outOf(corev1.ResourcePods, 1, int64(len(others)), limit.Value())
	}
	for name, request := range resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{}) {
		if request.IsZero() || !schedulable(name) {
			continue
		}
		limit := offer[name]
		used := limit.DeepCopy()
		used.Set(0)
		for _, other := range others {
			if q, ok := resourcehelper.PodRequests(other, resourcehelper.PodResourcesOptions{})[name]; ok {
				used.Add(q)
			}
		}
		value := func(milli, whole int64) int64 {
			if name == corev1.ResourceCPU {
				return milli
			}
			return whole
		}
		want, have, all := value(request.MilliValue(), request.Value()), value(used.MilliValue(), used.Value()), value(limit.MilliValue(), limit.Value())
		if want > all-have {
			return outOf(name, want, have, all)
		}
	}
	return nil
}

func schedulable(name corev1.ResourceName) bool {
	switch name {
	case corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage:
		return true
	}
	// Extended resources and huge pages have a domain or a prefix.
	return strings.HasPrefix(string(name), corev1.ResourceHugePagesPrefix) || strings.Contains(string(name), "/")
}

func outOf(name corev1.ResourceName, want, used, all int64) *refusal {
	return &refusal{"OutOf" + string(name),
		fmt.Sprintf("Node didn't have enough resource: %s, requested: %d, used: %d, capacity: %d", name, want, used, all)}
}

// conflicting returns a host port of the pod that another one holds, or 0.
func conflicting(pod *corev1.Pod, others []*corev1.Pod) int32 {
	for _, mine := range hostPorts(pod) {
		for _, other := range others {
			for _, theirs := range hostPorts(other) {
				any := func(ip string) bool { return ip == "" || ip == "0.0.0.0" || ip == "::" }
				if mine.HostPort == theirs.HostPort && protocolOf(mine) == protocolOf(theirs) &&
					(any(mine.HostIP) || any(theirs.HostIP) || mine.HostIP == theirs.HostIP) {
					return mine.HostPort
				}
			}
		}
	}
	return 0
}

func protocolOf(p corev1.ContainerPort) corev1.Protocol {
	if p.Protocol == "" {
		return corev1.ProtocolTCP
	}
	return p.Protocol
}

func hostPorts(pod *corev1.Pod) []corev1.ContainerPort {
	var out []corev1.ContainerPort
	for i := range pod.Spec.Containers {
		for _, p := range pod.Spec.Containers[i].Ports {
			if p.HostPort != 0 {
				out = append(out, p)
			}
		}
	}
	return out
}
