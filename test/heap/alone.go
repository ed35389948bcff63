package heap

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// stopping is the setting of the Go runtime by which nothing else runs while the
// collector does. A collector that runs beside what it collects for leaves behind the
// more the less it gets of the processors; then a busy machine would be measured.
const stopping = "gcstoptheworld=2"

func alone() bool { return strings.Contains(os.Getenv("GODEBUG"), stopping) }

// Alone runs the test, which must be no subtest, in a process of its own, and
// returns true there; elsewhere it returns false when that has ended, and the test
// has nothing more to do.
func Alone(t *testing.T) bool {
	t.Helper()
	if alone() {
		return true
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), "GODEBUG="+strings.TrimPrefix(os.Getenv("GODEBUG")+","+stopping, ","))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()+" ") {
		t.Errorf("in a process of its own: %v\n%s", err, out)
		return false
	}
	t.Logf("in a process of its own:\n%s", out)
	return false
}
