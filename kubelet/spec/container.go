package spec

import (
	"context"
	"fmt"
	"hash/fnv"
	"path/filepath"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"minke/kubelet/cri"
)

// ContainerInput is what a container's configuration depends on beside the pod.
type ContainerInput struct {
	Pod       *corev1.Pod
	Container *corev1.Container
	// Image is what the runtime answers for the pulled image; ImageRef its ID.
	Image    *runtimeapi.Image
	ImageRef string
	// Attempt is how often the container was started before.
	Attempt int32
	// PodIPs are the sandbox's addresses.
	PodIPs []string
	// Mounts are the volume mounts, made already.
	Mounts []*runtimeapi.Mount
	// TargetID is the container whose process namespace an ephemeral container joins.
	TargetID string
}

// Lookup returns what $(NAME) means to the container, for volume subpaths.
func (b *Builder) Lookup(ctx context.Context, pod *corev1.Pod, c *corev1.Container, ips []string) (func(string) (string, bool), error) {
	env, err := b.environment(ctx, pod, c, ips)
	if err != nil {
		return nil, err
	}
	return env.lookup, nil
}

// Container makes the configuration of one container.
func (b *Builder) Container(ctx context.Context, in ContainerInput) (*runtimeapi.ContainerConfig, error) {
	pod, c := in.Pod, in.Container
	env, err := b.environment(ctx, pod, c, in.PodIPs)
	if err != nil {
		return nil, err
	}
	security, err := b.security(pod, c, in.Image)
	if err != nil {
		return nil, err
	}
	if in.TargetID != "" {
		security.NamespaceOptions.Pid = runtimeapi.NamespaceMode_TARGET
		security.NamespaceOptions.TargetId = in.TargetID
	}
	config := &runtimeapi.ContainerConfig{
		Metadata:   &runtimeapi.ContainerMetadata{Name: c.Name, Attempt: uint32(in.Attempt)},
		Image:      &runtimeapi.ImageSpec{Image: in.ImageRef, UserSpecifiedImage: c.Image},
		Command:    expandAll(c.Command, env.lookup),
		Args:       expandAll(c.Args, env.lookup),
		WorkingDir: c.WorkingDir,
		Envs:       env.keyValues(),
		Mounts:     in.Mounts,
		Labels:     podLabels(pod),
		LogPath:    filepath.Join(c.Name, strconv.Itoa(int(in.Attempt))+".log"),
		Stdin:      c.Stdin, StdinOnce: c.StdinOnce, Tty: c.TTY,
		Linux: &runtimeapi.LinuxContainerConfig{Resources: b.Resources(pod, c), SecurityContext: security},
	}
	config.Labels[cri.LabelContainerName] = c.Name
	config.Annotations = containerAnnotations(pod, c, in.Attempt)
	config.StopSignal = stopSignal(c)
	return config, nil
}

func stopSignal(c *corev1.Container) runtimeapi.Signal {
	if c.Lifecycle == nil || c.Lifecycle.StopSignal == nil {
		return runtimeapi.Signal_SIGNAL_RUNTIME_DEFAULT
	}
	return runtimeapi.Signal(runtimeapi.Signal_value[string(*c.Lifecycle.StopSignal)])
}

func containerAnnotations(pod *corev1.Pod, c *corev1.Container, attempt int32) map[string]string {
	a := map[string]string{
		cri.AnnotationHash:          Hash(c),
		cri.AnnotationRestartCount:  strconv.Itoa(int(attempt)),
		cri.AnnotationMessagePath:   c.TerminationMessagePath,
		cri.AnnotationMessagePolicy: string(c.TerminationMessagePolicy),
	}
	if s := formatSeconds(pod.Spec.TerminationGracePeriodSeconds); s != "" {
		a[cri.AnnotationGracePeriod] = s
	}
	return a
}

// Hash changes with what makes a new container necessary: its image.
func Hash(c *corev1.Container) string {
	h := fnv.New32a()
	fmt.Fprintf(h, "%q %q", c.Name, c.Image)
	return strconv.FormatUint(uint64(h.Sum32()), 16)
}
