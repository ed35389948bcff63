package cri

import (
	"context"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"minke/tracing"
)

// Traced returns a runtime whose calls are spans below that of their context, named
// as gRPC names them. It is a Subscriber and a Streamer if rt is.
func Traced(rt Runtime) Runtime {
	t := tracedRuntime{rt}
	subscriber, subscribes := rt.(Subscriber)
	streamer, streams := rt.(Streamer)
	switch {
	case subscribes && streams:
		return struct {
			tracedRuntime
			Subscriber
			Streamer
		}{t, subscriber, streamer}
	case subscribes:
		return struct {
			tracedRuntime
			Subscriber
		}{t, subscriber}
	case streams:
		return struct {
			tracedRuntime
			Streamer
		}{t, streamer}
	}
	return t
}

// TracedImages does the same for an image service.
func TracedImages(images Images) Images { return tracedImages{images} }

type tracedRuntime struct{ to Runtime }

type tracedImages struct{ to Images }

// within makes a call within a span of its own.
func within[Request, Response any](ctx context.Context, name string, r Request, call func(context.Context, Request) (Response, error)) (Response, error) {
	above := tracing.FromContext(ctx)
	if !above.Recording() {
		return call(ctx, r)
	}
	s := above.Call(name, tracing.String("rpc.system.name", "grpc"), tracing.String("rpc.method", name))
	response, err := call(s.Within(ctx), r)
	if err != nil {
		s.Fail(err)
	}
	s.End()
	return response, err
}

func (t tracedRuntime) Version(ctx context.Context, r *runtimeapi.VersionRequest) (*runtimeapi.VersionResponse, error) {
	return within(ctx, "runtime.v1.RuntimeService/Version", r, t.to.Version)
}

func (t tracedRuntime) Status(ctx context.Context, r *runtimeapi.StatusRequest) (*runtimeapi.StatusResponse, error) {
	return within(ctx, "runtime.v1.RuntimeService/Status", r, t.to.Status)
}

func (t tracedRuntime) UpdateRuntimeConfig(ctx context.Context, r *runtimeapi.UpdateRuntimeConfigRequest) (*runtimeapi.UpdateRuntimeConfigResponse, error) {
	return within(ctx, "runtime.v1.RuntimeService/UpdateRuntimeConfig", r, t.to.UpdateRuntimeConfig)
}

func (t tracedRuntime) RunPodSandbox(ctx context.Context, r *runtimeapi.RunPodSandboxRequest) (*runtimeapi.RunPodSandboxResponse, error) {
	return within(ctx, "runtime.v1.RuntimeService/RunPodSandbox", r, t.to.RunPodSandbox)
}

func (t tracedRuntime) StopPodSandbox(ctx context.Context, r *runtimeapi.StopPodSandboxRequest) (*runtimeapi.StopPodSandboxResponse, error) {
	return within(ctx, "runtime.v1.RuntimeService/StopPodSandbox", r, t.to.StopPodSandbox)
}

func (t tracedRuntime) RemovePodSandbox(ctx context.Context, r *runtimeapi.RemovePodSandboxRequest) (*runtimeapi.RemovePodSandboxResponse, error) {
	return within(ctx, "runtime.v1.RuntimeService/RemovePodSandbox", r, t.to.RemovePodSandbox)
}

func (t tracedRuntime) PodSandboxStatus(ctx context.Context, r *runtimeapi.PodSandboxStatusRequest) (*runtimeapi.PodSandboxStatusResponse, error) {
	return within(ctx, "runtime.v1.RuntimeService/PodSandboxStatus", r, t.to.PodSandboxStatus)
}

func (t tracedRuntime) ListPodSandbox(ctx context.Context, r *runtimeapi.ListPodSandboxRequest) (*runtimeapi.ListPodSandboxResponse, error) {
	return within(ctx, "runtime.v1.RuntimeService/ListPodSandbox", r, t.to.ListPodSandbox)
}

func (t tracedRuntime) CreateContainer(ctx context.Context, r *runtimeapi.CreateContainerRequest) (*runtimeapi.CreateContainerResponse, error) {
	return within(ctx, "runtime.v1.RuntimeService/CreateContainer", r, t.to.CreateContainer)
}

func (t tracedRuntime) StartContainer(ctx context.Context, r *runtimeapi.StartContainerRequest) (*runtimeapi.StartContainerResponse, error) {
	return within(ctx, "runtime.v1.RuntimeService/StartContainer", r, t.to.StartContainer)
}

func (t tracedRuntime) StopContainer(ctx context.Context, r *runtimeapi.StopContainerRequest) (*runtimeapi.StopContainerResponse, error) {
	return within(ctx, "runtime.v1.RuntimeService/StopContainer", r, t.to.StopContainer)
}

func (t tracedRuntime) RemoveContainer(ctx context.Context, r *runtimeapi.RemoveContainerRequest) (*runtimeapi.RemoveContainerResponse, error) {
	return within(ctx, "runtime.v1.RuntimeService/RemoveContainer", r, t.to.RemoveContainer)
}

func (t tracedRuntime) ListContainers(ctx context.Context, r *runtimeapi.ListContainersRequest) (*runtimeapi.ListContainersResponse, error) {
	return within(ctx, "runtime.v1.RuntimeService/ListContainers", r, t.to.ListContainers)
}

func (t tracedRuntime) ContainerStatus(ctx context.Context, r *runtimeapi.ContainerStatusRequest) (*runtimeapi.ContainerStatusResponse, error) {
	return within(ctx, "runtime.v1.RuntimeService/ContainerStatus", r, t.to.ContainerStatus)
}

func (t tracedRuntime) UpdateContainerResources(ctx context.Context, r *runtimeapi.UpdateContainerResourcesRequest) (*runtimeapi.UpdateContainerResourcesResponse, error) {
	return within(ctx, "runtime.v1.RuntimeService/UpdateContainerResources", r, t.to.UpdateContainerResources)
}

func (t tracedRuntime) ReopenContainerLog(ctx context.Context, r *runtimeapi.ReopenContainerLogRequest) (*runtimeapi.ReopenContainerLogResponse, error) {
	return within(ctx, "runtime.v1.RuntimeService/ReopenContainerLog", r, t.to.ReopenContainerLog)
}

func (t tracedRuntime) ExecSync(ctx context.Context, r *runtimeapi.ExecSyncRequest) (*runtimeapi.ExecSyncResponse, error) {
	return within(ctx, "runtime.v1.RuntimeService/ExecSync", r, t.to.ExecSync)
}

func (t tracedRuntime) ListContainerStats(ctx context.Context, r *runtimeapi.ListContainerStatsRequest) (*runtimeapi.ListContainerStatsResponse, error) {
	return within(ctx, "runtime.v1.RuntimeService/ListContainerStats", r, t.to.ListContainerStats)
}

func (t tracedRuntime) ListPodSandboxStats(ctx context.Context, r *runtimeapi.ListPodSandboxStatsRequest) (*runtimeapi.ListPodSandboxStatsResponse, error) {
	return within(ctx, "runtime.v1.RuntimeService/ListPodSandboxStats", r, t.to.ListPodSandboxStats)
}

func (t tracedImages) ListImages(ctx context.Context, r *runtimeapi.ListImagesRequest) (*runtimeapi.ListImagesResponse, error) {
	return within(ctx, "runtime.v1.ImageService/ListImages", r, t.to.ListImages)
}

func (t tracedImages) ImageStatus(ctx context.Context, r *runtimeapi.ImageStatusRequest) (*runtimeapi.ImageStatusResponse, error) {
	return within(ctx, "runtime.v1.ImageService/ImageStatus", r, t.to.ImageStatus)
}

func (t tracedImages) PullImage(ctx context.Context, r *runtimeapi.PullImageRequest) (*runtimeapi.PullImageResponse, error) {
	return within(ctx, "runtime.v1.ImageService/PullImage", r, t.to.PullImage)
}

func (t tracedImages) RemoveImage(ctx context.Context, r *runtimeapi.RemoveImageRequest) (*runtimeapi.RemoveImageResponse, error) {
	return within(ctx, "runtime.v1.ImageService/RemoveImage", r, t.to.RemoveImage)
}

func (t tracedImages) ImageFsInfo(ctx context.Context, r *runtimeapi.ImageFsInfoRequest) (*runtimeapi.ImageFsInfoResponse, error) {
	return within(ctx, "runtime.v1.ImageService/ImageFsInfo", r, t.to.ImageFsInfo)
}
