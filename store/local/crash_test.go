package local

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"

	"minke/store"
	"minke/store/local/disk"
)

// model is what a store must hold, by revision.
type model map[store.Revision]map[string]string

func dump(t *testing.T, st *Store) (store.Revision, map[string]string) {
	t.Helper()
	result, err := st.Range(t.Context(), store.Range{})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, e := range result.Entries {
		found[e.Key] = string(e.Value)
	}
	return result.Revision, found
}

// randomWrites returns a transaction of a few keys and what it makes of state.
func randomWrites(chance *rand.Rand, state map[string]string) (store.Txn, map[string]string) {
	after := maps.Clone(state)
	var t store.Txn
	used := map[string]bool{}
	for range 1 + chance.IntN(3) {
		key := fmt.Sprintf("/k/%d", chance.IntN(12))
		if used[key] {
			continue
		}
		used[key] = true
		if chance.IntN(4) == 0 {
			t.Writes = append(t.Writes, store.Write{Key: key, Delete: true})
			delete(after, key)
			continue
		}
		value := fmt.Sprintf("%d-%0*d", chance.IntN(1000), chance.IntN(900), 0)
		t.Writes = append(t.Writes, store.Write{Key: key, Value: []byte(value)})
		after[key] = value
	}
	return t, after
}

// crashRun writes to d until it crashes, and returns all states that were ever
// asked for, with the last revision that was acknowledged.
func crashRun(t *testing.T, d *disk.Memory, chance *rand.Rand, past model) (acked store.Revision) {
	st, err := Open("", Options{FS: d, CheckpointBytes: 6 << 10})
	if err != nil {
		if !errors.Is(err, disk.ErrCrashed) {
			t.Fatalf("open: %v", err)
		}
		return 0
	}
	rev, state := dump(t, st)
	past[rev], acked = state, rev
	for range 40 {
		x, after := randomWrites(chance, state)
		past[rev+1] = after
		result, err := st.Txn(t.Context(), x)
		if err != nil {
			break
		}
		if result.Revision == rev { // it changed nothing
			delete(past, rev+1)
			continue
		}
		rev, state, acked = result.Revision, after, result.Revision
	}
	st.Close()
	return acked
}

// TestCrash crashes the disk at every operation of a run of writes and
// checkpoints, and once more during the recovery from that. What was
// acknowledged is there, and what is there is a state that was asked for.
func TestCrash(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for at := 1; ; at++ {
		chance := rand.New(rand.NewPCG(seed, uint64(at)))
		past := model{1: {}}
		d, acked, crashed := disk.NewMemory(), store.Revision(1), false
		for round, limit := range []int{at, 1 + chance.IntN(6), 1 + chance.IntN(20)} {
			ops := 0
			var mu sync.Mutex
			hit := false
			d.Before = func(string, string) error {
				mu.Lock()
				defer mu.Unlock()
				if ops++; ops >= limit {
					hit = true
					return disk.ErrCrashed
				}
				return nil
			}
			acked = max(acked, crashRun(t, d, chance, past))
			d = d.Crash(chance)
			rev := verify(t, d.Crash(chance), acked, past)
			for later := range past {
				if later > rev {
					delete(past, later)
				}
			}
			if round == 0 {
				crashed = hit
			}
		}
		if !crashed {
			t.Logf("crashed at each of %d operations", at-1)
			return
		}
	}
}

// verify opens what the crash left and checks it; the copy is used up.
func verify(t *testing.T, d *disk.Memory, acked store.Revision, past model) store.Revision {
	t.Helper()
	st, err := Open("", Options{FS: d})
	if err != nil {
		t.Fatalf("open after a crash: %v", err)
	}
	defer st.Close()
	rev, found := dump(t, st)
	if rev < acked {
		t.Fatalf("revision %d was acknowledged, %d is there", acked, rev)
	}
	want, ok := past[rev]
	if !ok || !maps.Equal(found, want) {
		t.Fatalf("at revision %d: found %v, want %v", rev, found, want)
	}
	return rev
}

// TestDamage flips each byte in turn of files that were closed well: the store
// says so, or it was the very last frame.
func TestDamage(t *testing.T) {
	fill := func() (*disk.Memory, store.Revision) {
		d := disk.NewMemory()
		st := mustOpen(t, "", Options{FS: d, CheckpointBytes: 1 << 10})
		var rev store.Revision
		for i := range 30 {
			result, err := st.Txn(t.Context(), store.Txn{Writes: []store.Write{{Key: fmt.Sprint("/", i%7), Value: make([]byte, 60)}}})
			if err != nil {
				t.Fatal(err)
			}
			rev = result.Revision
			st.checkpoints.Wait()
		}
		if err := st.Close(); err != nil {
			t.Fatal(err)
		}
		return d, rev
	}
	d, last := fill()
	names, _ := d.List()
	for _, name := range names {
		file, _ := d.Open(name)
		size, _ := file.Size()
		for at := range size {
			d.Damage(name, at)
			st, err := Open("", Options{FS: d})
			var corrupt *store.CorruptError
			if err == nil && st.Revision() != last-1 || err != nil && !errors.As(err, &corrupt) {
				t.Fatalf("byte %d of %s damaged: %v", at, name, err)
			}
			if err == nil {
				st.Close()
				d, _ = fill()
				break // the last frame: nobody can tell it from a torn one
			}
			d.Damage(name, at) // back
		}
	}
}

func TestDiskFull(t *testing.T) {
	d := disk.NewMemory()
	st := mustOpen(t, "", Options{FS: d})
	full, broken := errors.New("no space left"), false
	d.Before = func(op, _ string) error {
		if broken && op == "write" {
			return full
		}
		return nil
	}
	write := func(key string) error {
		_, err := st.Txn(t.Context(), store.Txn{Writes: []store.Write{{Key: key, Value: []byte("x")}}})
		return err
	}
	if err := write("/a"); err != nil {
		t.Fatal(err)
	}
	broken = true
	if err := write("/b"); !errors.Is(err, full) {
		t.Fatalf("a full disk: %v", err)
	}
	if _, found := dump(t, st); len(found) != 1 {
		t.Fatalf("a write that failed shows: %v", found)
	}
	broken = false
	if err := write("/c"); err != nil {
		t.Fatalf("after space was made: %v", err)
	}
	d.Before = func(op, _ string) error {
		if op == "fsync" {
			return full
		}
		return nil
	}
	if err := write("/d"); !errors.Is(err, full) {
		t.Fatalf("a failed sync: %v", err)
	}
	d.Before = nil
	if err := write("/e"); err == nil {
		t.Fatal("a write was taken after a failed sync")
	}
	st.Close()
	st = mustOpen(t, "", Options{FS: d})
	defer st.Close()
	if _, found := dump(t, st); found["/c"] != "x" || found["/e"] != "" {
		t.Fatalf("after opening again: %v", found)
	}
}

func TestLocked(t *testing.T) {
	dir := t.TempDir()
	st := mustOpen(t, dir, Options{})
	if _, err := Open(dir, Options{}); !errors.Is(err, disk.ErrLocked) {
		t.Fatalf("opening a store twice: %v", err)
	}
	st.Close()
	mustOpen(t, dir, Options{}).Close()
}
