package runtime

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"minke/runtime/image"
)

// CreateContainer settles everything that can be refused before the start:
// image, user, mounts' sources.
func (r *Runtime) CreateContainer(_ context.Context, req *runtimeapi.CreateContainerRequest) (*runtimeapi.CreateContainerResponse, error) {
	s, err := r.sandbox(req.GetPodSandboxId())
	if err != nil {
		return nil, err
	}
	r.mu.RLock()
	ready := s.Ready
	r.mu.RUnlock()
	if !ready {
		return nil, status.Errorf(codes.FailedPrecondition, "pod sandbox %s is not ready", s.ID)
	}
	if req.GetConfig().GetMetadata().GetName() == "" {
		return nil, status.Error(codes.InvalidArgument, "container config must have metadata with a name")
	}
	c, err := r.prepare(s, req.GetConfig())
	if err != nil {
		return nil, fmt.Errorf("create container %q: %w", req.GetConfig().GetMetadata().GetName(), err)
	}
	r.mu.Lock()
	r.containers[c.ID] = c
	r.mu.Unlock()
	r.changed(c.ID, s.ID, runtimeapi.ContainerEventType_CONTAINER_CREATED_EVENT)
	return &runtimeapi.CreateContainerResponse{ContainerId: c.ID}, nil
}

func (r *Runtime) prepare(s *sandbox, config *runtimeapi.ContainerConfig) (*container, error) {
	img, err := r.images.Get(config.GetImage().GetImage())
	if err != nil {
		return nil, status.Error(codes.NotFound, err.Error())
	}
	data, err := proto.Marshal(config)
	if err != nil {
		return nil, err
	}
	c, err := decodeContainer(containerRecord{
		ID: newID(), SandboxID: s.ID, Config: data, CreatedAt: time.Now().UnixNano(),
		ImageID: string(img.ID), ImageRef: imageRef(img), StopSignal: img.Config.StopSignal,
	})
	if err != nil {
		return nil, err
	}
	masked := config.GetLinux().GetSecurityContext().GetMaskedPaths()
	c.Unmasked = masked != nil && len(masked) == 0
	if c.User, err = r.resolveUser(img, c.config.GetLinux().GetSecurityContext()); err != nil {
		return nil, err
	}
	if c.Argv, err = command(c, img); err != nil {
		return nil, err
	}
	if c.Cwd = c.config.GetWorkingDir(); c.Cwd == "" {
		c.Cwd = img.Config.WorkingDir
	}
	c.Env, c.Layers = environment(s, c, img), img.Layers
	if s.config.GetLogDirectory() != "" && c.config.GetLogPath() != "" {
		c.LogPath = filepath.Join(s.config.GetLogDirectory(), c.config.GetLogPath())
	}
	if err := r.resolveImageVolumes(c); err != nil {
		return nil, err
	}
	r.images.Hold(c.allLayers())
	if err := r.makeContainerDirs(c); err != nil {
		return nil, errors.Join(err, r.eraseContainer(c))
	}
	return c, nil
}

// makeContainerDirs writes the record first: without it nothing would ever
// remove the rest.
func (r *Runtime) makeContainerDirs(c *container) error {
	dir, layer := r.containerDir(c.ID), r.writableDir(c.ID)
	if err := os.Mkdir(dir, 0o711); err != nil {
		return err
	}
	if err := r.saveContainer(c); err != nil {
		return err
	}
	dirs := []string{filepath.Join(dir, "rootfs"), layer, filepath.Join(layer, "upper"), filepath.Join(layer, "work")}
	if len(c.VolumeLayers) > 0 {
		dirs = append(dirs, r.imageVolumeDir(c.ID), r.emptyLayerDir(c.ID))
	}
	for _, d := range dirs {
		if err := os.Mkdir(d, 0o755); err != nil {
			return err
		}
	}
	for _, m := range c.config.GetMounts() {
		if m.GetImage().GetImage() != "" {
			continue
		}
		// As every runtime does: a hostPath that is not there becomes a directory.
		if _, err := os.Stat(m.GetHostPath()); errors.Is(err, os.ErrNotExist) {
			if err := os.MkdirAll(m.GetHostPath(), 0o755); err != nil {
				return fmt.Errorf("mount %s: source: %w", m.GetContainerPath(), err)
			}
		}
	}
	return nil
}

func imageRef(i *image.Image) string {
	if len(i.Digests) > 0 {
		return i.Digests[0]
	}
	return string(i.ID)
}
