package runtime

import (
	"path/filepath"
	"sync"
	"time"

	"github.com/opencontainers/cgroups"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"minke/runtime/cgroup"
)

// container is a container. What is below exited is guarded by Runtime.mu, as
// are OOMKilled, Launched and Lost of the record.
//
//	created -> running -> exited -> (removed)
//	   \_____________________^ a start that failed: StartError, 128
type container struct {
	containerRecord
	config *runtimeapi.ContainerConfig
	op     sync.Mutex    // one start, stop or removal at a time
	exited chan struct{} // closed with the state CONTAINER_EXITED

	state      runtimeapi.ContainerState
	startedAt  int64
	finishedAt int64
	exitCode   int32
	reason     string
	message    string
	resources  *runtimeapi.LinuxContainerResources // as updated
}

// Reasons as the kubelet shows them.
const (
	reasonCompleted  = "Completed"
	reasonError      = "Error"
	reasonOOMKilled  = "OOMKilled"
	reasonStartError = "StartError"
	reasonLost       = "ContainerStatusUnknown"
)

func (c *container) options() *runtimeapi.NamespaceOption {
	return c.config.GetLinux().GetSecurityContext().GetNamespaceOptions()
}

// status needs Runtime.mu held.
func (c *container) status() *runtimeapi.ContainerStatus {
	u := &runtimeapi.LinuxContainerUser{Uid: int64(c.User.UID), Gid: int64(c.User.GID)}
	for _, g := range c.User.Groups {
		u.SupplementalGroups = append(u.SupplementalGroups, int64(g))
	}
	return &runtimeapi.ContainerStatus{
		Id: c.ID, Metadata: c.config.GetMetadata(), State: c.state, CreatedAt: c.CreatedAt,
		StartedAt: c.startedAt, FinishedAt: c.finishedAt, ExitCode: c.exitCode,
		Image: c.config.GetImage(), ImageRef: c.ImageRef, ImageId: c.ImageID,
		Reason: c.reason, Message: c.message,
		Labels: c.config.GetLabels(), Annotations: c.config.GetAnnotations(), Mounts: c.config.GetMounts(),
		LogPath:    c.LogPath,
		Resources:  &runtimeapi.ContainerResources{Linux: c.resources},
		User:       &runtimeapi.ContainerUser{Linux: u},
		StopSignal: c.stopSignalStatus(),
	}
}

// finish needs Runtime.mu held. It may be called for each container once.
func (c *container) finish(code int32, at time.Time, reason, message string) {
	c.state = runtimeapi.ContainerState_CONTAINER_EXITED
	c.exitCode, c.finishedAt, c.reason, c.message = code, at.UnixNano(), reason, message
	close(c.exited)
}

// group is the container's control group, beneath that of its pod.
func (r *Runtime) group(c *container, s *runtimeapi.PodSandboxConfig, res *cgroups.Resources) (*cgroup.Group, error) {
	parent := s.GetLinux().GetCgroupParent()
	if parent == "" {
		parent = r.config.CgroupRoot
	}
	return cgroup.Open(filepath.Join("/", parent, c.ID), res)
}

// groupOf opens the group of a container to read, kill or remove it.
func (r *Runtime) groupOf(c *container) (*cgroup.Group, error) {
	s, err := r.sandbox(c.SandboxID)
	if err != nil {
		return nil, err
	}
	return r.group(c, s.config, &cgroups.Resources{SkipDevices: true})
}
