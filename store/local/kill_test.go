package local

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"minke/store"
)

// TestKill kills a process of its own in the middle of writing, with SIGKILL,
// a few times, and looks for every write that it had acknowledged.
func TestKill(t *testing.T) {
	if dir := os.Getenv("MINKE_KILL_TEST_DIR"); dir != "" {
		writeForever(t, dir)
		return
	}
	dir := t.TempDir()
	for round := range 3 {
		acked := killAfter(t, dir, 150)
		st := mustOpen(t, dir, Options{})
		_, found := dump(t, st)
		for _, key := range acked {
			if found[key] == "" {
				t.Errorf("round %d: %s was acknowledged and is gone", round, key)
			}
		}
		st.Close()
	}
}

// killAfter lets a child write until it has acknowledged n writes, kills it,
// and returns all that it did acknowledge.
func killAfter(t *testing.T, dir string, n int) []string {
	cmd := exec.Command(os.Args[0], "-test.run=^TestKill$")
	cmd.Env = append(os.Environ(), "MINKE_KILL_TEST_DIR="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var acked []string
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if key, ok := strings.CutPrefix(lines.Text(), "acked "); ok {
			acked = append(acked, key)
		}
		if len(acked) == n {
			cmd.Process.Kill()
		}
	}
	cmd.Wait()
	if len(acked) < n {
		t.Fatalf("the child wrote %d times only", len(acked))
	}
	return acked
}

func writeForever(t *testing.T, dir string) {
	st := mustOpen(t, dir, Options{CheckpointBytes: 8 << 10})
	var all sync.WaitGroup
	for writer := range 8 {
		all.Go(func() {
			for i := range 100_000 {
				key := fmt.Sprintf("/%d/%d/%d", os.Getpid(), writer, i)
				if _, err := st.Txn(t.Context(), store.Txn{Writes: []store.Write{{Key: key, Value: []byte(key)}}}); err != nil {
					t.Error(err)
					return
				}
				fmt.Printf("acked %s\n", key) // one write call: whole or not at all
			}
		})
	}
	all.Wait()
}
