package pods

import (
	corev1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"minke/kubelet/cri"
	"minke/kubelet/probe"
	"minke/kubelet/spec"
	"minke/kubelet/status"
)

// plan is what a pod needs next. It is computed purely over a snapshot; sync
// does it.
type plan struct {
	// sandbox asks for a new sandbox, after the old ones are stopped.
	sandbox bool
	attempt uint32
	// kill ends containers that must start anew.
	kill []doomed
	// again asks for another plan once these are dead.
	again bool
	// start lists the containers to start, in order.
	start []starting
	// resize lists running containers whose cgroup figures changed.
	resize []resizing
}

type doomed struct {
	container *runtimeapi.ContainerStatus
	message   string
	// grace is the probe's own, when it has one.
	grace *int64
}

type starting struct {
	container *corev1.Container
	ephemeral *corev1.EphemeralContainer
}

type resizing struct {
	id        string
	resources *runtimeapi.LinuxContainerResources
}

// snapshot is what a plan depends on.
type snapshot struct {
	pod     *corev1.Pod
	rt      *cri.Pod
	probes  status.Results
	figures func(*corev1.Container) *runtimeapi.LinuxContainerResources
	// postStart holds the containers whose hook still runs.
	postStart map[string]bool
	// round is the one that the pod is in.
	round spec.Round
}

func (s *snapshot) plan() plan {
	if box := s.rt.Ready(); box == nil || !s.pod.Spec.HostNetwork && box.GetNetwork().GetIp() == "" {
		return s.anew()
	}
	var p plan
	if s.endFormer(&p) {
		return p
	}
	s.ephemeral(&p)
	if s.init(&p) {
		for i := range s.pod.Spec.Containers {
			s.regular(&s.pod.Spec.Containers[i], &p)
		}
	}
	return p
}

// endFormer plans the end of what still runs of the former round, all of which
// must be over before the new one begins, and tells whether there is any. Regular
// containers end before init containers.
func (s *snapshot) endFormer(p *plan) bool {
	for _, list := range [][]corev1.Container{s.pod.Spec.Containers, s.pod.Spec.InitContainers} {
		for i := range list {
			now := s.rt.Latest(list[i].Name)
			if now != nil && now.State == runtimeapi.ContainerState_CONTAINER_RUNNING && s.round.Former(now) {
				p.kill = append(p.kill, doomed{container: now, grace: new(int64),
					message: "Container " + list[i].Name + " is restarted with all containers of the pod"})
			}
		}
	}
	p.again = len(p.kill) > 0
	return p.again
}

// anew plans a sandbox. All containers died with the old one, but those that
// have done their work must not run again.
func (s *snapshot) anew() plan {
	p := plan{sandbox: true}
	if len(s.rt.Sandboxes) > 0 {
		p.attempt = s.rt.Sandboxes[0].GetMetadata().GetAttempt() + 1
	}
	return p
}

func (s *snapshot) ephemeral(p *plan) {
	for i := range s.pod.Spec.EphemeralContainers {
		e := &s.pod.Spec.EphemeralContainers[i]
		if now := s.started(e.Name); now == nil {
			c := corev1.Container(e.EphemeralContainerCommon)
			p.start = append(p.start, starting{container: &c, ephemeral: e})
		}
	}
}

// current is the newest container of that name in this round, unless it was never
// started.
func (s *snapshot) current(name string) *runtimeapi.ContainerStatus {
	c := s.started(name)
	if c == nil || s.round.Former(c) {
		return nil
	}
	return c
}

// started is the newest container of that name unless it was never started.
func (s *snapshot) started(name string) *runtimeapi.ContainerStatus {
	c := s.rt.Latest(name)
	if c == nil || c.State == runtimeapi.ContainerState_CONTAINER_CREATED {
		return nil
	}
	return c
}

// inSandbox tells whether the container belongs to the sandbox of now.
func (s *snapshot) inSandbox(c *runtimeapi.ContainerStatus) bool {
	return s.rt.SandboxOf[c.Id] == s.rt.Sandboxes[0].Id
}

// initialized tells whether a regular container has started in this sandbox:
// then all init containers have done their work, even if they were collected.
func (s *snapshot) initialized() bool {
	for i := range s.pod.Spec.Containers {
		if c := s.current(s.pod.Spec.Containers[i].Name); c != nil && s.inSandbox(c) {
			return true
		}
	}
	return false
}

// init plans the init containers and tells whether the others may run.
func (s *snapshot) init(p *plan) bool {
	over := s.initialized()
	for i := range s.pod.Spec.InitContainers {
		c := &s.pod.Spec.InitContainers[i]
		now := s.current(c.Name)
		if now != nil && !s.inSandbox(now) {
			now = nil // its work died with its sandbox
		}
		var next bool
		if spec.IsSidecar(c) {
			next = s.sidecar(c, now, p)
		} else {
			next = over || s.initOnce(c, now, p)
		}
		if !next && !over {
			return false
		}
	}
	return true
}

// initOnce plans an init container that runs to its end, and tells whether it
// has succeeded.
func (s *snapshot) initOnce(c *corev1.Container, now *runtimeapi.ContainerStatus, p *plan) bool {
	switch {
	case now == nil:
		p.start = append(p.start, starting{container: c})
		return false
	case now.State == runtimeapi.ContainerState_CONTAINER_RUNNING:
		return false
	case now.ExitCode == 0:
		return true
	}
	if spec.ShouldRestart(s.pod, c, now.ExitCode) {
		p.start = append(p.start, starting{container: c})
	}
	return false
}

// sidecar plans an init container that stays, and tells whether it has started.
func (s *snapshot) sidecar(c *corev1.Container, now *runtimeapi.ContainerStatus, p *plan) bool {
	if now == nil || now.State != runtimeapi.ContainerState_CONTAINER_RUNNING {
		p.start = append(p.start, starting{container: c})
		return false
	}
	if s.unhealthy(c, now, p) {
		p.start = append(p.start, starting{container: c})
		return false
	}
	return !s.postStart[now.Id] && (c.StartupProbe == nil || s.probes.Result(now.Id, probe.Startup) == probe.Success)
}

func (s *snapshot) regular(c *corev1.Container, p *plan) {
	now := s.current(c.Name)
	switch {
	case now == nil:
		p.start = append(p.start, starting{container: c})
	case now.State != runtimeapi.ContainerState_CONTAINER_RUNNING:
		if spec.ShouldRestart(s.pod, c, now.ExitCode) {
			p.start = append(p.start, starting{container: c})
		}
	case now.GetAnnotations()[cri.AnnotationHash] != spec.Hash(c):
		p.kill = append(p.kill, doomed{container: now, message: "Container " + c.Name + " definition changed, will be restarted"})
		p.start = append(p.start, starting{container: c})
	case s.unhealthy(c, now, p):
		if spec.ShouldRestart(s.pod, c, 137) {
			p.start = append(p.start, starting{container: c})
		}
	default:
		s.resize(c, now, p)
	}
}

// unhealthy plans the end of a container whose probe says so.
func (s *snapshot) unhealthy(c *corev1.Container, now *runtimeapi.ContainerStatus, p *plan) bool {
	for _, k := range []struct {
		kind  probe.Kind
		name  string
		probe *corev1.Probe
	}{{probe.Startup, "startup", c.StartupProbe}, {probe.Liveness, "liveness", c.LivenessProbe}} {
		if k.probe == nil || s.probes.Result(now.Id, k.kind) != probe.Failure {
			continue
		}
		p.kill = append(p.kill, doomed{container: now, grace: k.probe.TerminationGracePeriodSeconds,
			message: "Container " + c.Name + " failed " + k.name + " probe, will be restarted"})
		return true
	}
	return false
}

// resize plans new cgroup figures in place, or a restart where the container
// asks for one.
func (s *snapshot) resize(c *corev1.Container, now *runtimeapi.ContainerStatus, p *plan) {
	have := now.GetResources().GetLinux()
	if have == nil || s.figures == nil {
		return
	}
	want := s.figures(c)
	cpu := want.CpuShares != have.CpuShares && have.CpuShares != 0 || want.CpuQuota != max(have.CpuQuota, 0)
	memory := want.MemoryLimitInBytes != max(have.MemoryLimitInBytes, 0)
	if !cpu && !memory {
		return
	}
	for _, policy := range c.ResizePolicy {
		if policy.RestartPolicy == corev1.RestartContainer &&
			(cpu && policy.ResourceName == corev1.ResourceCPU || memory && policy.ResourceName == corev1.ResourceMemory) {
			p.kill = append(p.kill, doomed{container: now, message: "Container " + c.Name + " resize requires restart"})
			p.start = append(p.start, starting{container: c})
			return
		}
	}
	p.resize = append(p.resize, resizing{id: now.Id, resources: want})
}
