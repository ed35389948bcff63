package eviction

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	resourcehelper "k8s.io/component-helpers/resource"

	"minke/kubelet/status"
)

// share is how many times as long as the last look at the disk took passes
// before the next at least, so that large volumes cost a twentieth of a CPU.
const share = 20

// Disk is what a pod uses of the node's disk, in bytes.
type Disk struct {
	// Containers are the running ones' writable layers and logs, by name.
	Containers map[string]int64
	// EmptyDirs are the volumes that are not of memory, by name.
	EmptyDirs map[string]int64
}

// limits ends the pods that use more local storage than they may
// (kubernetes.io/docs/concepts/storage/ephemeral-storage). Only pods that have
// a limit are looked at.
func (m *Manager) limits(ctx context.Context) error {
	begun := m.Now()
	if begun.Before(m.next) {
		return nil
	}
	var errs []error
	for _, pod := range m.Pods() {
		if !endable(pod) || !limited(pod) {
			continue
		}
		used, err := m.Disk(ctx, pod)
		if err != nil {
			errs = append(errs, fmt.Errorf("disk use of pod %s/%s: %w", pod.Namespace, pod.Name, err))
			continue
		}
		if message := exceeded(pod, used); message != "" {
			m.Event(pod, "Evicted", message)
			m.Evict(pod.UID, status.Override{Phase: corev1.PodFailed, Reason: "Evicted", Message: message}, 1)
		}
	}
	end := m.Now()
	m.next = end.Add(min(share*end.Sub(begun), 10*time.Minute))
	return errors.Join(errs...)
}

func diskLimit(e *corev1.EmptyDirVolumeSource) *resource.Quantity {
	if e == nil || e.Medium != corev1.StorageMediumDefault || e.SizeLimit == nil || e.SizeLimit.Sign() <= 0 {
		return nil
	}
	return e.SizeLimit
}

// limited tells whether anything bounds the pod's local storage.
func limited(pod *corev1.Pod) bool {
	for i := range pod.Spec.Volumes {
		if diskLimit(pod.Spec.Volumes[i].EmptyDir) != nil {
			return true
		}
	}
	_, ok := podLimit(pod)
	return ok
}

func podLimit(pod *corev1.Pod) (resource.Quantity, bool) {
	q, ok := resourcehelper.PodLimits(pod, resourcehelper.PodResourcesOptions{})[corev1.ResourceEphemeralStorage]
	return q, ok
}

// exceeded says which limit the pod is beyond, or nothing: first those of
// volumes, then the pod's, then its containers'.
func exceeded(pod *corev1.Pod, used Disk) string {
	total := int64(0)
	for i := range pod.Spec.Volumes {
		v := &pod.Spec.Volumes[i]
		n := used.EmptyDirs[v.Name]
		if limit := diskLimit(v.EmptyDir); limit != nil && n > limit.Value() {
			return fmt.Sprintf("Usage of EmptyDir volume %q exceeds the limit %q. ", v.Name, limit)
		}
		total += n
	}
	for _, n := range used.Containers {
		total += n
	}
	if limit, ok := podLimit(pod); ok && total > limit.Value() {
		return fmt.Sprintf("Pod ephemeral local storage usage exceeds the total limit of containers %s. ", &limit)
	}
	check := func(c *corev1.Container) string {
		limit := c.Resources.Limits.StorageEphemeral()
		if limit.IsZero() || used.Containers[c.Name] <= limit.Value() {
			return ""
		}
		return fmt.Sprintf("Container %s exceeded its local ephemeral storage limit %q. ", c.Name, limit)
	}
	for i := range pod.Spec.Containers {
		if message := check(&pod.Spec.Containers[i]); message != "" {
			return message
		}
	}
	for i := range pod.Spec.InitContainers {
		c := &pod.Spec.InitContainers[i]
		if c.RestartPolicy == nil || *c.RestartPolicy != corev1.ContainerRestartPolicyAlways {
			continue // it ends by itself
		}
		if message := check(c); message != "" {
			return message
		}
	}
	return ""
}

// Used is how much disk dir and all beneath it take, in bytes; nothing where it
// is not there. What the pod makes of its directories meanwhile cannot lead out
// of them.
func Used(ctx context.Context, dir string) (int64, error) {
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer root.Close()
	total := int64(0)
	err = fs.WalkDir(root.FS(), ".", func(_ string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed meanwhile
		}
		if err != nil {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if s, ok := info.Sys().(*syscall.Stat_t); ok {
			total += s.Blocks * 512
		}
		return nil
	})
	return total, err
}
