package runtime

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"testing"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"minke/runtime/image/build"
)

// newRuntime makes a Runtime of its own, with a small image, and removes every
// pod at the end.
func newRuntime(t *testing.T) *Runtime {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	dir := t.TempDir()
	r, err := New(Config{Root: filepath.Join(dir, "root"), State: filepath.Join(dir, "state"), CgroupRoot: "/minke-test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { removeAll(t, r) })
	return r
}

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
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

func importTiny(t *testing.T, r *Runtime) {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "tiny")
	if out, err := exec.Command("gcc", "-static", "-Os", "-o", bin, "../cmd/toolbox/tiny/tiny.c").CombinedOutput(); err != nil {
		t.Skipf("gcc: %v: %s", err, out)
	}
	body, err := os.ReadFile(bin)
	if err != nil {
		t.Fatal(err)
	}
	img := build.Image{Names: []string{"docker.io/library/tiny:latest"}, Architecture: goruntime.GOARCH, Layers: [][]build.Entry{{
		{Name: "bin", Dir: true, Mode: 0o755}, {Name: "etc", Dir: true, Mode: 0o755},
		{Name: "bin/sleep", Mode: 0o755, Body: body}, {Name: "bin/true", HardLink: "bin/sleep"}, {Name: "bin/false", HardLink: "bin/sleep"},
	}}}
	var b bytes.Buffer
	if err := img.Write(&b); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Import(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
}

func TestTiny(t *testing.T) {
	r := newRuntime(t)
	importTiny(t, r)
	ctx := t.Context()
	pod := &runtimeapi.PodSandboxConfig{Metadata: &runtimeapi.PodSandboxMetadata{Name: "a", Namespace: "b", Uid: "c"}, Hostname: "a", LogDirectory: t.TempDir()}
	for range 3 {
		start := time.Now()
		s, err := r.RunPodSandbox(ctx, &runtimeapi.RunPodSandboxRequest{Config: pod})
		if err != nil {
			t.Fatal(err)
		}
		t.Log("sandbox", time.Since(start))
		c, err := r.CreateContainer(ctx, &runtimeapi.CreateContainerRequest{PodSandboxId: s.PodSandboxId, SandboxConfig: pod, Config: &runtimeapi.ContainerConfig{
			Metadata: &runtimeapi.ContainerMetadata{Name: "x"}, Image: &runtimeapi.ImageSpec{Image: "tiny"}, Command: []string{"sleep", "1000"}, LogPath: "x.log",
		}})
		if err != nil {
			t.Fatal(err)
		}
		t.Log("create", time.Since(start))
		if _, err := r.StartContainer(ctx, &runtimeapi.StartContainerRequest{ContainerId: c.ContainerId}); err != nil {
			t.Fatal(err)
		}
		t.Log("start", time.Since(start))
		start = time.Now()
		if _, err := r.StopContainer(ctx, &runtimeapi.StopContainerRequest{ContainerId: c.ContainerId, Timeout: 5}); err != nil {
			t.Fatal(err)
		}
		st, err := r.ContainerStatus(ctx, &runtimeapi.ContainerStatusRequest{ContainerId: c.ContainerId})
		t.Log("stop", time.Since(start), st, err)
		start = time.Now()
		if _, err := r.RemovePodSandbox(ctx, &runtimeapi.RemovePodSandboxRequest{PodSandboxId: s.PodSandboxId}); err != nil {
			t.Fatal(err)
		}
		t.Log("remove", time.Since(start))
	}
}
