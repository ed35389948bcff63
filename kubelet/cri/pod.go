package cri

import (
	"context"
	"fmt"
	"sort"
	"strconv"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Pod is what the runtime knows of one pod at one moment.
type Pod struct {
	// Sandboxes and Containers come newest first.
	Sandboxes  []*runtimeapi.PodSandboxStatus
	Containers []*runtimeapi.ContainerStatus
	// SandboxOf tells a container's sandbox, by container ID.
	SandboxOf map[string]string
}

// Inspect reads the pod's sandboxes and containers from the runtime.
func Inspect(ctx context.Context, rt Runtime, uid string) (*Pod, error) {
	match := map[string]string{LabelPodUID: uid}
	boxes, err := rt.ListPodSandbox(ctx, &runtimeapi.ListPodSandboxRequest{Filter: &runtimeapi.PodSandboxFilter{LabelSelector: match}})
	if err != nil {
		return nil, fmt.Errorf("list sandboxes of pod %s: %w", uid, err)
	}
	list, err := rt.ListContainers(ctx, &runtimeapi.ListContainersRequest{Filter: &runtimeapi.ContainerFilter{LabelSelector: match}})
	if err != nil {
		return nil, fmt.Errorf("list containers of pod %s: %w", uid, err)
	}
	p := &Pod{SandboxOf: make(map[string]string, len(list.Containers))}
	for _, b := range boxes.Items {
		answer, err := rt.PodSandboxStatus(ctx, &runtimeapi.PodSandboxStatusRequest{PodSandboxId: b.Id})
		if IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("status of sandbox %s: %w", b.Id, err)
		}
		p.Sandboxes = append(p.Sandboxes, answer.Status)
	}
	for _, c := range list.Containers {
		answer, err := rt.ContainerStatus(ctx, &runtimeapi.ContainerStatusRequest{ContainerId: c.Id})
		if IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("status of container %s: %w", c.Id, err)
		}
		p.Containers = append(p.Containers, answer.Status)
		p.SandboxOf[c.Id] = c.PodSandboxId
	}
	p.sort()
	return p, nil
}

func (p *Pod) sort() {
	sort.SliceStable(p.Sandboxes, func(i, j int) bool {
		a, b := p.Sandboxes[i], p.Sandboxes[j]
		if a.CreatedAt != b.CreatedAt {
			return a.CreatedAt > b.CreatedAt
		}
		return a.GetMetadata().GetAttempt() > b.GetMetadata().GetAttempt()
	})
	sort.SliceStable(p.Containers, func(i, j int) bool {
		a, b := p.Containers[i], p.Containers[j]
		if a.CreatedAt != b.CreatedAt {
			return a.CreatedAt > b.CreatedAt
		}
		return a.GetMetadata().GetAttempt() > b.GetMetadata().GetAttempt()
	})
}

// IsNotFound tells whether the runtime answered that the thing is gone.
func IsNotFound(err error) bool { return err != nil && status.Code(err) == codes.NotFound }

// Latest returns the newest container called name, or nil.
func (p *Pod) Latest(name string) *runtimeapi.ContainerStatus {
	for _, c := range p.Containers {
		if c.GetMetadata().GetName() == name {
			return c
		}
	}
	return nil
}

// Previous returns the newest container called name that came before id, or nil.
func (p *Pod) Previous(name, id string) *runtimeapi.ContainerStatus {
	seen := false
	for _, c := range p.Containers {
		if c.GetMetadata().GetName() != name {
			continue
		}
		if seen {
			return c
		}
		seen = c.Id == id
	}
	return nil
}

// Find returns the container with that id, or nil.
func (p *Pod) Find(id string) *runtimeapi.ContainerStatus {
	for _, c := range p.Containers {
		if c.Id == id {
			return c
		}
	}
	return nil
}

// Ready returns the newest sandbox when it is ready, or nil.
func (p *Pod) Ready() *runtimeapi.PodSandboxStatus {
	if len(p.Sandboxes) == 0 || p.Sandboxes[0].State != runtimeapi.PodSandboxState_SANDBOX_READY {
		return nil
	}
	return p.Sandboxes[0]
}

// Running returns the containers that run or were created and not started.
func (p *Pod) Running() []*runtimeapi.ContainerStatus {
	var out []*runtimeapi.ContainerStatus
	for _, c := range p.Containers {
		if c.State == runtimeapi.ContainerState_CONTAINER_RUNNING {
			out = append(out, c)
		}
	}
	return out
}

// IPs returns the newest sandbox's addresses, the first one first.
func (p *Pod) IPs() []string {
	if len(p.Sandboxes) == 0 || p.Sandboxes[0].State != runtimeapi.PodSandboxState_SANDBOX_READY {
		return nil
	}
	n := p.Sandboxes[0].GetNetwork()
	if n.GetIp() == "" {
		return nil
	}
	ips := []string{n.Ip}
	for _, extra := range n.AdditionalIps {
		ips = append(ips, extra.Ip)
	}
	return ips
}

// RestartCount reads how often the container's forerunners were restarted.
func RestartCount(c *runtimeapi.ContainerStatus) int32 {
	n, err := strconv.ParseInt(c.GetAnnotations()[AnnotationRestartCount], 10, 32)
	if err != nil {
		return int32(c.GetMetadata().GetAttempt())
	}
	return int32(n)
}
