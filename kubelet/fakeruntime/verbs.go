package fakeruntime

import (
	"context"
	"fmt"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Version names the runtime "fake".
func (r *Runtime) Version(context.Context, *runtimeapi.VersionRequest) (*runtimeapi.VersionResponse, error) {
	return &runtimeapi.VersionResponse{RuntimeName: "fake", RuntimeVersion: "1"}, nil
}

// Network sets why the network is not ready, "" when it is.
func (r *Runtime) Network(reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notReady = reason
}

// Status reports both conditions.
func (r *Runtime) Status(context.Context, *runtimeapi.StatusRequest) (*runtimeapi.StatusResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return &runtimeapi.StatusResponse{Status: &runtimeapi.RuntimeStatus{Conditions: []*runtimeapi.RuntimeCondition{
		{Type: "RuntimeReady", Status: true}, {Type: "NetworkReady", Status: r.notReady == "", Reason: r.notReady},
	}}}, nil
}

// UpdateRuntimeConfig takes the pods' addresses.
func (r *Runtime) UpdateRuntimeConfig(_ context.Context, q *runtimeapi.UpdateRuntimeConfigRequest) (*runtimeapi.UpdateRuntimeConfigResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return &runtimeapi.UpdateRuntimeConfigResponse{}, r.call("UpdateRuntimeConfig", q.GetRuntimeConfig().GetNetworkConfig().GetPodCidr())
}

// RunPodSandbox makes a sandbox with an address.
func (r *Runtime) RunPodSandbox(_ context.Context, q *runtimeapi.RunPodSandboxRequest) (*runtimeapi.RunPodSandboxResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.call("RunPodSandbox", q.Config.Metadata.Name); err != nil {
		return nil, err
	}
	r.next++
	id := fmt.Sprintf("s%d", r.next)
	r.sandboxes[id] = &runtimeapi.PodSandboxStatus{Id: id, Metadata: q.Config.Metadata, State: runtimeapi.PodSandboxState_SANDBOX_READY,
		CreatedAt: time.Now().UnixNano(), Labels: q.Config.Labels, Annotations: q.Config.Annotations,
		Network: &runtimeapi.PodSandboxNetworkStatus{Ip: fmt.Sprintf("10.0.0.%d", r.next)}}
	return &runtimeapi.RunPodSandboxResponse{PodSandboxId: id}, nil
}

// StopPodSandbox ends a sandbox and what runs in it.
func (r *Runtime) StopPodSandbox(_ context.Context, q *runtimeapi.StopPodSandboxRequest) (*runtimeapi.StopPodSandboxResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.sandboxes[q.PodSandboxId]
	if s == nil {
		return &runtimeapi.StopPodSandboxResponse{}, nil
	}
	if err := r.call("StopPodSandbox", s.Metadata.Name); err != nil {
		return nil, err
	}
	r.sandboxes[s.Id] = &runtimeapi.PodSandboxStatus{Id: s.Id, Metadata: s.Metadata, State: runtimeapi.PodSandboxState_SANDBOX_NOTREADY, CreatedAt: s.CreatedAt, Labels: s.Labels, Annotations: s.Annotations}
	for _, c := range r.containers {
		if c.sandbox == s.Id {
			r.end(c, 137, "Error")
		}
	}
	return &runtimeapi.StopPodSandboxResponse{}, nil
}

// RemovePodSandbox forgets a sandbox.
func (r *Runtime) RemovePodSandbox(_ context.Context, q *runtimeapi.RemovePodSandboxRequest) (*runtimeapi.RemovePodSandboxResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.sandboxes, q.PodSandboxId)
	return &runtimeapi.RemovePodSandboxResponse{}, r.call("RemovePodSandbox", q.PodSandboxId)
}

// PodSandboxStatus returns one sandbox.
func (r *Runtime) PodSandboxStatus(_ context.Context, q *runtimeapi.PodSandboxStatusRequest) (*runtimeapi.PodSandboxStatusResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.sandboxes[q.PodSandboxId]; s != nil {
		return &runtimeapi.PodSandboxStatusResponse{Status: s}, nil
	}
	return nil, notFound(q.PodSandboxId)
}

func matches(labels, want map[string]string) bool {
	for k, v := range want {
		if labels[k] != v {
			return false
		}
	}
	return true
}

// ListPodSandbox lists sandboxes by label.
func (r *Runtime) ListPodSandbox(_ context.Context, q *runtimeapi.ListPodSandboxRequest) (*runtimeapi.ListPodSandboxResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := &runtimeapi.ListPodSandboxResponse{}
	for _, s := range r.sandboxes {
		if matches(s.Labels, q.GetFilter().GetLabelSelector()) {
			out.Items = append(out.Items, &runtimeapi.PodSandbox{Id: s.Id, Metadata: s.Metadata, State: s.State, CreatedAt: s.CreatedAt, Labels: s.Labels, Annotations: s.Annotations})
		}
	}
	return out, nil
}

// CreateContainer makes a container.
func (r *Runtime) CreateContainer(_ context.Context, q *runtimeapi.CreateContainerRequest) (*runtimeapi.CreateContainerResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.call("CreateContainer", q.Config.Metadata.Name); err != nil {
		return nil, err
	}
	r.next++
	id := fmt.Sprintf("c%d", r.next)
	r.containers[id] = &container{sandbox: q.PodSandboxId, config: q.Config, ended: make(chan struct{}),
		status: &runtimeapi.ContainerStatus{Id: id, Metadata: q.Config.Metadata, State: runtimeapi.ContainerState_CONTAINER_CREATED, CreatedAt: time.Now().UnixNano() + int64(r.next),
			Image: q.Config.Image, ImageRef: q.Config.Image.Image, Labels: q.Config.Labels, Annotations: q.Config.Annotations, Mounts: q.Config.Mounts,
			LogPath: q.SandboxConfig.LogDirectory + "/" + q.Config.LogPath, Resources: &runtimeapi.ContainerResources{Linux: q.Config.Linux.Resources}}}
	return &runtimeapi.CreateContainerResponse{ContainerId: id}, nil
}

// StartContainer starts a container.
func (r *Runtime) StartContainer(_ context.Context, q *runtimeapi.StartContainerRequest) (*runtimeapi.StartContainerResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.containers[q.ContainerId]
	if c == nil {
		return nil, notFound(q.ContainerId)
	}
	if err := r.call("StartContainer", c.config.Metadata.Name); err != nil {
		return nil, err
	}
	next := clone(c.status)
	next.State, next.StartedAt = runtimeapi.ContainerState_CONTAINER_RUNNING, time.Now().UnixNano()
	c.status = next
	r.publish(c, runtimeapi.ContainerEventType_CONTAINER_STARTED_EVENT)
	return &runtimeapi.StartContainerResponse{}, nil
}

// StopContainer ends a container: at once, or after the timeout if its name
// ignores SIGTERM.
func (r *Runtime) StopContainer(ctx context.Context, q *runtimeapi.StopContainerRequest) (*runtimeapi.StopContainerResponse, error) {
	r.mu.Lock()
	c := r.containers[q.ContainerId]
	if c == nil {
		r.mu.Unlock()
		return nil, notFound(q.ContainerId)
	}
	err := r.call("StopContainer", c.config.Metadata.Name)
	ignore := r.ignoreTerm[c.config.Metadata.Name]
	if err == nil && !ignore {
		r.end(c, 143, "Error")
	}
	r.mu.Unlock()
	if err != nil || !ignore {
		return &runtimeapi.StopContainerResponse{}, err
	}
	select {
	case <-c.ended:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(time.Duration(q.Timeout) * time.Second):
		r.mu.Lock()
		defer r.mu.Unlock()
		r.end(c, 137, "Error")
	}
	return &runtimeapi.StopContainerResponse{}, nil
}

// RemoveContainer forgets a container.
func (r *Runtime) RemoveContainer(_ context.Context, q *runtimeapi.RemoveContainerRequest) (*runtimeapi.RemoveContainerResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.containers, q.ContainerId)
	return &runtimeapi.RemoveContainerResponse{}, r.call("RemoveContainer", q.ContainerId)
}

// ListContainers lists containers by label.
func (r *Runtime) ListContainers(_ context.Context, q *runtimeapi.ListContainersRequest) (*runtimeapi.ListContainersResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := &runtimeapi.ListContainersResponse{}
	for _, c := range r.containers {
		if s := c.status; matches(s.Labels, q.GetFilter().GetLabelSelector()) {
			out.Containers = append(out.Containers, &runtimeapi.Container{Id: s.Id, PodSandboxId: c.sandbox, Metadata: s.Metadata, State: s.State, CreatedAt: s.CreatedAt, Labels: s.Labels, Annotations: s.Annotations})
		}
	}
	return out, nil
}

// ContainerStatus returns one container.
func (r *Runtime) ContainerStatus(_ context.Context, q *runtimeapi.ContainerStatusRequest) (*runtimeapi.ContainerStatusResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.containers[q.ContainerId]; c != nil {
		return &runtimeapi.ContainerStatusResponse{Status: c.status}, nil
	}
	return nil, notFound(q.ContainerId)
}

// UpdateContainerResources notes the new figures.
func (r *Runtime) UpdateContainerResources(_ context.Context, q *runtimeapi.UpdateContainerResourcesRequest) (*runtimeapi.UpdateContainerResourcesResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.containers[q.ContainerId]
	if c == nil {
		return nil, notFound(q.ContainerId)
	}
	next := clone(c.status)
	next.Resources = &runtimeapi.ContainerResources{Linux: q.Linux}
	c.status = next
	return &runtimeapi.UpdateContainerResourcesResponse{}, r.call("UpdateContainerResources", c.config.Metadata.Name)
}

// ReopenContainerLog does nothing.
func (r *Runtime) ReopenContainerLog(context.Context, *runtimeapi.ReopenContainerLogRequest) (*runtimeapi.ReopenContainerLogResponse, error) {
	return &runtimeapi.ReopenContainerLogResponse{}, nil
}

// ExecSync answers what OnExec was given, or success.
func (r *Runtime) ExecSync(_ context.Context, q *runtimeapi.ExecSyncRequest) (*runtimeapi.ExecSyncResponse, error) {
	r.mu.Lock()
	f := r.exec
	err := r.call("ExecSync", fmt.Sprint(q.Cmd))
	r.mu.Unlock()
	if err != nil || f == nil {
		return &runtimeapi.ExecSyncResponse{}, err
	}
	code, text := f(q.ContainerId, q.Cmd)
	return &runtimeapi.ExecSyncResponse{ExitCode: code, Stdout: []byte(text)}, nil
}

// ListContainerStats answers nothing.
func (r *Runtime) ListContainerStats(context.Context, *runtimeapi.ListContainerStatsRequest) (*runtimeapi.ListContainerStatsResponse, error) {
	return &runtimeapi.ListContainerStatsResponse{}, nil
}

// ListPodSandboxStats answers nothing.
func (r *Runtime) ListPodSandboxStats(context.Context, *runtimeapi.ListPodSandboxStatsRequest) (*runtimeapi.ListPodSandboxStatsResponse, error) {
	return &runtimeapi.ListPodSandboxStatsResponse{}, nil
}

// ListImages lists the images.
func (r *Runtime) ListImages(context.Context, *runtimeapi.ListImagesRequest) (*runtimeapi.ListImagesResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := &runtimeapi.ListImagesResponse{}
	for _, i := range r.images {
		out.Images = append(out.Images, i)
	}
	return out, nil
}

// ImageStatus returns one image, or none.
func (r *Runtime) ImageStatus(_ context.Context, q *runtimeapi.ImageStatusRequest) (*runtimeapi.ImageStatusResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return &runtimeapi.ImageStatusResponse{Image: r.images[q.Image.Image]}, nil
}

// PullImage brings an image that is pullable.
func (r *Runtime) PullImage(_ context.Context, q *runtimeapi.PullImageRequest) (*runtimeapi.PullImageResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.call("PullImage", q.Image.Image); err != nil {
		return nil, err
	}
	i := r.pullable[q.Image.Image]
	if i == nil {
		return nil, notFound(q.Image.Image)
	}
	r.images[q.Image.Image] = i
	return &runtimeapi.PullImageResponse{ImageRef: i.Id}, nil
}

// RemoveImage removes an image.
func (r *Runtime) RemoveImage(_ context.Context, q *runtimeapi.RemoveImageRequest) (*runtimeapi.RemoveImageResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.images, q.Image.Image)
	return &runtimeapi.RemoveImageResponse{}, nil
}

// ImageFsInfo answers nothing.
func (r *Runtime) ImageFsInfo(context.Context, *runtimeapi.ImageFsInfoRequest) (*runtimeapi.ImageFsInfoResponse, error) {
	return &runtimeapi.ImageFsInfoResponse{}, nil
}
