package runtime

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// TestKilledAnywhere kills an agent before one of the system calls by which it
// changes something, while it makes a pod with two containers and removes it. So
// it does with a second agent, which removes what it finds before it does the same.
// What the third finds and removes is all there is: no mount stays, no group, no
// process, no file, and nothing of the network.
//
// KILL_EVERYWHERE=1 kills the first agent before each of its calls, not before a few.
func TestKilledAnywhere(t *testing.T) {
	if dir := os.Getenv("RUNTIME_LIFE"); dir != "" {
		liveOnce(t, dir)
		return
	}
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	// What an agent leaves is ours, to see that it ends.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) })
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	chance := rand.New(rand.NewPCG(seed, 0))
	var later sync.WaitGroup
	for name, helpers := range map[string]func(){
		"its helpers live on":  func() {},
		"its helpers end, too": func() { signalChildren(t, unix.SIGKILL) },
		"its helpers are slow": func() {
			signalChildren(t, unix.SIGSTOP)
			later.Go(func() {
				time.Sleep(20 * time.Millisecond) // while the next agent comes
				signalChildren(t, unix.SIGCONT)
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			killed := "the beginning"
			n := 0
			for ; killed != ""; n++ {
				if os.Getenv("KILL_EVERYWHERE") == "" {
					n += chance.IntN(60)
				}
				r := newRuntime(t) // with the image
				dir := filepath.Dir(r.config.Root)
				if err := r.Close(); err != nil {
					t.Fatal(err)
				}
				killed = killBefore(t, n, dir)
				helpers()
				then := killBefore(t, chance.IntN(200), dir)
				helpers()
				clean(t, openLife(t, dir))
				later.Wait()
				reap(t)
				if left := leftovers(t, dir); len(left) > 0 {
					t.Errorf("killed before %s (call %d), then before %s: it leaves\n%s", killed, n, then, strings.Join(left, "\n"))
				}
				removeGroup(t, dir)
			}
			if n < 100 {
				t.Errorf("the agent's life is only %d calls long", n)
			}
		})
	}
}

// signalChildren sends a signal to all children of this process.
func signalChildren(t *testing.T, sig unix.Signal) {
	lists, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Error(err)
	}
	for _, list := range lists {
		data, err := os.ReadFile(list)
		if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, unix.ESRCH) {
			t.Error(err)
		}
		for _, child := range strings.Fields(string(data)) {
			pid, err := strconv.Atoi(child)
			if err != nil {
				t.Error(err)
				continue
			}
			if err := unix.Kill(pid, sig); err != nil && err != unix.ESRCH {
				t.Error(err)
			}
		}
	}
}

// fileNetwork keeps a file for each pod that is connected.
type fileNetwork struct{ dir string }

func (n fileNetwork) Setup(_ context.Context, p PodNetwork) ([]netip.Addr, error) {
	return []netip.Addr{netip.MustParseAddr("192.0.2.7")}, os.WriteFile(filepath.Join(n.dir, p.SandboxID), nil, 0o600)
}

func (n fileNetwork) Teardown(_ context.Context, p PodNetwork) error {
	if err := os.Remove(filepath.Join(n.dir, p.SandboxID)); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func (fileNetwork) Ready() error { return nil }

func lifeGroup(dir string) string { return "/minke-test-" + strings.ReplaceAll(dir[1:], "/", "-") }

// openLife is the agent that is killed, and the one after it.
func openLife(t *testing.T, dir string) *Runtime {
	t.Helper()
	network := filepath.Join(dir, "network")
	if err := os.MkdirAll(network, 0o700); err != nil {
		t.Fatal(err)
	}
	r, err := New(Config{Root: filepath.Join(dir, "root"), State: filepath.Join(dir, "state"), CgroupRoot: lifeGroup(dir), Network: fileNetwork{network}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { clean(t, r) })
	return r
}

// The two writes that tell the tracer where what counts begins and ends.
const beginning, ending = "the life begins\n", "the life has ended\n"

// liveOnce is the agent: what it finds goes, and a pod comes and goes.
func liveOnce(t *testing.T, dir string) {
	os.Stdout.WriteString(beginning)
	r := openLife(t, dir)
	removeAll(t, r)
	p := newPod(t, r, func(c *runtimeapi.PodSandboxConfig) {
		c.Linux.SecurityContext.NamespaceOptions.Pid = runtimeapi.NamespaceMode_POD
	})
	p.start(nil, "sleep", "1000")
	p.wait(p.start(nil, "true"))
	if _, err := r.RemovePodSandbox(t.Context(), &runtimeapi.RemovePodSandboxRequest{PodSandboxId: p.id}); err != nil {
		t.Fatal(err)
	}
	os.Stdout.WriteString(ending)
}

// changing are the system calls that change something outside of the process, and
// their names.
var changing = map[uint64]string{
	unix.SYS_MKDIRAT: "mkdirat", unix.SYS_OPENAT: "openat", unix.SYS_WRITE: "write", unix.SYS_RENAMEAT: "renameat", unix.SYS_UNLINKAT: "unlinkat",
	unix.SYS_SOCKET: "socket", unix.SYS_BIND: "bind", unix.SYS_LISTEN: "listen", unix.SYS_CONNECT: "connect", unix.SYS_SENDMSG: "sendmsg",
	unix.SYS_SOCKETPAIR: "socketpair", unix.SYS_CLONE: "clone", unix.SYS_UMOUNT2: "umount2", unix.SYS_MEMFD_CREATE: "memfd_create",
	unix.SYS_KILL: "kill",
}

// killBefore runs an agent in dir and kills it before its nth changing call. It
// returns the call's name, or "" if the agent's life had fewer.
func killBefore(t *testing.T, n int, dir string) (call string) {
	t.Helper()
	goruntime.LockOSThread() // which is the tracer
	defer goruntime.UnlockOSThread()
	agent := exec.Command("/proc/self/exe", "-test.run=^TestKilledAnywhere$", "-test.count=1")
	// What the agent's own test would clean up lies in dir, too.
	agent.Env = append(os.Environ(), "RUNTIME_LIFE="+dir, "TMPDIR="+dir)
	agent.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	pid := agent.Process.Pid
	var status unix.WaitStatus
	if _, err := unix.Wait4(pid, &status, unix.WALL, nil); err != nil {
		t.Fatal(err)
	}
	if err := unix.PtraceSetOptions(pid, unix.PTRACE_O_TRACESYSGOOD|unix.PTRACE_O_TRACECLONE|unix.PTRACE_O_EXITKILL); err != nil {
		t.Skip("processes cannot be traced here:", err)
	}
	marks, seen := 0, 0
	for stopped := pid; ; {
		// One that was killed meanwhile is gone, which the wait tells.
		if err := unix.PtraceSyscall(stopped, passOn(status)); err != nil && err != unix.ESRCH {
			t.Fatal(err)
		}
		var err error
		if stopped, err = unix.Wait4(-1, &status, unix.WALL, nil); err != nil {
			t.Fatal(err)
		}
		if status.Exited() || status.Signaled() {
			if stopped != pid {
				continue
			}
			if call == "" && status != 0 {
				t.Fatalf("the agent has ended by itself: %v", status)
			}
			return call
		}
		nr, fd, entered := entry(stopped, status)
		if !entered || call != "" {
			continue
		}
		name := changing[nr]
		switch {
		case nr == unix.SYS_WRITE && fd == 1:
			marks++
		case name != "" && marks == 1:
			if seen == n {
				call = name
				if err := unix.Kill(pid, unix.SIGKILL); err != nil {
					t.Fatal(err)
				}
			}
			seen++
		}
	}
}

// passOn is the signal that a stopped thread is to get: none of those that the
// tracing itself makes.
func passOn(status unix.WaitStatus) int {
	if !status.Stopped() {
		return 0
	}
	switch sig := status.StopSignal(); sig {
	case unix.SIGTRAP, unix.SIGTRAP | 0x80, unix.SIGSTOP:
		return 0
	default:
		return int(sig)
	}
}

// entry tells which system call a thread is about to make, and its first argument.
func entry(tid int, status unix.WaitStatus) (nr, arg uint64, ok bool) {
	if !status.Stopped() || status.StopSignal() != unix.SIGTRAP|0x80 {
		return 0, 0, false
	}
	const getSyscallInfo, isEntry = 0x420e, 1 // PTRACE_GET_SYSCALL_INFO, PTRACE_SYSCALL_INFO_ENTRY
	var info struct {
		op   uint8
		_    [3]uint8
		arch uint32
		ip   uint64
		sp   uint64
		nr   uint64
		args [6]uint64
		_    [2]uint64
	}
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, getSyscallInfo, uintptr(tid), unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
	return info.nr, info.args[0], errno == 0 && info.op == isEntry
}

// reap waits until everything that an agent has started has ended. What no end is
// in sight of stays for good: it fails the test, and goes.
func reap(t *testing.T) {
	t.Helper()
	stays := time.AfterFunc(20*time.Second, func() {
		t.Error("processes stay")
		signalChildren(t, unix.SIGKILL)
	})
	defer stays.Stop()
	for {
		switch _, err := unix.Wait4(-1, nil, unix.WALL, nil); err {
		case nil, unix.EINTR:
		case unix.ECHILD:
			return
		default:
			t.Fatal(err)
		}
	}
}

// leftovers are mounts, groups and files that belong to no pod any more.
func leftovers(t *testing.T, dir string) (left []string) {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, dir+"/") {
			left = append(left, "mount "+strings.TrimSpace(line))
		}
	}
	for _, pattern := range []string{"/sys/fs/cgroup" + lifeGroup(dir) + "/*/", "/sys/fs/cgroup/*" + lifeGroup(dir) + "/*/",
		dir + "/state/*/*", dir + "/root/containers/*", dir + "/network/*"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		left = append(left, found...)
	}
	slices.Sort(left)
	return left
}

// removeGroup removes the groups' parent, which is the caller's of a runtime.
func removeGroup(t *testing.T, dir string) {
	t.Helper()
	for _, pattern := range []string{"/sys/fs/cgroup" + lifeGroup(dir), "/sys/fs/cgroup/*" + lifeGroup(dir)} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, group := range found {
			// One hierarchy may be mounted under two names.
			if err := os.Remove(group); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Error(err)
			}
		}
	}
}
