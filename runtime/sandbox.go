package runtime

import (
	"strings"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"minke/runtime/shim"
)

// sandbox is a pod's sandbox. Ready and what tells of it are guarded by
// Runtime.mu; everything else is set once, before others can see it.
//
//	(record written) -> set up -> ready -> stopped -> (removed)
//
// A sandbox whose helper ends is stopped, though its network is still to be
// torn down.
type sandbox struct {
	sandboxRecord
	config *runtimeapi.PodSandboxConfig
	op     sync.Mutex // one stop or removal at a time
	shim   *shim.Shim // nil when there is none
}

func (s *sandbox) options() *runtimeapi.NamespaceOption {
	return s.config.GetLinux().GetSecurityContext().GetNamespaceOptions()
}

func (s *sandbox) state() runtimeapi.PodSandboxState {
	if s.Ready {
		return runtimeapi.PodSandboxState_SANDBOX_READY
	}
	return runtimeapi.PodSandboxState_SANDBOX_NOTREADY
}

// status needs Runtime.mu held.
func (s *sandbox) status() *runtimeapi.PodSandboxStatus {
	st := &runtimeapi.PodSandboxStatus{
		Id: s.ID, Metadata: s.config.GetMetadata(), State: s.state(), CreatedAt: s.CreatedAt,
		Network:     &runtimeapi.PodSandboxNetworkStatus{},
		Linux:       &runtimeapi.LinuxPodSandboxStatus{Namespaces: &runtimeapi.Namespace{Options: s.options()}},
		Labels:      s.config.GetLabels(),
		Annotations: s.config.GetAnnotations(), RuntimeHandler: s.Handler,
	}
	if s.Ready && len(s.IPs) > 0 {
		st.Network.Ip = s.IPs[0]
		for _, ip := range s.IPs[1:] {
			st.Network.AdditionalIps = append(st.Network.AdditionalIps, &runtimeapi.PodIP{Ip: ip})
		}
	}
	return st
}

// sandbox finds by ID or by a start of it that only one has.
func (r *Runtime) sandbox(id string) (*sandbox, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return find(r.sandboxes, "pod sandbox", id)
}

func (r *Runtime) container(id string) (*container, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return find(r.containers, "container", id)
}

func find[T any](all map[string]*T, what, id string) (*T, error) {
	if v := all[id]; v != nil {
		return v, nil
	}
	var found *T
	for k, v := range all {
		if id != "" && strings.HasPrefix(k, id) {
			if found != nil {
				return nil, status.Errorf(codes.InvalidArgument, "%s %q: more than one ID starts so", what, id)
			}
			found = v
		}
	}
	if found == nil {
		return nil, status.Errorf(codes.NotFound, "%s %q: not found", what, id)
	}
	return found, nil
}
