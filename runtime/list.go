package runtime

import (
	"cmp"
	"context"
	"slices"

	"google.golang.org/grpc"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

func selects(selector, labels map[string]string) bool {
	for k, v := range selector {
		if labels[k] != v {
			return false
		}
	}
	return true
}

// ListPodSandbox lists, the newest first.
func (r *Runtime) ListPodSandbox(_ context.Context, req *runtimeapi.ListPodSandboxRequest) (*runtimeapi.ListPodSandboxResponse, error) {
	f := req.GetFilter()
	out := &runtimeapi.ListPodSandboxResponse{}
	r.mu.RLock()
	for _, s := range r.sandboxes {
		if f.GetId() != "" && !hasPrefix(s.ID, f.GetId()) || f.GetState() != nil && f.GetState().GetState() != s.state() ||
			!selects(f.GetLabelSelector(), s.config.GetLabels()) {
			continue
		}
		out.Items = append(out.Items, &runtimeapi.PodSandbox{
			Id: s.ID, Metadata: s.config.GetMetadata(), State: s.state(), CreatedAt: s.CreatedAt,
			Labels: s.config.GetLabels(), Annotations: s.config.GetAnnotations(), RuntimeHandler: s.Handler,
		})
	}
	r.mu.RUnlock()
	slices.SortFunc(out.Items, func(a, b *runtimeapi.PodSandbox) int { return cmp.Compare(b.CreatedAt, a.CreatedAt) })
	return out, nil
}

func hasPrefix(s, prefix string) bool { return len(s) >= len(prefix) && s[:len(prefix)] == prefix }

// ListContainers lists, the newest first.
func (r *Runtime) ListContainers(_ context.Context, req *runtimeapi.ListContainersRequest) (*runtimeapi.ListContainersResponse, error) {
	f := req.GetFilter()
	out := &runtimeapi.ListContainersResponse{}
	r.mu.RLock()
	for _, c := range r.containers {
		if f.GetId() != "" && !hasPrefix(c.ID, f.GetId()) || f.GetPodSandboxId() != "" && !hasPrefix(c.SandboxID, f.GetPodSandboxId()) ||
			f.GetState() != nil && f.GetState().GetState() != c.state || !selects(f.GetLabelSelector(), c.config.GetLabels()) {
			continue
		}
		out.Containers = append(out.Containers, &runtimeapi.Container{
			Id: c.ID, PodSandboxId: c.SandboxID, Metadata: c.config.GetMetadata(), Image: c.config.GetImage(),
			ImageRef: c.ImageRef, ImageId: c.ImageID, State: c.state, CreatedAt: c.CreatedAt,
			Labels: c.config.GetLabels(), Annotations: c.config.GetAnnotations(),
		})
	}
	r.mu.RUnlock()
	slices.SortFunc(out.Containers, func(a, b *runtimeapi.Container) int { return cmp.Compare(b.CreatedAt, a.CreatedAt) })
	return out, nil
}

// PodSandboxStatus shows a sandbox with its containers.
func (r *Runtime) PodSandboxStatus(_ context.Context, req *runtimeapi.PodSandboxStatusRequest) (*runtimeapi.PodSandboxStatusResponse, error) {
	s, err := r.sandbox(req.GetPodSandboxId())
	if err != nil {
		return nil, err
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	out := &runtimeapi.PodSandboxStatusResponse{Status: s.status(), Timestamp: r.now().UnixNano()}
	for _, c := range r.containers {
		if c.SandboxID == s.ID {
			out.ContainersStatuses = append(out.ContainersStatuses, c.status())
		}
	}
	return out, nil
}

// ContainerStatus shows a container.
func (r *Runtime) ContainerStatus(_ context.Context, req *runtimeapi.ContainerStatusRequest) (*runtimeapi.ContainerStatusResponse, error) {
	c, err := r.container(req.GetContainerId())
	if err != nil {
		return nil, err
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	return &runtimeapi.ContainerStatusResponse{Status: c.status()}, nil
}

// chunk is how many items a streamed list sends at once.
const chunk = 100

func sendChunks[T any](items []T, send func([]T) error) error {
	for part := range slices.Chunk(items, chunk) {
		if err := send(part); err != nil {
			return err
		}
	}
	return nil
}

// StreamPodSandboxes is ListPodSandbox in pieces.
func (r *Runtime) StreamPodSandboxes(req *runtimeapi.StreamPodSandboxesRequest, stream grpc.ServerStreamingServer[runtimeapi.StreamPodSandboxesResponse]) error {
	all, err := r.ListPodSandbox(stream.Context(), &runtimeapi.ListPodSandboxRequest{Filter: req.GetFilter()})
	if err != nil {
		return err
	}
	return sendChunks(all.Items, func(p []*runtimeapi.PodSandbox) error {
		return stream.Send(&runtimeapi.StreamPodSandboxesResponse{PodSandboxes: p})
	})
}

// StreamContainers is ListContainers in pieces.
func (r *Runtime) StreamContainers(req *runtimeapi.StreamContainersRequest, stream grpc.ServerStreamingServer[runtimeapi.StreamContainersResponse]) error {
	all, err := r.ListContainers(stream.Context(), &runtimeapi.ListContainersRequest{Filter: req.GetFilter()})
	if err != nil {
		return err
	}
	return sendChunks(all.Containers, func(p []*runtimeapi.Container) error {
		return stream.Send(&runtimeapi.StreamContainersResponse{Containers: p})
	})
}
