package runtime

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// TestKilledBeforeStart takes up a container whose agent ended between noting
// its start and asking the helper for it: it was created, and has not ended.
func TestKilledBeforeStart(t *testing.T) {
	r := newRuntime(t)
	p := newPod(t, r)
	id, err := p.create(nil, "sleep", "1000")
	if err != nil {
		t.Fatal(err)
	}
	c, err := r.container(id)
	if err != nil {
		t.Fatal(err)
	}
	c.Launched = true
	if err := r.saveContainer(c); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if p.r, err = New(r.config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { clean(t, p.r) })
	if st := p.status(id); st.State != runtimeapi.ContainerState_CONTAINER_CREATED {
		t.Fatalf("a container that was never started: %v", st)
	}
	if _, err := p.r.StartContainer(t.Context(), &runtimeapi.StartContainerRequest{ContainerId: id}); err != nil {
		t.Errorf("it can still be started: %v", err)
	}
}

// TestKilledAgent kills an agent that starts containers, at any line, and takes
// up what it left. None that was to run for ever has ended: it would be started
// again, and its pod's restarts counted. None that cannot start is said to run:
// nobody would ever start it again.
func TestKilledAgent(t *testing.T) {
	if dir := os.Getenv("RUNTIME_AGENT"); dir != "" {
		startAlways(t, dir, os.Getenv("RUNTIME_COMMAND"))
	}
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	for _, c := range []struct {
		name, command string
		right         func(*pod, string) bool
	}{
		{"runs for ever", "sleep 1000", func(p *pod, id string) bool {
			return p.status(id).State != runtimeapi.ContainerState_CONTAINER_EXITED
		}},
		{"cannot start", "/no/such/program", func(p *pod, id string) bool {
			st := p.status(id)
			if st.State == runtimeapi.ContainerState_CONTAINER_CREATED {
				return true
			}
			if st.State == runtimeapi.ContainerState_CONTAINER_RUNNING { // its set-up goes on
				st = p.wait(id)
			}
			return st.ExitCode == 128 && st.Reason == reasonStartError && st.Message != ""
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			chance := rand.New(rand.NewPCG(seed, 0))
			for round := range 12 {
				r := newRuntime(t) // with the image
				dir := filepath.Dir(r.config.Root)
				if err := r.Close(); err != nil {
					t.Fatal(err)
				}
				killAgent(t, dir, c.command, 1+chance.IntN(8), time.Duration(chance.IntN(4000))*time.Microsecond)
				p := &pod{t: t, r: openRuntime(t, dir)}
				all, err := p.r.ListContainers(t.Context(), &runtimeapi.ListContainersRequest{})
				if err != nil {
					t.Fatal(err)
				}
				for _, container := range all.Containers {
					if !c.right(p, container.Id) {
						t.Errorf("round %d: one that %s: %v", round, c.name, p.status(container.Id))
					}
				}
				clean(t, p.r)
			}
		})
	}
}

// killAgent runs an agent in dir and kills it some time after its nth start.
func killAgent(t *testing.T, dir, command string, n int, later time.Duration) {
	t.Helper()
	agent := exec.Command("/proc/self/exe", "-test.run=^TestKilledAgent$", "-test.count=1")
	// Nobody else removes the directories that its test has made.
	agent.Env = append(os.Environ(), "RUNTIME_AGENT="+dir, "RUNTIME_COMMAND="+command, "TMPDIR="+dir)
	out, err := agent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	for lines := bufio.NewScanner(out); n > 0 && lines.Scan(); {
		if said.WriteString(lines.Text() + "\n"); strings.HasPrefix(lines.Text(), "started") {
			n--
		}
	}
	if n > 0 {
		t.Fatalf("the agent ended by itself: %s", said.String())
	}
	time.Sleep(later) // the moment is the test's whole point
	if err := agent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = agent.Wait()
}

// startAlways is the agent: it starts pods until it is killed.
func startAlways(t *testing.T, dir, command string) {
	r := openRuntime(t, dir)
	for n := range 1000 {
		p := newPod(t, r, func(c *runtimeapi.PodSandboxConfig) {
			c.Metadata.Name, c.Metadata.Uid = fmt.Sprint("p", n), fmt.Sprint("u", n)
			c.LogDirectory = filepath.Join(dir, fmt.Sprint("log", n))
		})
		for range 2 {
			id, err := p.create(nil, strings.Fields(command)...)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = r.StartContainer(t.Context(), &runtimeapi.StartContainerRequest{ContainerId: id}) // it may be one that cannot
			fmt.Println("started")
		}
	}
	t.Fatal("nobody has killed the agent")
}
