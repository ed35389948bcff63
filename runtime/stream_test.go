package runtime

import (
	"bytes"
	"context"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// A CRI client's session, by the URL that Exec hands out.
func TestExecURL(t *testing.T) {
	p := newPod(t, newRuntime(t))
	id := p.start(nil, "sleep", "1000")
	resp, err := p.r.Exec(t.Context(), &runtimeapi.ExecRequest{ContainerId: id, Cmd: []string{"sh", "-c", "cat; echo e >&2; exit 5"}, Stdin: true, Stdout: true, Stderr: true})
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(resp.Url)
	if err != nil {
		t.Fatal(err)
	}
	e, err := remotecommand.NewSPDYExecutor(&rest.Config{}, "POST", u)
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	err = e.StreamWithContext(t.Context(), remotecommand.StreamOptions{Stdin: strings.NewReader("in"), Stdout: &stdout, Stderr: &stderr})
	if err == nil || !strings.Contains(err.Error(), "exit code 5") || stdout.String() != "in" || stderr.String() != "e\n" {
		t.Errorf("%q %q %v", stdout.String(), stderr.String(), err)
	}
}

func TestAttach(t *testing.T) {
	p := newPod(t, newRuntime(t))
	id := p.start(func(c *runtimeapi.ContainerConfig) { c.Stdin, c.StdinOnce = true, true }, "sh", "-c", "cat; echo done; exit 4")
	var out bytes.Buffer
	if err := p.r.AttachStream(t.Context(), id, strings.NewReader("typed\n"), &out, io.Discard, false, nil); err != nil {
		t.Fatal(err)
	}
	if st := p.wait(id); st.ExitCode != 4 || out.String() != "typed\ndone\n" || p.log() != "typed\ndone\n" {
		t.Errorf("attached saw %q, the log has %q, %v", out.String(), p.log(), st)
	}
}

func TestTerminal(t *testing.T) {
	p := newPod(t, newRuntime(t))
	id := p.start(func(c *runtimeapi.ContainerConfig) { c.Tty, c.Stdin = true, true }, "sh", "-c", "tty; exit 6")
	if st := p.wait(id); st.ExitCode != 6 || !strings.HasPrefix(p.log(), "/dev/pts/0") {
		t.Errorf("log %q, %v", p.log(), st)
	}
}

func TestLogRotation(t *testing.T) {
	p := newPod(t, newRuntime(t))
	id := p.start(nil, "sleep", "1000")
	log := filepath.Join(p.config.LogDirectory, "x/0.log")
	p.exec(id, "sh", "-c", "echo old > /proc/1/fd/1")
	for { // the helper reads the pipe when it comes to it
		if info, err := os.Stat(log); err == nil && info.Size() > 0 {
			break
		}
	}
	if err := os.Rename(log, log+".1"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.r.ReopenContainerLog(t.Context(), &runtimeapi.ReopenContainerLogRequest{ContainerId: id}); err != nil {
		t.Fatal(err)
	}
	p.exec(id, "sh", "-c", "echo new > /proc/1/fd/1")
	if _, err := p.r.StopContainer(t.Context(), &runtimeapi.StopContainerRequest{ContainerId: id}); err != nil {
		t.Fatal(err)
	}
	if got := p.log(); got != "new\n" {
		t.Errorf("the new log has %q", got)
	}
}

// A helper that is killed takes its pod with it, and that is told.
func TestHelperKilled(t *testing.T) {
	p := newPod(t, newRuntime(t))
	id := p.start(nil, "sleep", "1000")
	s, err := p.r.sandbox(p.id)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(s.ShimPID, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if st := p.wait(id); st.ExitCode != 137 || st.Reason != reasonLost {
		t.Errorf("container: %v", st)
	}
	got, err := p.r.PodSandboxStatus(context.Background(), &runtimeapi.PodSandboxStatusRequest{PodSandboxId: p.id})
	if err != nil || got.Status.State != runtimeapi.PodSandboxState_SANDBOX_NOTREADY {
		t.Errorf("sandbox: %v, %v", got, err)
	}
}

// What a crash leaves before the record is written, or after it is removed,
// goes at the next start.
func TestLeftoversGo(t *testing.T) {
	r := newRuntime(t)
	s := newPod(t, r)
	left := r.sandboxDir(strings.Repeat("a", 64))
	for _, dir := range []string{left, r.containerDir("b"), r.writableDir("b")} {
		if err := unix.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := New(r.config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { clean(t, again) })
	for _, dir := range []string{left, r.containerDir("b"), r.writableDir("b")} {
		if unix.Access(dir, unix.F_OK) == nil {
			t.Errorf("%s is still there", dir)
		}
	}
	if _, err := again.sandbox(s.id); err != nil {
		t.Error(err)
	}
}

// A command whose caller went away before it was running is ended as well.
func TestAbandonedExec(t *testing.T) {
	p := newPod(t, newRuntime(t))
	id := p.start(nil, "sleep", "1000")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 5 {
		if err := p.r.ExecStream(ctx, id, []string{"sleep", "5000"}, nil, nil, nil, false, nil); err == nil {
			t.Fatal("a command without a caller has run")
		}
	}
	for {
		if out, _, _ := p.exec(id, "ps"); !strings.Contains(out, "sleep 5000") {
			return // else the test ends by its own time limit
		}
	}
}
