// Package spec turns a pod's spec into the configurations that the Container
// Runtime Interface takes: environment, mounts of the kubelet's own files,
// names resolution, security contexts, cgroup figures. It decides; it does not
// act, except for reading what the pod refers to.
package spec

import (
	"context"
	"errors"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Builder makes configurations for the pods of one node.
type Builder struct {
	NodeName      string
	NodeIPs       []string
	ClusterDNS    []string
	ClusterDomain string
	// RootDir is the kubelet's directory, LogDir that of the pods' logs.
	RootDir, LogDir string
	// ResolvConf and HostsFile are the node's own files, /etc/resolv.conf and
	// /etc/hosts by default.
	ResolvConf, HostsFile string
	// Allocatable returns what the node offers to pods.
	Allocatable func() corev1.ResourceList
	// MemoryCapacity of the node, in bytes, scales oom scores.
	MemoryCapacity int64
	// Services lists the services of a namespace.
	Services func(namespace string) []*corev1.Service
	// ConfigMap and Secret read what the pod refers to.
	ConfigMap func(ctx context.Context, pod *corev1.Pod, name string) (*corev1.ConfigMap, error)
	Secret    func(ctx context.Context, pod *corev1.Pod, name string) (*corev1.Secret, error)
}

// ConfigError says that a container cannot be configured as its spec asks; it
// shows as CreateContainerConfigError until what it misses appears.
type ConfigError struct{ Err error }

func (e *ConfigError) Error() string { return e.Err.Error() }
func (e *ConfigError) Unwrap() error { return e.Err }

// IsConfigError tells whether err is a ConfigError.
func IsConfigError(err error) bool {
	var c *ConfigError
	return errors.As(err, &c)
}

// PodDir is where the kubelet keeps all of one pod:
//
//	pods/<uid>/etc-hosts
//	pods/<uid>/containers/<name>/<random>     termination messages
//	pods/<uid>/volumes/kubernetes.io~<plugin>/<volume>/
//	pods/<uid>/volume-subpaths/<volume>/<container>/<index>
func (b *Builder) PodDir(pod *corev1.Pod) string {
	return filepath.Join(b.RootDir, "pods", string(pod.UID))
}

// EmptyDir is where a pod's emptyDir volume is, below its PodDir.
func (b *Builder) EmptyDir(pod *corev1.Pod, volume string) string {
	return VolumeDir(b.PodDir(pod), "empty-dir", volume)
}

// VolumeDir is where a volume of the given plugin is, below a PodDir.
func VolumeDir(podDir, plugin, volume string) string {
	return filepath.Join(podDir, "volumes", "kubernetes.io~"+plugin, volume)
}

// PodLogDir is where the logs of one pod are.
func (b *Builder) PodLogDir(pod *corev1.Pod) string {
	return filepath.Join(b.LogDir, pod.Namespace+"_"+pod.Name+"_"+string(pod.UID))
}

func quantityIn(q, divisor resource.Quantity) int64 {
	if divisor.IsZero() {
		divisor = resource.MustParse("1")
	}
	return ceilDiv(q, divisor)
}

func ceilDiv(q, divisor resource.Quantity) int64 {
	// CPU is compared in thousandths, all else in units.
	if divisor.MilliValue() < 1000 || q.MilliValue()%1000 != 0 && q.Value() < 1<<40 {
		a, d := q.MilliValue(), divisor.MilliValue()
		return (a + d - 1) / d
	}
	a, d := q.Value(), divisor.Value()
	return (a + d - 1) / d
}
