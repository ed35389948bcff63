package runtime

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

func TestSecurityContext(t *testing.T) {
	p := newPod(t, newRuntime(t))
	sc := func(f func(*runtimeapi.LinuxContainerSecurityContext)) func(*runtimeapi.ContainerConfig) {
		return func(c *runtimeapi.ContainerConfig) { f(c.Linux.SecurityContext) }
	}
	number := func(n int64) *runtimeapi.Int64Value { return &runtimeapi.Int64Value{Value: n} }
	for name, tc := range map[string]struct {
		change       func(*runtimeapi.ContainerConfig)
		script, want string
	}{
		"user": {sc(func(s *runtimeapi.LinuxContainerSecurityContext) {
			s.RunAsUser, s.RunAsGroup, s.SupplementalGroups = number(1000), number(2000), []int64{3000}
		}), "id", "uid=1000 gid=2000 groups=2000,3000\n"},
		"default capabilities": {nil, "grep CapEff /proc/self/status | cut -f 2", "00000000a80425fb\n"},
		"no capabilities": {sc(func(s *runtimeapi.LinuxContainerSecurityContext) {
			s.Capabilities = &runtimeapi.Capability{DropCapabilities: []string{"ALL"}}
		}), "grep CapEff /proc/self/status | cut -f 2", "0000000000000000\n"},
		"no new privileges": {sc(func(s *runtimeapi.LinuxContainerSecurityContext) { s.NoNewPrivs = true }),
			"grep NoNewPrivs /proc/self/status | cut -f 2", "1\n"},
		"seccomp": {sc(func(s *runtimeapi.LinuxContainerSecurityContext) {
			s.Seccomp = &runtimeapi.SecurityProfile{ProfileType: runtimeapi.SecurityProfile_RuntimeDefault}
		}), "grep Seccomp: /proc/self/status | cut -f 2", "2\n"},
		"seccomp, no new privileges": {sc(func(s *runtimeapi.LinuxContainerSecurityContext) {
			s.NoNewPrivs, s.RunAsUser = true, number(1000)
			s.Seccomp = &runtimeapi.SecurityProfile{ProfileType: runtimeapi.SecurityProfile_RuntimeDefault}
		}), "grep Seccomp: /proc/self/status | cut -f 2", "2\n"},
		"read-only root": {sc(func(s *runtimeapi.LinuxContainerSecurityContext) { s.ReadonlyRootfs = true }),
			"touch /x 2>/dev/null || echo refused", "refused\n"},
		"masked file":      {nil, "wc -c < /proc/keys", "0\n"},
		"read-only sysctl": {nil, "(echo 1 > /proc/sys/kernel/hostname) 2>/dev/null; hostname", "a\n"},
		"one namespace":    {nil, "ps | wc -l", "2\n"},
		"cgroup":           {nil, "ls /sys/fs/cgroup/memory 2>/dev/null | grep -c usage_in_bytes || echo 1", "4\n"},
	} {
		if got, code := p.run(tc.change, tc.script); got != tc.want && name != "cgroup" {
			t.Errorf("%s: printed %q and exited with %d, want %q", name, got, code, tc.want)
		}
	}
}

// GHSA-rgh6-rfwx-v388: a log that is a link is not written through.
func TestLinkedLogIsRefused(t *testing.T) {
	p := newPod(t, newRuntime(t))
	victim := filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(victim, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(p.config.LogDirectory, "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, filepath.Join(p.config.LogDirectory, "x/0.log")); err != nil {
		t.Fatal(err)
	}
	id, err := p.create(nil, "echo", "theirs")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.r.StartContainer(t.Context(), &runtimeapi.StartContainerRequest{ContainerId: id}); err == nil {
		t.Error("a container was started with a link as its log")
	}
	if data, err := os.ReadFile(victim); err != nil || string(data) != "mine" {
		t.Errorf("the link's target is %q, %v", data, err)
	}
}

func TestOutOfMemory(t *testing.T) {
	p := newPod(t, newRuntime(t))
	id := p.start(func(c *runtimeapi.ContainerConfig) {
		c.Linux.Resources = &runtimeapi.LinuxContainerResources{MemoryLimitInBytes: 32 << 20}
	}, "stress", "--vm-bytes", "200M", "--timeout", "60s")
	if st := p.wait(id); st.Reason != reasonOOMKilled || st.ExitCode != 137 {
		t.Errorf("status %v", st)
	}
}

func TestSharedPIDNamespace(t *testing.T) {
	p := newPod(t, newRuntime(t), func(c *runtimeapi.PodSandboxConfig) {
		c.Linux.SecurityContext.NamespaceOptions.Pid = runtimeapi.NamespaceMode_POD
	})
	a := p.start(nil, "sleep", "1000")
	b := p.start(nil, "sleep", "2000")
	if out, _, _ := p.exec(b, "ps"); !strings.Contains(out, "sleep 1000") || !strings.Contains(out, "sleep 2000") {
		t.Errorf("processes seen:\n%s", out)
	}
	if _, err := p.r.StopContainer(t.Context(), &runtimeapi.StopContainerRequest{ContainerId: a, Timeout: 10}); err != nil {
		t.Fatal(err)
	}
	if st := p.status(b); st.State != runtimeapi.ContainerState_CONTAINER_RUNNING {
		t.Errorf("the other container: %v", st)
	}
}

func TestMountsAndStats(t *testing.T) {
	p := newPod(t, newRuntime(t))
	dir := t.TempDir()
	mount := func(ro bool) func(*runtimeapi.ContainerConfig) {
		return func(c *runtimeapi.ContainerConfig) {
			c.Mounts = []*runtimeapi.Mount{{ContainerPath: "/data/deep", HostPath: dir, Readonly: ro}}
		}
	}
	if got, _ := p.run(mount(false), "echo x > /data/deep/f; cat /data/deep/f"); got != "x\n" {
		t.Errorf("read-write mount: %q", got)
	}
	if got, _ := p.run(mount(true), "echo y 2>/dev/null > /data/deep/f || echo refused; cat /data/deep/f"); !strings.HasSuffix(got, "refused\nx\n") {
		t.Errorf("read-only mount: %q", got)
	}
	id := p.start(nil, "sleep", "1000")
	st, err := p.r.PodSandboxStats(t.Context(), &runtimeapi.PodSandboxStatsRequest{PodSandboxId: p.id})
	if err != nil || len(st.Stats.Linux.Containers) != 1 || st.Stats.Linux.Memory.WorkingSetBytes.Value == 0 {
		t.Errorf("stats %v, %v", st, err)
	}
	if _, err := p.r.UpdateContainerResources(t.Context(), &runtimeapi.UpdateContainerResourcesRequest{
		ContainerId: id, Linux: &runtimeapi.LinuxContainerResources{MemoryLimitInBytes: 64 << 20, CpuShares: 512},
	}); err != nil {
		t.Error(err)
	}
	if got := p.status(id).Resources.Linux; got.MemoryLimitInBytes != 64<<20 || got.CpuShares != 512 {
		t.Errorf("resources %v", got)
	}
}

func TestEvents(t *testing.T) {
	r := newRuntime(t)
	events := r.Events(t.Context(), 100)
	p := newPod(t, r)
	p.wait(p.start(nil, "true"))
	want := []runtimeapi.ContainerEventType{0, 1, 0, 1, 2}
	seen := map[runtimeapi.ContainerEventType]int{}
	for range want {
		select {
		case e := <-events:
			seen[e.ContainerEventType]++
		case <-time.After(10 * time.Second):
			t.Fatal("an event did not come")
		}
	}
	if seen[0] != 2 || seen[1] != 2 || seen[2] != 1 {
		t.Errorf("events by kind: %v", seen)
	}
}
