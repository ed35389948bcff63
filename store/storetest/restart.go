package storetest

import (
	"bytes"
	"fmt"
	"maps"
	"testing"
)

func (s *suite) testReopen(t *testing.T) {
	if s.reopen == nil {
		t.Skip("the engine keeps nothing")
	}
	st := s.open(t)
	for round := range 3 {
		for i := range 50 {
			put(t, st, fmt.Sprintf("/k/%d", i), fmt.Sprint(round))
		}
		for i := range 10 {
			remove(t, st, fmt.Sprintf("/k/%d", i))
		}
		want, rev := contents(t, st, "/", 0), revision(t, st)
		e, _, _ := st.Get(t.Context(), "/k/30")
		st = s.reopen(t, st)
		if got := contents(t, st, "/", 0); !maps.Equal(got, want) {
			t.Fatalf("after restart: %v, want %v", got, want)
		}
		if got := revision(t, st); got != rev {
			t.Fatalf("after restart: revision %d, want %d", got, rev)
		}
		again, _, err := st.Get(t.Context(), "/k/30")
		if err != nil || again.Created != e.Created || again.Modified != e.Modified {
			t.Fatalf("after restart: %+v, want %+v", again, e)
		}
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
}

func (s *suite) testSnapshot(t *testing.T) {
	if s.restore == nil {
		t.Skip("the engine cannot be restored here")
	}
	st := s.open(t)
	defer st.Close()
	for i := range 200 {
		put(t, st, fmt.Sprintf("/k/%d", i), string(bytes.Repeat([]byte{byte(i)}, i*50)))
	}
	remove(t, st, "/k/7")
	want, rev := contents(t, st, "/", 0), revision(t, st)
	var snapshot bytes.Buffer
	if err := st.Snapshot(t.Context(), &snapshot); err != nil {
		t.Fatal(err)
	}
	put(t, st, "/later", "")
	restored := s.restore(t, snapshot.Bytes())
	defer restored.Close()
	if got := contents(t, restored, "/", 0); !maps.Equal(got, want) {
		t.Errorf("the restored store has %d keys, want %d, or other values", len(got), len(want))
	}
	if next := put(t, restored, "/next", ""); next != rev+1 {
		t.Errorf("the first write after restoring has revision %d, want %d", next, rev+1)
	}
}
