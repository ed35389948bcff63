package runtime

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// UpdateContainerResources changes a container's limits, those that are given;
// the others stay.
func (r *Runtime) UpdateContainerResources(_ context.Context, req *runtimeapi.UpdateContainerResourcesRequest) (*runtimeapi.UpdateContainerResourcesResponse, error) {
	c, err := r.container(req.GetContainerId())
	if err != nil {
		return nil, err
	}
	c.op.Lock()
	defer c.op.Unlock()
	r.mu.RLock()
	merged := mergeResources(c.resources, req.GetLinux())
	running := c.state == runtimeapi.ContainerState_CONTAINER_RUNNING
	r.mu.RUnlock()
	if running {
		s, err := r.sandbox(c.SandboxID)
		if err != nil {
			return nil, err
		}
		res := limits(merged)
		res.SkipDevices = true
		g, err := r.group(c, s.config, res)
		if err == nil {
			err = g.Set(res)
		}
		if err != nil {
			return nil, fmt.Errorf("update container %s: %w", c.ID, err)
		}
	}
	data, err := proto.Marshal(merged)
	if err != nil {
		return nil, fmt.Errorf("update container %s: %w", c.ID, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	c.resources, c.Resources = merged, data
	if err := r.saveContainer(c); err != nil {
		return nil, fmt.Errorf("update container %s: %w", c.ID, err)
	}
	return &runtimeapi.UpdateContainerResourcesResponse{}, nil
}

// mergeResources lays what is given over what was. Neither is changed.
func mergeResources(old, given *runtimeapi.LinuxContainerResources) *runtimeapi.LinuxContainerResources {
	out := &runtimeapi.LinuxContainerResources{}
	proto.Merge(out, old)
	if len(given.GetHugepageLimits()) > 0 {
		out.HugepageLimits = nil
	}
	proto.Merge(out, given)
	return out
}

// UpdatePodSandboxResources has nothing to do: the pod's group is the kubelet's.
func (r *Runtime) UpdatePodSandboxResources(_ context.Context, req *runtimeapi.UpdatePodSandboxResourcesRequest) (*runtimeapi.UpdatePodSandboxResourcesResponse, error) {
	if _, err := r.sandbox(req.GetPodSandboxId()); err != nil {
		return nil, err
	}
	return &runtimeapi.UpdatePodSandboxResourcesResponse{}, nil
}
