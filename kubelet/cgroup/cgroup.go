// Package cgroup keeps the node's tree of control groups, on version 1 and 2:
//
//	<root>/kubepods/pod<uid>               guaranteed pods
//	<root>/kubepods/burstable/pod<uid>
//	<root>/kubepods/besteffort/pod<uid>
//
// The runtime puts each container's group beneath its pod's.
package cgroup

import (
	"fmt"
	"path"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/cgroups/manager"
	corev1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"minke/kubelet/spec"
)

// Tree is the node's groups. A Tree without a Root makes none.
type Tree struct {
	// Root is the group in which kubepods is made, "/" for the top.
	Root string
}

// Parent is the pod's group as the runtime is told, or "" without a Root.
func (t Tree) Parent(pod *corev1.Pod) string {
	if t.Root == "" {
		return ""
	}
	return path.Join("/", t.Root, "kubepods", qosDir(pod), "pod"+string(pod.UID))
}

func qosDir(pod *corev1.Pod) string {
	switch spec.QOS(pod) {
	case corev1.PodQOSBurstable:
		return "burstable"
	case corev1.PodQOSBestEffort:
		return "besteffort"
	}
	return ""
}

// Init makes the groups above the pods'. Best-effort pods get the least weight.
func (t Tree) Init() error {
	if t.Root == "" {
		return nil
	}
	for _, g := range []struct {
		dir    string
		shares int64
	}{{"kubepods", 0}, {"kubepods/burstable", 0}, {"kubepods/besteffort", 2}} {
		if err := apply(path.Join("/", t.Root, g.dir), &runtimeapi.LinuxContainerResources{CpuShares: g.shares}); err != nil {
			return err
		}
	}
	return nil
}

// Ensure makes the pod's group and sets its limits; it may be called again.
func (t Tree) Ensure(pod *corev1.Pod) error {
	if t.Root == "" {
		return nil
	}
	return apply(t.Parent(pod), spec.PodResources(pod))
}

func apply(at string, r *runtimeapi.LinuxContainerResources) error {
	m, config, err := open(at)
	if err != nil {
		return err
	}
	if err := m.Apply(-1); err != nil {
		return fmt.Errorf("create cgroup %s: %w", at, err)
	}
	config.Resources = resources(r)
	if err := m.Set(config.Resources); err != nil {
		return fmt.Errorf("set limits of cgroup %s: %w", at, err)
	}
	return nil
}

func open(at string) (cgroups.Manager, *cgroups.Cgroup, error) {
	config := &cgroups.Cgroup{Path: at, Resources: &cgroups.Resources{SkipDevices: true}}
	m, err := manager.New(config)
	if err != nil {
		return nil, nil, fmt.Errorf("open cgroup %s: %w", at, err)
	}
	return m, config, nil
}

func resources(r *runtimeapi.LinuxContainerResources) *cgroups.Resources {
	out := &cgroups.Resources{SkipDevices: true, SkipFreezeOnSet: true}
	if r.CpuShares > 0 {
		out.CpuShares = uint64(r.CpuShares)
		out.CpuWeight = cgroups.ConvertCPUSharesToCgroupV2Value(out.CpuShares)
	}
	if r.CpuQuota > 0 {
		out.CpuQuota, out.CpuPeriod = r.CpuQuota, uint64(r.CpuPeriod)
	}
	if r.MemoryLimitInBytes > 0 {
		out.Memory = r.MemoryLimitInBytes
	}
	return out
}

// Remove removes the pod's group, which must hold no process any more. A pod of
// which only the UID is known may have it in any class.
func (t Tree) Remove(pod *corev1.Pod) error {
	if t.Root == "" {
		return nil
	}
	at := []string{t.Parent(pod)}
	if len(pod.Spec.Containers) == 0 {
		at = nil
		for _, dir := range []string{"", "burstable", "besteffort"} {
			at = append(at, path.Join("/", t.Root, "kubepods", dir, "pod"+string(pod.UID)))
		}
	}
	for _, g := range at {
		m, _, err := open(g)
		if err != nil {
			return err
		}
		if err := m.Destroy(); err != nil {
			return fmt.Errorf("remove cgroup %s: %w", g, err)
		}
	}
	return nil
}
