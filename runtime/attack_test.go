package runtime

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"minke/runtime/helper"
)

// refused creates and starts a container and expects that it does not run.
func (p *pod) refused(what string, change func(*runtimeapi.ContainerConfig), command ...string) {
	p.t.Helper()
	id, err := p.create(change, command...)
	if err != nil {
		return
	}
	if _, err := p.r.StartContainer(p.t.Context(), &runtimeapi.StartContainerRequest{ContainerId: id}); err == nil {
		p.t.Errorf("%s: the container was started; it printed %q", what, p.log())
	}
}

const up = "/../../../../../../../../.."

// CVE-2024-21626: no descriptor of the node's that the helper had is a working
// directory.
func TestCVE202421626_WorkingDirectory(t *testing.T) {
	p := newPod(t, newRuntime(t))
	for fd := 3; fd < 24; fd++ {
		dir := fmt.Sprintf("/proc/self/fd/%d", fd)
		for _, d := range []string{dir, dir + up} {
			p.refused(d, func(c *runtimeapi.ContainerConfig) { c.WorkingDir = d }, "true")
		}
	}
	id := p.start(func(c *runtimeapi.ContainerConfig) { c.WorkingDir = "/tmp" }, "sleep", "1000")
	c, err := p.r.container(id)
	if err != nil {
		t.Fatal(err)
	}
	for fd := 3; fd < 24; fd++ {
		c.Cwd = fmt.Sprintf("/proc/self/fd/%d", fd)
		if out, err := p.r.ExecSync(t.Context(), &runtimeapi.ExecSyncRequest{ContainerId: id, Cmd: []string{"pwd"}, Timeout: 20}); err == nil {
			t.Errorf("exec in %s printed %q", c.Cwd, out.Stdout)
		}
	}
}

// CVE-2024-21626, the variants that overwrite: a command that leads through a
// descriptor of the node's would run, and so lay open, a program of the node's.
func TestCVE202421626_Command(t *testing.T) {
	p := newPod(t, newRuntime(t))
	host := filepath.Join(t.TempDir(), "program")
	static, err := helper.File() // it ends at once where it is not at home
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(fmt.Sprintf("/proc/self/fd/%d", static.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(host, data, 0o755); err != nil {
		t.Fatal(err)
	}
	id := p.start(nil, "sleep", "1000")
	for fd := 3; fd < 24; fd++ {
		program := fmt.Sprintf("/proc/self/fd/%d", fd) + up + host
		p.refused(program, nil, program)
		out, err := p.r.ExecSync(t.Context(), &runtimeapi.ExecSyncRequest{ContainerId: id, Cmd: []string{program}, Timeout: 20})
		if err == nil {
			t.Errorf("exec of %s printed %q", program, out.Stdout)
		}
	}
}

// Descriptors of the helper's must not reach a container.
func TestCVE202421626_Descriptors(t *testing.T) {
	p := newPod(t, newRuntime(t))
	id := p.start(nil, "sleep", "1000")
	if got, _, _ := p.exec(id, "ls", "/proc/1/fd"); got != "0\n1\n2\n" {
		t.Errorf("descriptors of a container's first process:\n%s", got)
	}
	for fd := 3; fd < 24; fd++ { // of a further process: its runtime's own only
		got, _, _ := p.exec(id, "readlink", fmt.Sprintf("/proc/self/fd/%d", fd))
		if got != "" && !strings.HasPrefix(got, "anon_inode:") && !strings.HasPrefix(got, "/sys/fs/cgroup/") {
			t.Errorf("descriptor %d of a further process is %s", fd, got)
		}
	}
}

// CVE-2016-9962 and kin: the pod's own first process, seen by containers that
// share the PID namespace and may trace, leads nowhere and may do nothing.
func TestCVE20169962_FirstProcess(t *testing.T) {
	p := newPod(t, newRuntime(t), func(c *runtimeapi.PodSandboxConfig) {
		c.Linux.SecurityContext.NamespaceOptions.Pid = runtimeapi.NamespaceMode_POD
	})
	id := p.start(func(c *runtimeapi.ContainerConfig) {
		c.Linux.SecurityContext.Capabilities = &runtimeapi.Capability{AddCapabilities: []string{"SYS_PTRACE"}}
	}, "sleep", "1000")
	if out, _, _ := p.exec(id, "ls", "/proc/1/root/", "/proc/1/cwd/"); strings.Contains(out, "etc") || strings.Contains(out, "proc\n") {
		t.Errorf("the node's files, seen through the pod's first process:\n%s", out)
	}
	if out, _, _ := p.exec(id, "ls", "/proc/1/fd"); out != "" {
		t.Errorf("the first process's descriptors: %q", out)
	}
	for _, want := range []string{"Uid:\t65535\t65535", "CapPrm:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1"} {
		if out, _, _ := p.exec(id, "grep", strings.SplitN(want, ":", 2)[0]+":", "/proc/1/status"); !strings.Contains(out, want) {
			t.Errorf("the first process has %q, want %q", out, want)
		}
	}
	// It ends with its helper though it has given up every right.
	if out, _, _ := p.exec(id, "ps"); !strings.Contains(out, "sleep 1000") {
		t.Errorf("processes:\n%s", out)
	}
}

// CVE-2025-52881: no link of a volume leads a mount into /proc.
func TestCVE202552881_MountIntoProc(t *testing.T) {
	p := newPod(t, newRuntime(t))
	dir := t.TempDir()
	for name, to := range map[string]string{"directory": "/proc/sys/kernel", "file": "/proc/sysrq-trigger", "self": "/proc/self/attr"} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		p.refused(to, func(c *runtimeapi.ContainerConfig) {
			c.Mounts = []*runtimeapi.Mount{{ContainerPath: "/v", HostPath: dir}, {ContainerPath: "/v/" + name, HostPath: t.TempDir()}}
		}, "true")
	}
}

// CVE-2025-52565 and CVE-2025-31133: what a volume shows as /dev/ptmx,
// /dev/console and /dev/null is neither used nor mounted elsewhere.
func TestCVE202552565_Terminal(t *testing.T) {
	p := newPod(t, newRuntime(t))
	dev := func(t *testing.T, ptmx, console string) string {
		dir := t.TempDir()
		for name, to := range map[string]string{"ptmx": ptmx, "console": console, "null": "/proc/keys"} {
			if to != "" {
				if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
					t.Fatal(err)
				}
			}
		}
		return dir
	}
	for _, dir := range []string{dev(t, "/proc/sysrq-trigger", ""), dev(t, "/proc/self/fd/3", ""), dev(t, "pts/ptmx", "/proc/sys/kernel/core_pattern")} {
		p.refused(dir, func(c *runtimeapi.ContainerConfig) {
			c.Tty = true
			c.Mounts = []*runtimeapi.Mount{{ContainerPath: "/dev", HostPath: dir}}
		}, "true")
	}
	dir := t.TempDir()
	if err := unix.Mkfifo(dir+"/ptmx", 0o666); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(dir+"/null", 0o666); err != nil {
		t.Fatal(err)
	}
	volume := func(tty bool) func(*runtimeapi.ContainerConfig) {
		return func(c *runtimeapi.ContainerConfig) {
			c.Tty = tty
			c.Mounts = []*runtimeapi.Mount{{ContainerPath: "/dev", HostPath: dir}}
		}
	}
	p.refused("a pipe as /dev/ptmx", volume(true), "true")
	if got, _ := p.run(volume(false), "echo on"); got != "on\n" { // a pipe as /dev/null holds nothing up
		t.Errorf("printed %q", got)
	}
	if got, _ := p.run(nil, "wc -c < /proc/keys; (echo x > /proc/sys/kernel/core_pattern) 2>/dev/null || echo refused"); got != "0\nrefused\n" {
		t.Errorf("masks: %q", got)
	}
}

// CVE-2022-0811 and kin: a pod sets only what its own namespaces have.
func TestCVE20220811_Sysctls(t *testing.T) {
	r := newRuntime(t)
	before, err := os.ReadFile("/proc/sys/kernel/core_pattern")
	if err != nil {
		t.Fatal(err)
	}
	run := func(name string, node bool) error {
		o := &runtimeapi.NamespaceOption{Pid: runtimeapi.NamespaceMode_CONTAINER}
		if node {
			o.Network, o.Ipc = runtimeapi.NamespaceMode_NODE, runtimeapi.NamespaceMode_NODE
		}
		_, err := r.RunPodSandbox(t.Context(), &runtimeapi.RunPodSandboxRequest{Config: &runtimeapi.PodSandboxConfig{
			Metadata: &runtimeapi.PodSandboxMetadata{Name: "a", Namespace: "b", Uid: "c"},
			Linux: &runtimeapi.LinuxPodSandboxConfig{Sysctls: map[string]string{name: strings.TrimSpace(string(before))},
				SecurityContext: &runtimeapi.LinuxSandboxSecurityContext{NamespaceOptions: o}},
		}})
		return err
	}
	for _, name := range []string{"kernel.core_pattern", "kernel/core_pattern", "vm.overcommit_memory", "fs.file-max", "net.ipv4/../../kernel/core_pattern", "net/../kernel/core_pattern"} {
		if run(name, false) == nil {
			t.Errorf("a pod has set %s", name)
		}
	}
	for _, name := range []string{"net.ipv4.ip_forward", "kernel.msgmax", "fs.mqueue.msg_max"} {
		if run(name, true) == nil {
			t.Errorf("a pod in the node's namespaces has set %s", name)
		}
	}
}

// CVE-2024-40635 and kin: a number is never a name, whatever the image's
// /etc/passwd calls root.
func TestCVE202440635_NumericUser(t *testing.T) {
	passwd := [][]string{strings.Split("1000:x:0:0::/root:/bin/sh", ":"), strings.Split("4294967296:x:0:0::/root:/bin/sh", ":"), strings.Split("app:x:7:8::/app:/bin/sh", ":")}
	for who, want := range map[string]int{"1000": 1000, "4294967296": -1, "2147483648": -1, "app": 7, "7": 7, "nobody": -1, "": 0} {
		a, err := findAccount(passwd, who)
		if got := int(a.uid); (err != nil) != (want < 0) || err == nil && got != want {
			t.Errorf("user %q is %d, %v; want %d", who, got, err, want)
		}
	}
	groups := [][]string{strings.Split("1000:x:0:", ":"), strings.Split("web:x:9:", ":")}
	for which, want := range map[string]int{"1000": 1000, "web": 9, "4294967296": -1, "none": -1} {
		got, err := findGroup(groups, which)
		if (err != nil) != (want < 0) || err == nil && int(got) != want {
			t.Errorf("group %q is %d, %v; want %d", which, got, err, want)
		}
	}
}
