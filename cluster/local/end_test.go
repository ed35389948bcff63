package local

import (
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// A pid that has come to mean another process harms nobody.
func TestStrangerIsSpared(t *testing.T) {
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestStrangerWaits$")
	cmd.Env = append(os.Environ(), "STRANGER=1")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := cmd.Process.Pid
	if inCgroup(pid, "no-such-cluster") || inNamespace(pid, map[string]bool{}) {
		t.Error("a stranger was taken for a member")
	}
	if err := endProcess(pid, func() bool { return false }); err != nil {
		t.Error(err)
	}
	if err := unix.Kill(pid, 0); err != nil {
		t.Errorf("the stranger was ended: %v", err)
	}
	if err := stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func TestStrangerWaits(t *testing.T) {
	if os.Getenv("STRANGER") == "" {
		t.Skip("only as a process of TestStrangerIsSpared")
	}
	var b [1]byte
	_, _ = os.Stdin.Read(b[:]) // until the parent closes it
}
