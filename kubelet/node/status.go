package node

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sort"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// setStatus writes into node what is true now. Conditions of others stay.
func (m *Manager) setStatus(ctx context.Context, node *corev1.Node) {
	s := &node.Status
	s.Capacity, s.Allocatable = withExtended(m.Capacity, s.Capacity), withExtended(m.Allocatable, s.Capacity)
	s.Addresses = m.addresses()
	s.DaemonEndpoints.KubeletEndpoint.Port = m.Port
	container := "unknown://"
	if v, err := m.Runtime.Version(ctx, &runtimeapi.VersionRequest{}); err == nil {
		container = v.RuntimeName + "://" + v.RuntimeVersion
	}
	s.NodeInfo = systemInfo(m.Version, container)
	s.Images = m.images(ctx)
	ready, handlers := m.readiness(ctx)
	s.RuntimeHandlers = handlers
	s.DeclaredFeatures = declared
	for _, c := range m.pressures() {
		m.setCondition(s, c)
	}
	wasReady := m.ready
	m.ready = ready.Status == corev1.ConditionTrue
	if m.setCondition(s, ready) && m.Record != nil && wasReady != m.ready {
		reason := "NodeReady"
		if !m.ready {
			reason = "NodeNotReady"
		}
		m.Record(corev1.EventTypeNormal, reason, fmt.Sprintf("Node %s status is now: %s", m.Name, reason))
	}
}

// declared is what this kubelet does of what one may declare (KEP-5328), sorted: to
// restart all containers of a pod (KEP-5532).
var declared = []string{"RestartAllContainersOnContainerExits"}

// withExtended is own with the extended resources of the node's capacity, which
// others advertise by writing them there. All of them can be allocated.
func withExtended(own, capacity corev1.ResourceList) corev1.ResourceList {
	out := own.DeepCopy()
	for name, q := range capacity {
		if _, ours := out[name]; !ours && strings.Contains(string(name), "/") {
			out[name] = q.DeepCopy()
		}
	}
	return out
}

func (m *Manager) addresses() []corev1.NodeAddress {
	var out []corev1.NodeAddress
	for _, ip := range m.IPs {
		if _, err := netip.ParseAddr(ip); err == nil {
			out = append(out, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: ip})
		}
	}
	return append(out, corev1.NodeAddress{Type: corev1.NodeHostName, Address: m.Name})
}

func (m *Manager) pressures() []corev1.NodeCondition {
	list := []corev1.NodeCondition{
		{Type: corev1.NodeMemoryPressure, Status: corev1.ConditionFalse, Reason: "KubeletHasSufficientMemory", Message: "kubelet has sufficient memory available"},
		{Type: corev1.NodeDiskPressure, Status: corev1.ConditionFalse, Reason: "KubeletHasNoDiskPressure", Message: "kubelet has no disk pressure"},
		{Type: corev1.NodePIDPressure, Status: corev1.ConditionFalse, Reason: "KubeletHasSufficientPID", Message: "kubelet has sufficient PID available"},
	}
	if m.Pressures == nil {
		return list
	}
	for _, own := range m.Pressures() {
		for i := range list {
			if list[i].Type == own.Type {
				list[i] = own
			}
		}
	}
	return list
}

// readiness asks the runtime for its two conditions.
func (m *Manager) readiness(ctx context.Context) (corev1.NodeCondition, []corev1.NodeRuntimeHandler) {
	bad := func(message string) corev1.NodeCondition {
		return corev1.NodeCondition{Type: corev1.NodeReady, Status: corev1.ConditionFalse, Reason: "KubeletNotReady", Message: message}
	}
	answer, err := m.Runtime.Status(ctx, &runtimeapi.StatusRequest{})
	if err != nil {
		return bad("container runtime status check may not have completed yet: " + err.Error()), nil
	}
	var handlers []corev1.NodeRuntimeHandler
	for _, h := range answer.RuntimeHandlers {
		f := &corev1.NodeRuntimeHandlerFeatures{}
		if h.Features != nil {
			f.RecursiveReadOnlyMounts, f.UserNamespaces = &h.Features.RecursiveReadOnlyMounts, &h.Features.UserNamespaces
		}
		handlers = append(handlers, corev1.NodeRuntimeHandler{Name: h.Name, Features: f})
	}
	var text []string
	for _, want := range []struct{ condition, what string }{{"RuntimeReady", "container runtime not ready"}, {"NetworkReady", "container runtime network not ready"}} {
		found := false
		for _, c := range answer.GetStatus().GetConditions() {
			if c.Type == want.condition {
				found = true
				if !c.Status {
					text = append(text, fmt.Sprintf("%s: %s=false reason:%s message:%s", want.what, c.Type, c.Reason, c.Message))
				}
			}
		}
		if !found {
			text = append(text, fmt.Sprintf("%s: %s is not reported", want.what, want.condition))
		}
	}
	if len(text) > 0 {
		return bad("[" + strings.Join(text, ", ") + "]"), handlers
	}
	return corev1.NodeCondition{Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady", Message: "kubelet is posting ready status"}, handlers
}

// setCondition tells whether the condition's status changed.
func (m *Manager) setCondition(s *corev1.NodeStatus, c corev1.NodeCondition) bool {
	now := metav1.NewTime(time.Now()).Rfc3339Copy()
	c.LastHeartbeatTime, c.LastTransitionTime = now, now
	for i := range s.Conditions {
		old := &s.Conditions[i]
		if old.Type != c.Type {
			continue
		}
		changed := old.Status != c.Status
		if !changed {
			c.LastTransitionTime = old.LastTransitionTime
		}
		*old = c
		return changed
	}
	s.Conditions = append(s.Conditions, c)
	return true
}

// images lists the largest images, as the scheduler likes them.
func (m *Manager) images(ctx context.Context) []corev1.ContainerImage {
	answer, err := m.Images.ListImages(ctx, &runtimeapi.ListImagesRequest{})
	if err != nil {
		m.log.Warn("list images", "err", err)
		return nil
	}
	list := slices.Clone(answer.Images)
	sort.Slice(list, func(i, j int) bool {
		if list[i].Size != list[j].Size {
			return list[i].Size > list[j].Size
		}
		return list[i].Id < list[j].Id
	})
	var out []corev1.ContainerImage
	for _, i := range list[:min(len(list), maxImages)] {
		names := append(append([]string{}, i.RepoDigests...), i.RepoTags...)
		out = append(out, corev1.ContainerImage{Names: names[:min(len(names), 5)], SizeBytes: int64(i.Size)})
	}
	return out
}
