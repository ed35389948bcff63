package core

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"minke/api"
)

const rolePrefix = "node-role.kubernetes.io/"

func nodeColumns() []api.Column[*corev1.Node] {
	address := func(t corev1.NodeAddressType) func(*corev1.Node) any {
		return func(n *corev1.Node) any {
			for _, a := range n.Status.Addresses {
				if a.Type == t {
					return a.Address
				}
			}
			return api.None
		}
	}
	info := func(value func(*corev1.NodeSystemInfo) string) func(*corev1.Node) any {
		return func(n *corev1.Node) any {
			if v := value(&n.Status.NodeInfo); v != "" {
				return v
			}
			return api.Unknown
		}
	}
	return []api.Column[*corev1.Node]{
		{Name: "Status", Cell: func(n *corev1.Node) any { return nodeStatusText(n) }},
		{Name: "Roles", Cell: func(n *corev1.Node) any { return api.OrNone(strings.Join(nodeRoles(n), ",")) }},
		api.AgeColumn[*corev1.Node](),
		{Name: "Version", Cell: func(n *corev1.Node) any { return n.Status.NodeInfo.KubeletVersion }},
		{Name: "Internal-IP", Priority: 1, Cell: address(corev1.NodeInternalIP)},
		{Name: "External-IP", Priority: 1, Cell: address(corev1.NodeExternalIP)},
		{Name: "OS-Image", Priority: 1, Cell: info(func(i *corev1.NodeSystemInfo) string { return i.OSImage })},
		{Name: "Kernel-Version", Priority: 1, Cell: info(func(i *corev1.NodeSystemInfo) string { return i.KernelVersion })},
		{Name: "Container-Runtime", Priority: 1, Cell: info(func(i *corev1.NodeSystemInfo) string { return i.ContainerRuntimeVersion })},
	}
}

func nodeStatusText(n *corev1.Node) string {
	status := "Unknown"
	for i := range n.Status.Conditions {
		if c := &n.Status.Conditions[i]; c.Type == corev1.NodeReady {
			status = "NotReady"
			if c.Status == corev1.ConditionTrue {
				status = "Ready"
			}
		}
	}
	if n.Spec.Unschedulable {
		status += ",SchedulingDisabled"
	}
	return status
}

func nodeRoles(n *corev1.Node) []string {
	var roles []string
	for label, value := range n.Labels {
		if role, ok := strings.CutPrefix(label, rolePrefix); ok && role != "" {
			roles = append(roles, role)
		} else if label == "kubernetes.io/role" && value != "" {
			roles = append(roles, value)
		}
	}
	slices.Sort(roles)
	return slices.Compact(roles)
}
