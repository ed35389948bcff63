package runtime

import (
	"context"
	"net/netip"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// PortMapping is a port of the pod that is reached through the node.
type PortMapping struct {
	Protocol      string // "TCP", "UDP" or "SCTP"
	ContainerPort int32
	HostPort      int32
	HostIP        string // empty for all
}

// PodNetwork is a pod's place in the network.
type PodNetwork struct {
	SandboxID            string
	Namespace, Name, UID string
	NetNS                string // path of the network namespace
	Ports                []PortMapping
	Annotations, Labels  map[string]string
	CgroupParent         string
}

// Network connects pods. Its methods may be called concurrently for different
// pods, and again for the same pod after a crash.
type Network interface {
	// Setup gives the pod its interfaces and returns its addresses, that of
	// the primary family first.
	Setup(ctx context.Context, p PodNetwork) ([]netip.Addr, error)
	// Teardown undoes Setup. It succeeds when there is nothing (left) to undo,
	// also when the namespace is gone.
	Teardown(ctx context.Context, p PodNetwork) error
	// Ready tells why pods cannot be connected now.
	Ready() error
}

func (r *Runtime) podNetwork(s *sandbox) PodNetwork {
	m := s.config.GetMetadata()
	p := PodNetwork{
		SandboxID: s.ID, Namespace: m.GetNamespace(), Name: m.GetName(), UID: m.GetUid(),
		NetNS:       s.netnsPath(r),
		Annotations: s.config.GetAnnotations(), Labels: s.config.GetLabels(),
		CgroupParent: s.config.GetLinux().GetCgroupParent(),
	}
	for _, m := range s.config.GetPortMappings() {
		p.Ports = append(p.Ports, PortMapping{
			Protocol: m.GetProtocol().String(), ContainerPort: m.GetContainerPort(),
			HostPort: m.GetHostPort(), HostIP: m.GetHostIp(),
		})
	}
	return p
}

// hostNetwork tells whether the pod has no network of its own.
func hostNetwork(c *runtimeapi.PodSandboxConfig) bool {
	return c.GetLinux().GetSecurityContext().GetNamespaceOptions().GetNetwork() == runtimeapi.NamespaceMode_NODE
}
