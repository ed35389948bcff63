package local

import (
	"bytes"
	"testing"

	"minke/store"
	"minke/store/storetest"
)

func mustOpen(t testing.TB, dir string, opts Options) *Store {
	t.Helper()
	st, err := Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func TestDisk(t *testing.T) {
	dirs := map[store.Store]string{}
	open := func(t *testing.T, dir string) store.Store {
		st := mustOpen(t, dir, Options{CheckpointBytes: 4 << 10})
		dirs[st] = dir
		return st
	}
	storetest.Run(t,
		func(t *testing.T) store.Store { return open(t, t.TempDir()) },
		storetest.Reopen(func(t *testing.T, st store.Store) store.Store {
			if err := st.Close(); err != nil {
				t.Fatal(err)
			}
			return open(t, dirs[st])
		}),
		storetest.Restore(func(t *testing.T, snapshot []byte) store.Store {
			st, err := Restore(t.TempDir(), bytes.NewReader(snapshot), Options{})
			if err != nil {
				t.Fatal(err)
			}
			return st
		}))
}

func TestMemory(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return OpenMemory() })
}
