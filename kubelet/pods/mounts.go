package pods

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"minke/kubelet/image"
	"minke/kubelet/spec"
	"minke/kubelet/volume"
)

const etcHosts = "/etc/hosts"

// mounts lists what the container sees of the node: its volumes, the hosts
// file, and the file for its termination message.
func (j *job) mounts(ctx context.Context, c *corev1.Container, attempt int32, volumes volume.Volumes) ([]*runtimeapi.Mount, error) {
	var out []*runtimeapi.Mount
	ownHosts := false
	for i := range c.VolumeMounts {
		m, err := j.mount(ctx, c, i, volumes)
		if err != nil {
			return nil, err
		}
		ownHosts = ownHosts || filepath.Clean(m.ContainerPath) == etcHosts
		out = append(out, m)
	}
	if !ownHosts && len(j.podIPs()) > 0 {
		path, err := j.hostsFile()
		if err != nil {
			return nil, err
		}
		out = append(out, &runtimeapi.Mount{ContainerPath: etcHosts, HostPath: path})
	}
	if c.TerminationMessagePath != "" {
		path := j.messageFile(c.Name, attempt)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			return nil, err
		}
		// Any user of the container may write its message.
		if err := os.WriteFile(path, nil, 0o666); err != nil {
			return nil, err
		}
		if err := os.Chmod(path, 0o666); err != nil {
			return nil, err
		}
		out = append(out, &runtimeapi.Mount{ContainerPath: c.TerminationMessagePath, HostPath: path})
	}
	return out, nil
}

func (j *job) messageFile(container string, attempt int32) string {
	return filepath.Join(j.Spec.PodDir(j.pod), "containers", container, strconv.Itoa(int(attempt)))
}

var propagation = map[corev1.MountPropagationMode]runtimeapi.MountPropagation{
	corev1.MountPropagationHostToContainer: runtimeapi.MountPropagation_PROPAGATION_HOST_TO_CONTAINER,
	corev1.MountPropagationBidirectional:   runtimeapi.MountPropagation_PROPAGATION_BIDIRECTIONAL,
	corev1.MountPropagationNone:            runtimeapi.MountPropagation_PROPAGATION_PRIVATE,
}

func (j *job) mount(ctx context.Context, c *corev1.Container, index int, volumes volume.Volumes) (*runtimeapi.Mount, error) {
	vm := &c.VolumeMounts[index]
	v, ok := volumes.Paths[vm.Name]
	if !ok {
		return nil, &spec.ConfigError{Err: fmt.Errorf("mount cannot be satisfied for container %q: the volume %q is not mounted", c.Name, vm.Name)}
	}
	sub, err := j.subPath(ctx, c, vm)
	if err != nil {
		return nil, err
	}
	at := vm.MountPath
	if !filepath.IsAbs(at) {
		at = "/" + at
	}
	m := &runtimeapi.Mount{ContainerPath: at, HostPath: v.Path, Readonly: vm.ReadOnly || v.ReadOnly}
	if vm.MountPropagation != nil {
		m.Propagation = propagation[*vm.MountPropagation]
	}
	if r := vm.RecursiveReadOnly; r != nil && *r == corev1.RecursiveReadOnlyEnabled {
		m.RecursiveReadOnly = true
	}
	if v.Image != "" {
		m.HostPath, m.Readonly = "", true
		return m, j.imageMount(ctx, c, m, v, sub)
	}
	if sub != "" {
		m.HostPath, err = j.Volumes.MountSubPath(volume.SubPath{Pod: j.pod, Container: c.Name, Index: index, Volume: vm.Name, Dir: v.Path, Path: sub})
		if err != nil {
			return nil, &spec.ConfigError{Err: err}
		}
	}
	return m, nil
}

// imageMount pulls the image of a volume; the runtime mounts its content.
func (j *job) imageMount(ctx context.Context, c *corev1.Container, m *runtimeapi.Mount, v volume.Mounted, sub string) error {
	pulled, err := j.Puller.Ensure(ctx, image.Want{Pod: j.pod, Image: v.Image, Policy: v.PullPolicy, Secrets: j.pullSecrets(ctx),
		Record: func(kind, reason, message string) { j.event(j.pod, c.Name, kind, reason, message) }})
	if err != nil {
		return err
	}
	m.Image, m.ImageSubPath = &runtimeapi.ImageSpec{Image: pulled.Id, UserSpecifiedImage: v.Image}, sub
	return nil
}

// subPath returns the part of the volume to mount, with its variables expanded.
func (j *job) subPath(ctx context.Context, c *corev1.Container, vm *corev1.VolumeMount) (string, error) {
	if vm.SubPathExpr == "" {
		if vm.SubPath != "" && !filepath.IsLocal(vm.SubPath) {
			return "", &spec.ConfigError{Err: fmt.Errorf("subPath %q must be a relative path without '..'", vm.SubPath)}
		}
		return vm.SubPath, nil
	}
	lookup, err := j.Spec.Lookup(ctx, j.pod, c, j.podIPs())
	if err != nil {
		return "", err
	}
	unknown := ""
	sub := spec.Expand(vm.SubPathExpr, func(name string) (string, bool) {
		value, ok := lookup(name)
		if !ok {
			unknown = name
		}
		return value, ok
	})
	if unknown != "" {
		return "", &spec.ConfigError{Err: fmt.Errorf("failed to expand subPath: missing value for %q", unknown)}
	}
	if !filepath.IsLocal(sub) {
		return "", &spec.ConfigError{Err: fmt.Errorf("subPath %q must be a relative path without '..'", sub)}
	}
	return sub, nil
}

// hostsFile writes the pod's /etc/hosts unless a container has it already:
// what a container added to it stays.
func (j *job) hostsFile() (string, error) {
	path := filepath.Join(j.Spec.PodDir(j.pod), "etc-hosts")
	content, err := j.Spec.Hosts(j.pod, j.podIPs())
	if err != nil {
		return "", err
	}
	if have, err := os.ReadFile(path); err == nil && bytes.Equal(have, content) {
		return path, nil
	}
	return path, os.WriteFile(path, content, 0o644)
}
