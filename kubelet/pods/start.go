package pods

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	grpcstatus "google.golang.org/grpc/status"
	corev1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"minke/kubelet/cri"
	"minke/kubelet/image"
	"minke/kubelet/spec"
	"minke/kubelet/status"
	"minke/kubelet/volume"
)

// retryStart is after what time a container that could not be configured or
// created is tried again, unless something it refers to changes before.
const retryStart = 10 * time.Second

// showBackOff is how long a failed pull shows as ErrImagePull before it shows
// as ImagePullBackOff.
const showBackOff = 3 * time.Second

// failure says why a container did not start, and when to try again.
type failure struct {
	status.Waiting
	after time.Duration
}

func (f *failure) Error() string { return f.Reason + ": " + f.Message }

// start starts one container. The returned time is when to try again; the
// reason of a failure shows in the pod's status.
func (j *job) start(ctx context.Context, s starting, volumes volume.Volumes) (time.Duration, error) {
	c := s.container
	last := j.rt.Latest(c.Name)
	var f *failure
	// Who starts with all others does not wait.
	if s.ephemeral != nil || last == nil || !j.round().Former(last) {
		f = j.backingOff(c, last)
	}
	if f == nil {
		f = j.launch(ctx, s, last, volumes)
	}
	if f == nil {
		delete(j.w.waiting, c.Name)
		return 0, nil
	}
	j.w.waiting[c.Name] = f.Waiting
	return f.after, f
}

// backingOff tells whether the container ended too short a time ago.
func (j *job) backingOff(c *corev1.Container, last *runtimeapi.ContainerStatus) *failure {
	if last == nil || last.State != runtimeapi.ContainerState_CONTAINER_EXITED {
		return nil
	}
	key := string(j.pod.UID) + "/" + c.Name
	finished := time.Unix(0, last.FinishedAt)
	if wait := j.backoff.Wait(key, finished); wait > 0 {
		name := fmt.Sprintf("%s_%s(%s)", j.pod.Name, j.pod.Namespace, j.pod.UID)
		if j.w.waiting[c.Name].Reason != "CrashLoopBackOff" {
			j.event(j.pod, c.Name, corev1.EventTypeWarning, "BackOff", fmt.Sprintf("Back-off restarting failed container %s in pod %s", c.Name, name))
		}
		return &failure{status.Waiting{Reason: "CrashLoopBackOff",
			Message: fmt.Sprintf("back-off %s restarting failed container=%s pod=%s", j.backoff.Delay(key), c.Name, name)}, wait}
	}
	j.backoff.Next(key, finished)
	return nil
}

func (j *job) launch(ctx context.Context, s starting, last *runtimeapi.ContainerStatus, volumes volume.Volumes) *failure {
	c := s.container
	box := j.rt.Ready()
	sandbox, err := j.Spec.Sandbox(j.pod, box.GetMetadata().GetAttempt(), j.Cgroups.Parent(j.pod))
	if err != nil {
		return j.failed(c, "CreateContainerConfigError", err)
	}
	pulled, err := j.Puller.Ensure(ctx, image.Want{Pod: j.pod, Image: c.Image, Policy: c.ImagePullPolicy,
		Secrets: j.pullSecrets(ctx), Sandbox: sandbox,
		Record: func(kind, reason, message string) { j.event(j.pod, c.Name, kind, reason, message) }})
	if err != nil {
		return j.failedPull(c, err)
	}
	config, err := j.configure(ctx, s, last, pulled, volumes)
	if e := (*image.Error)(nil); errors.As(err, &e) {
		return j.failedPull(c, err) // of a volume
	}
	if err != nil {
		return j.failed(c, "CreateContainerConfigError", err)
	}
	if last != nil && last.State == runtimeapi.ContainerState_CONTAINER_CREATED {
		// A kubelet before this one was killed between create and start.
		if _, err := j.Runtime.RemoveContainer(ctx, &runtimeapi.RemoveContainerRequest{ContainerId: last.Id}); err != nil {
			return j.failed(c, "CreateContainerError", err)
		}
	}
	created, err := j.Runtime.CreateContainer(ctx, &runtimeapi.CreateContainerRequest{PodSandboxId: box.Id, Config: config, SandboxConfig: sandbox})
	if err != nil {
		return j.failed(c, "CreateContainerError", err)
	}
	j.event(j.pod, c.Name, corev1.EventTypeNormal, "Created", "Container created")
	hook := c.Lifecycle != nil && c.Lifecycle.PostStart != nil
	if hook {
		j.w.postStart[created.ContainerId] = true
		defer delete(j.w.postStart, created.ContainerId)
	}
	if _, err := j.Runtime.StartContainer(ctx, &runtimeapi.StartContainerRequest{ContainerId: created.ContainerId}); err != nil {
		return j.failed(c, "RunContainerError", err)
	}
	j.event(j.pod, c.Name, corev1.EventTypeNormal, "Started", "Container started")
	j.linkLog(c.Name, created.ContainerId, filepath.Join(j.Spec.PodLogDir(j.pod), config.LogPath))
	j.collect(ctx, c.Name, created.ContainerId)
	if hook {
		return j.runPostStart(ctx, c, created.ContainerId)
	}
	return nil
}

func (j *job) failed(c *corev1.Container, reason string, err error) *failure {
	if spec.IsConfigError(err) {
		reason = "CreateContainerConfigError"
	}
	// What a runtime says comes without the words of the wire.
	message := grpcstatus.Convert(err).Message()
	if j.w.waiting[c.Name] != (status.Waiting{Reason: reason, Message: message}) {
		j.event(j.pod, c.Name, corev1.EventTypeWarning, "Failed", "Error: "+message)
	}
	return &failure{status.Waiting{Reason: reason, Message: message}, retryStart}
}

func (j *job) failedPull(c *corev1.Container, err error) *failure {
	var e *image.Error
	if !errors.As(err, &e) {
		return j.failed(c, image.ErrImagePull, err)
	}
	after := e.After
	switch {
	case after == 0:
		after = retryStart
	case e.Reason == image.ErrImagePull:
		// Look again soon, to show that it is waiting by then.
		after = min(after, showBackOff)
	}
	if j.w.waiting[c.Name].Reason != e.Reason {
		j.event(j.pod, c.Name, corev1.EventTypeWarning, "Failed", "Error: "+e.Reason)
	}
	return &failure{status.Waiting{Reason: e.Reason, Message: e.Error()}, after}
}

// configure gathers all that the container's configuration depends on.
func (j *job) configure(ctx context.Context, s starting, last *runtimeapi.ContainerStatus, pulled *runtimeapi.Image, volumes volume.Volumes) (*runtimeapi.ContainerConfig, error) {
	c := s.container
	attempt := j.attempt(c.Name, last)
	mounts, err := j.mounts(ctx, c, attempt, volumes)
	if err != nil {
		return nil, err
	}
	in := spec.ContainerInput{Pod: j.pod, Container: c, Image: pulled, ImageRef: pulled.Id, Attempt: attempt, PodIPs: j.podIPs(), Mounts: mounts}
	if s.ephemeral != nil && s.ephemeral.TargetContainerName != "" {
		target := j.rt.Latest(s.ephemeral.TargetContainerName)
		if target == nil || target.State != runtimeapi.ContainerState_CONTAINER_RUNNING {
			return nil, fmt.Errorf("unable to find target container %q", s.ephemeral.TargetContainerName)
		}
		in.TargetID = target.Id
	}
	return j.Spec.Container(ctx, in)
}

// attempt counts the starts of the container before this one, from the runtime
// or, if it knows nothing, from the API.
func (j *job) attempt(name string, last *runtimeapi.ContainerStatus) int32 {
	if last != nil {
		if last.State == runtimeapi.ContainerState_CONTAINER_CREATED {
			return cri.RestartCount(last)
		}
		return cri.RestartCount(last) + 1
	}
	for _, list := range [][]corev1.ContainerStatus{j.pod.Status.ContainerStatuses, j.pod.Status.InitContainerStatuses} {
		for i := range list {
			if list[i].Name == name && list[i].ContainerID != "" {
				return list[i].RestartCount
			}
		}
	}
	return 0
}

func (j *job) pullSecrets(ctx context.Context) []*corev1.Secret {
	var out []*corev1.Secret
	for _, ref := range j.pod.Spec.ImagePullSecrets {
		if ref.Name == "" || j.Secret == nil {
			continue
		}
		s, err := j.Secret(ctx, j.pod, ref.Name)
		if err != nil {
			j.event(j.pod, "", corev1.EventTypeWarning, "FailedToRetrieveImagePullSecret",
				fmt.Sprintf("Unable to retrieve some image pull secrets (%s); attempting to pull the image may not succeed.", ref.Name))
			continue
		}
		out = append(out, s)
	}
	return out
}

// linkLog makes the link by which log collectors find the container's log. The
// log itself does not depend on it, so a failure is only noted.
func (j *job) linkLog(container, id, log string) {
	if j.ContainerLogs == "" {
		return
	}
	link := filepath.Join(j.ContainerLogs, fmt.Sprintf("%s_%s_%s-%s.log", j.pod.Name, j.pod.Namespace, container, id))
	if err := os.Symlink(log, link); err != nil && !os.IsExist(err) {
		j.log.Warn("link container log", "link", link, "err", err)
	}
}

// collect removes dead containers of that name but the newest, whose log is
// what `kubectl logs --previous` shows.
func (j *job) collect(ctx context.Context, name, current string) {
	kept := false
	source := j.round().Source // some may not know of the round yet
	for _, c := range j.rt.Containers {
		if c.GetMetadata().GetName() != name || c.Id == current || c.State != runtimeapi.ContainerState_CONTAINER_EXITED {
			continue
		}
		if c.Id == source {
			kept = true
			continue
		}
		if !kept {
			kept = true
			continue
		}
		if _, err := j.Runtime.RemoveContainer(ctx, &runtimeapi.RemoveContainerRequest{ContainerId: c.Id}); err != nil {
			j.log.Warn("remove dead container", "container", c.Id, "err", err)
			continue
		}
		j.removeLogs(c)
	}
}
