package spec

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	resourcehelper "k8s.io/component-helpers/resource"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// The kernel's bounds and Kubernetes' constants.
const (
	minShares   = 2
	maxShares   = 262144
	cpuPeriod   = 100000 // µs
	minCPUQuota = 1000   // µs

	oomGuaranteed = -997
	oomBestEffort = 1000
)

// Shares is the cpu.shares weight of so many thousandths of a CPU.
func Shares(milli int64) int64 {
	return min(max(milli*1024/1000, minShares), maxShares)
}

// Quota is the CPU time in µs for each period of 100 ms; 0 means no limit.
func Quota(milli int64) int64 {
	if milli == 0 {
		return 0
	}
	return max(milli*cpuPeriod/1000, minCPUQuota)
}

// Resources are the cgroup figures of one container.
func (b *Builder) Resources(pod *corev1.Pod, c *corev1.Container) *runtimeapi.LinuxContainerResources {
	request, requested := c.Resources.Requests[corev1.ResourceCPU]
	limit := c.Resources.Limits[corev1.ResourceCPU]
	if !requested {
		request = limit
	}
	r := &runtimeapi.LinuxContainerResources{
		CpuPeriod:          cpuPeriod,
		CpuShares:          Shares(request.MilliValue()),
		CpuQuota:           Quota(limit.MilliValue()),
		MemoryLimitInBytes: c.Resources.Limits.Memory().Value(),
		OomScoreAdj:        b.oomScore(pod, c),
	}
	for name, q := range c.Resources.Limits {
		if size, ok := pageSize(name); ok {
			r.HugepageLimits = append(r.HugepageLimits, &runtimeapi.HugepageLimit{PageSize: size, Limit: uint64(q.Value())})
		}
	}
	return r
}

// pageSize turns hugepages-2Mi into the kernel's 2MB.
func pageSize(name corev1.ResourceName) (string, bool) {
	const prefix = corev1.ResourceHugePagesPrefix
	if len(name) <= len(prefix) || string(name[:len(prefix)]) != prefix {
		return "", false
	}
	q, err := resource.ParseQuantity(string(name[len(prefix):]))
	if err != nil {
		return "", false
	}
	units := []string{"B", "KB", "MB", "GB"}
	size, i := q.Value(), 0
	for ; size >= 1024 && i < len(units)-1; i++ {
		size /= 1024
	}
	return resource.NewQuantity(size, resource.DecimalSI).String() + units[i], true
}

// PodResources are the cgroup figures of the pod's own cgroup: the sums of its
// containers, each limited only when every container is.
func PodResources(pod *corev1.Pod) *runtimeapi.LinuxContainerResources {
	requests := resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{})
	limits := resourcehelper.PodLimits(pod, resourcehelper.PodResourcesOptions{})
	cpuLimited, memoryLimited := true, true
	each := func(c *corev1.Container) {
		cpuLimited = cpuLimited && !c.Resources.Limits.Cpu().IsZero()
		memoryLimited = memoryLimited && !c.Resources.Limits.Memory().IsZero()
	}
	for i := range pod.Spec.InitContainers {
		each(&pod.Spec.InitContainers[i])
	}
	for i := range pod.Spec.Containers {
		each(&pod.Spec.Containers[i])
	}
	if pod.Spec.Resources != nil {
		cpuLimited = cpuLimited || !pod.Spec.Resources.Limits.Cpu().IsZero()
		memoryLimited = memoryLimited || !pod.Spec.Resources.Limits.Memory().IsZero()
	}
	r := &runtimeapi.LinuxContainerResources{CpuPeriod: cpuPeriod, CpuShares: Shares(requests.Cpu().MilliValue())}
	if cpuLimited {
		r.CpuQuota = Quota(limits.Cpu().MilliValue())
	}
	if memoryLimited {
		r.MemoryLimitInBytes = limits.Memory().Value()
	}
	return r
}

// oomScore ranks the container for the kernel's out-of-memory killer: the less
// of the node it asked for, the sooner it goes.
func (b *Builder) oomScore(pod *corev1.Pod, c *corev1.Container) int64 {
	if pod.Spec.Priority != nil && *pod.Spec.Priority >= 2000000000 {
		return oomGuaranteed
	}
	switch QOS(pod) {
	case corev1.PodQOSGuaranteed:
		return oomGuaranteed
	case corev1.PodQOSBestEffort:
		return oomBestEffort
	}
	if b.MemoryCapacity == 0 {
		return oomBestEffort - 1
	}
	score := 1000 - 1000*c.Resources.Requests.Memory().Value()/b.MemoryCapacity
	if score < 1000+oomGuaranteed {
		return 1000 + oomGuaranteed
	}
	return min(score, oomBestEffort-1)
}

// QOS is the pod's quality of service class.
func QOS(pod *corev1.Pod) corev1.PodQOSClass {
	if pod.Status.QOSClass != "" {
		return pod.Status.QOSClass
	}
	guaranteed, any := true, false
	look := func(r *corev1.ResourceRequirements) {
		for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
			request, limit := r.Requests[name], r.Limits[name]
			any = any || !request.IsZero() || !limit.IsZero()
			if limit.IsZero() || (!request.IsZero() && request.Cmp(limit) != 0) {
				guaranteed = false
			}
		}
	}
	if pod.Spec.Resources != nil {
		look(pod.Spec.Resources)
	} else {
		for i := range pod.Spec.InitContainers {
			look(&pod.Spec.InitContainers[i].Resources)
		}
		for i := range pod.Spec.Containers {
			look(&pod.Spec.Containers[i].Resources)
		}
	}
	switch {
	case !any:
		return corev1.PodQOSBestEffort
	case guaranteed:
		return corev1.PodQOSGuaranteed
	}
	return corev1.PodQOSBurstable
}
