package runtime

import (
	"os"
	"strings"
	"testing"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

func TestHostNamespaces(t *testing.T) {
	r := newRuntime(t)
	p := newPod(t, r, func(c *runtimeapi.PodSandboxConfig) {
		o := c.Linux.SecurityContext.NamespaceOptions
		o.Network, o.Pid, o.Ipc = runtimeapi.NamespaceMode_NODE, runtimeapi.NamespaceMode_NODE, runtimeapi.NamespaceMode_NODE
	})
	id := p.start(nil, "sleep", "1000")
	for _, ns := range []string{"net", "ipc", "uts", "pid"} {
		want, err := os.Readlink("/proc/self/ns/" + ns)
		if err != nil {
			t.Fatal(err)
		}
		if got, _, _ := p.exec(id, "readlink", "/proc/self/ns/"+ns); got != want+"\n" {
			t.Errorf("%s namespace: %q, the host's is %q", ns, got, want)
		}
	}
	p.wait(p.start(nil, "true"))
	if _, err := r.StopContainer(t.Context(), &runtimeapi.StopContainerRequest{ContainerId: id, Timeout: 10}); err != nil {
		t.Error(err)
	}
}

func TestSysctlsAndSharedMemory(t *testing.T) {
	p := newPod(t, newRuntime(t), func(c *runtimeapi.PodSandboxConfig) {
		c.Linux.Sysctls = map[string]string{"kernel.shm_rmid_forced": "1", "net.ipv4.ip_unprivileged_port_start": "0"}
	})
	if got, _ := p.run(nil, "cat /proc/sys/kernel/shm_rmid_forced /proc/sys/net/ipv4/ip_unprivileged_port_start; echo x > /dev/shm/f"); got != "1\n0\n" {
		t.Errorf("sysctls: %q", got)
	}
	if got, _ := p.run(nil, "cat /dev/shm/f; ip | grep -c lo:; stat -c %a /dev/shm"); got != "x\n1\n1777\n" {
		t.Errorf("the pod's shared memory and loopback: %q", got)
	}
}

func TestTargetPIDNamespace(t *testing.T) {
	p := newPod(t, newRuntime(t))
	target := p.start(nil, "sleep", "1000")
	debug := p.start(func(c *runtimeapi.ContainerConfig) {
		c.Linux.SecurityContext.NamespaceOptions = &runtimeapi.NamespaceOption{Pid: runtimeapi.NamespaceMode_TARGET, TargetId: target}
	}, "sleep", "2000")
	if out, _, _ := p.exec(debug, "ps"); !strings.Contains(out, "sleep 1000") || !strings.Contains(out, "sleep 2000") {
		t.Errorf("processes seen:\n%s", out)
	}
}

func TestPrivileged(t *testing.T) {
	p := newPod(t, newRuntime(t))
	got, code := p.run(func(c *runtimeapi.ContainerConfig) { c.Linux.SecurityContext.Privileged = true },
		"grep CapEff /proc/self/status | cut -f 2; wc -c < /proc/keys > /dev/null && [ -e /dev/loop-control ]; (echo 1 > /proc/sys/net/ipv4/ip_forward) && echo written")
	if !strings.HasPrefix(got, "000001ff") || !strings.HasSuffix(got, "written\n") || code != 0 {
		t.Errorf("%q, %d", got, code)
	}
}

// Bidirectional propagation: what the container mounts the host sees.
func TestPropagation(t *testing.T) {
	p := newPod(t, newRuntime(t))
	dir := t.TempDir()
	if err := bindShared(dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unmountAll(t, dir) })
	if err := os.Mkdir(dir+"/sub", 0o755); err != nil {
		t.Fatal(err)
	}
	id := p.start(func(c *runtimeapi.ContainerConfig) {
		c.Linux.SecurityContext.Privileged = true
		c.Mounts = []*runtimeapi.Mount{
			{ContainerPath: "/both", HostPath: dir, Propagation: runtimeapi.MountPropagation_PROPAGATION_BIDIRECTIONAL},
			{ContainerPath: "/down", HostPath: dir, Propagation: runtimeapi.MountPropagation_PROPAGATION_HOST_TO_CONTAINER},
			{ContainerPath: "/private", HostPath: dir},
		}
	}, "sleep", "1000")
	if err := tmpfsWithFile(dir + "/sub"); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"/both/sub": "f\n", "/down/sub": "f\n", "/private/sub": ""} {
		if got, _, _ := p.exec(id, "ls", path); got != want {
			t.Errorf("%s has %q, want %q", path, got, want)
		}
	}
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || strings.Contains(string(data), id) {
		t.Errorf("the host sees the container's mounts: %v", err)
	}
}
