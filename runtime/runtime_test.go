package runtime

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// newRuntime makes a Runtime of its own with the toolbox in it, and removes
// every pod at the end.
func newRuntime(t *testing.T) *Runtime {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	dir := t.TempDir()
	r := openRuntime(t, dir)
	if err := r.ImportToolbox(t.Context()); err != nil {
		t.Skip(err)
	}
	return r
}

func openRuntime(t *testing.T, dir string) *Runtime {
	t.Helper()
	r, err := New(Config{Root: filepath.Join(dir, "root"), State: filepath.Join(dir, "state"), CgroupRoot: "/minke-test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { clean(t, r) })
	return r
}

func clean(t *testing.T, r *Runtime) {
	if r.ctx.Err() != nil {
		return // closed by the test, which has opened another
	}
	removeAll(t, r)
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

// removeAll removes every pod.
func removeAll(t *testing.T, r *Runtime) {
	ctx := context.Background()
	list, err := r.ListPodSandbox(ctx, &runtimeapi.ListPodSandboxRequest{})
	if err != nil {
		t.Error(err)
	}
	for _, s := range list.GetItems() {
		if _, err := r.RemovePodSandbox(ctx, &runtimeapi.RemovePodSandboxRequest{PodSandboxId: s.Id}); err != nil {
			t.Error(err)
		}
	}
}

// pod is a sandbox under test.
type pod struct {
	t      *testing.T
	r      *Runtime
	config *runtimeapi.PodSandboxConfig
	id     string
}

func newPod(t *testing.T, r *Runtime, change ...func(*runtimeapi.PodSandboxConfig)) *pod {
	t.Helper()
	p := &pod{t: t, r: r, config: &runtimeapi.PodSandboxConfig{
		Metadata: &runtimeapi.PodSandboxMetadata{Name: "a", Namespace: "b", Uid: "c"}, Hostname: "a", LogDirectory: t.TempDir(),
		Linux: &runtimeapi.LinuxPodSandboxConfig{SecurityContext: &runtimeapi.LinuxSandboxSecurityContext{
			NamespaceOptions: &runtimeapi.NamespaceOption{Pid: runtimeapi.NamespaceMode_CONTAINER},
		}},
	}}
	for _, f := range change {
		f(p.config)
	}
	s, err := r.RunPodSandbox(t.Context(), &runtimeapi.RunPodSandboxRequest{Config: p.config})
	if err != nil {
		t.Fatal(err)
	}
	p.id = s.PodSandboxId
	return p
}

func (p *pod) create(change func(*runtimeapi.ContainerConfig), command ...string) (string, error) {
	c := &runtimeapi.ContainerConfig{
		Metadata: &runtimeapi.ContainerMetadata{Name: "x"}, Image: &runtimeapi.ImageSpec{Image: "toolbox"}, Command: command, LogPath: "x/0.log",
		Linux: &runtimeapi.LinuxContainerConfig{SecurityContext: &runtimeapi.LinuxContainerSecurityContext{
			NamespaceOptions: p.config.GetLinux().GetSecurityContext().GetNamespaceOptions(),
		}},
	}
	if change != nil {
		change(c)
	}
	created, err := p.r.CreateContainer(p.t.Context(), &runtimeapi.CreateContainerRequest{PodSandboxId: p.id, Config: c, SandboxConfig: p.config})
	return created.GetContainerId(), err
}

func (p *pod) start(change func(*runtimeapi.ContainerConfig), command ...string) string {
	p.t.Helper()
	id, err := p.create(change, command...)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.r.StartContainer(p.t.Context(), &runtimeapi.StartContainerRequest{ContainerId: id}); err != nil {
		p.t.Fatal(err)
	}
	return id
}

func (p *pod) wait(id string) *runtimeapi.ContainerStatus {
	p.t.Helper()
	c, err := p.r.container(id)
	if err != nil {
		p.t.Fatal(err)
	}
	<-c.exited
	return p.status(id)
}

func (p *pod) status(id string) *runtimeapi.ContainerStatus {
	p.t.Helper()
	st, err := p.r.ContainerStatus(p.t.Context(), &runtimeapi.ContainerStatusRequest{ContainerId: id})
	if err != nil {
		p.t.Fatal(err)
	}
	return st.Status
}

// run returns what a command printed, as the log has it.
func (p *pod) run(change func(*runtimeapi.ContainerConfig), script string) (string, int32) {
	p.t.Helper()
	id := p.start(change, "sh", "-c", script)
	st := p.wait(id)
	text := p.log()
	os.Remove(filepath.Join(p.config.LogDirectory, "x/0.log"))
	return text, st.ExitCode
}

func (p *pod) log() string {
	p.t.Helper()
	data, err := os.ReadFile(filepath.Join(p.config.LogDirectory, "x/0.log"))
	if err != nil {
		p.t.Fatal(err)
	}
	var b strings.Builder
	for line := range strings.Lines(string(data)) {
		f := strings.SplitN(line, " ", 4)
		text := f[3]
		if f[2] == "P" {
			text = strings.TrimSuffix(text, "\n")
		}
		b.WriteString(text)
	}
	return b.String()
}

func (p *pod) exec(id string, command ...string) (string, string, int32) {
	p.t.Helper()
	out, err := p.r.ExecSync(p.t.Context(), &runtimeapi.ExecSyncRequest{ContainerId: id, Cmd: command, Timeout: 20})
	if err != nil {
		p.t.Fatal(err)
	}
	return string(out.Stdout), string(out.Stderr), out.ExitCode
}

func TestLogsAndExitCodes(t *testing.T) {
	p := newPod(t, newRuntime(t))
	for _, tc := range []struct {
		script, want string
		code         int32
	}{
		{"echo hello; echo again", "hello\nagain\n", 0},
		{"echo -n partial; exit 7", "partial", 7},
		{"seq 1 3000 | tail -n 1", "3000\n", 0},
		{"head -c 40000 /dev/zero | tr '\\0' x | wc -c", "40000\n", 0},
		{"head -c 40000 /dev/zero | tr '\\0' x", strings.Repeat("x", 40000), 0},
		{"kill -9 $$; echo no", "", 137},
		{"hostname; pwd; id -u", "a\n/\n0\n", 0},
	} {
		if got, code := p.run(nil, tc.script); strings.TrimSuffix(got, "") != tc.want && tc.code != 137 || code != tc.code && tc.code != 137 {
			t.Errorf("%s: printed %.100q (%d bytes) and exited with %d, want %.100q and %d", tc.script, got, len(got), code, tc.want, tc.code)
		}
	}
}

func TestStartErrors(t *testing.T) {
	p := newPod(t, newRuntime(t))
	for command, want := range map[string]string{
		"nothing-such": `exec: "nothing-such": executable file not found in $PATH`,
		"/no/such":     `exec: "/no/such": stat /no/such: no such file or directory`,
		"/etc/passwd":  `exec: "/etc/passwd": permission denied`,
	} {
		id, err := p.create(nil, command)
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.r.StartContainer(t.Context(), &runtimeapi.StartContainerRequest{ContainerId: id})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %s", command, err, want)
		}
		if st := p.status(id); st.Reason != reasonStartError || st.ExitCode != 128 || st.State != runtimeapi.ContainerState_CONTAINER_EXITED {
			t.Errorf("%s: status %v", command, st)
		}
	}
}

func TestExec(t *testing.T) {
	p := newPod(t, newRuntime(t))
	id := p.start(nil, "sleep", "1000")
	if out, errs, code := p.exec(id, "sh", "-c", "echo out; echo err >&2; exit 3"); out != "out\n" || errs != "err\n" || code != 3 {
		t.Errorf("exec: %q %q %d", out, errs, code)
	}
	if out, _, _ := p.exec(id, "ps"); !strings.Contains(out, "sleep 1000") || strings.Contains(out, "minke-pod") {
		t.Errorf("exec sees processes:\n%s", out)
	}
	_, err := p.r.ExecSync(t.Context(), &runtimeapi.ExecSyncRequest{ContainerId: id, Cmd: []string{"sleep", "100"}, Timeout: 1})
	if err == nil || !strings.Contains(err.Error(), "DeadlineExceeded") {
		t.Errorf("timeout: %v", err)
	}
	_, err = p.r.ExecSync(t.Context(), &runtimeapi.ExecSyncRequest{ContainerId: id, Cmd: []string{"nope"}})
	if err == nil || !strings.Contains(err.Error(), `exec: "nope": executable file not found in $PATH`) {
		t.Errorf("missing program: %v", err)
	}
	var out strings.Builder
	if err := p.r.ExecStream(t.Context(), id, []string{"cat"}, strings.NewReader("through"), &out, nil, false, nil); err != nil || out.String() != "through" {
		t.Errorf("stdin: %q, %v", out.String(), err)
	}
	out.Reset()
	if err := p.r.ExecStream(t.Context(), id, []string{"tty"}, nil, &out, nil, true, nil); err != nil || out.String() != "/dev/pts/0\r\n" {
		t.Errorf("terminal: %q, %v", out.String(), err)
	}
}

// The agent ends without a word and comes again: nothing is lost.
func TestReadoption(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	dir := t.TempDir()
	r := openRuntime(t, dir)
	if err := r.ImportToolbox(t.Context()); err != nil {
		t.Skip(err)
	}
	p := newPod(t, r)
	fifo := filepath.Join(t.TempDir(), "go")
	if err := os.Mkdir(fifo, 0o755); err != nil {
		t.Fatal(err)
	}
	share := func(c *runtimeapi.ContainerConfig) {
		c.Mounts = []*runtimeapi.Mount{{ContainerPath: "/share", HostPath: fifo}}
	}
	stays := p.start(nil, "sleep", "1000")
	goes := p.start(share, "sh", "-c", "echo before; while [ ! -f /share/now ]; do sleep 0.01; done; echo after; exit 42")
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(fifo, "now"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	p.r = openRuntime(t, dir)
	if st := p.wait(goes); st.ExitCode != 42 || st.Reason != reasonError || st.StartedAt == 0 {
		t.Errorf("after the agent's return: %v", st)
	}
	if got := p.log(); got != "before\nafter\n" {
		t.Errorf("log: %q", got)
	}
	if st := p.status(stays); st.State != runtimeapi.ContainerState_CONTAINER_RUNNING {
		t.Errorf("after the agent's return: %v", st)
	}
	if out, _, _ := p.exec(stays, "echo", "hi"); out != "hi\n" {
		t.Errorf("exec after the agent's return: %q", out)
	}
}

func TestPortForward(t *testing.T) {
	p := newPod(t, newRuntime(t))
	id := p.start(nil, "httpd")
	for {
		if _, _, code := p.exec(id, "nc", "-z", "127.0.0.1", "8080"); code == 0 {
			break
		}
	}
	s, err := p.r.sandbox(p.id)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := dialPod(t.Context(), s.shim, 8080)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	req, err := http.NewRequest(http.MethodGet, "http://pod/hostname", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := req.Write(conn); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1000)
	n, err := conn.Read(b)
	if err != nil || !strings.Contains(string(b[:n]), "\r\n\r\na") {
		t.Errorf("answer %q, %v", b[:n], err)
	}
	if _, err := dialPod(t.Context(), s.shim, 8081); !errors.Is(err, os.ErrInvalid) && err == nil {
		t.Error("a port that nobody listens on was connected")
	}
}
