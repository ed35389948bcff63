package poll

import (
	"os"
	"runtime"
	"sync/atomic"
	"testing"
)

// What has come is noticed, and who waited for it has run, before look returns,
// though the only processor was never idle meanwhile.
func TestLook(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	var got atomic.Int32
	ended := make(chan error)
	go func() {
		buffer := make([]byte, 1)
		for {
			if _, err := r.Read(buffer); err != nil {
				ended <- err
				return
			}
			got.Add(1)
		}
	}()
	for i := range int32(100) {
		if _, err := w.Write([]byte{1}); err != nil {
			t.Fatal(err)
		}
		look()
		look() // now and then the scheduler takes another order
		if n := got.Load(); n != i+1 {
			t.Fatalf("after %d writes the reader has run %d times", i+1, n)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	<-ended
}

func TestNetwork(t *testing.T) {
	for _, c := range []struct {
		name    string
		working int32
		looks   bool
	}{
		{"a processor is idle", processors - 1, false},
		{"none is", processors, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			Working(c.working)
			defer Working(-c.working)
			latest.Store(-int64(every))
			before := latest.Load()
			Network()
			if looked := latest.Load() != before; looked != c.looks {
				t.Errorf("looked at the network: %v, want %v", looked, c.looks)
			}
		})
	}
}

func BenchmarkLook(b *testing.B) {
	for b.Loop() {
		look()
	}
}
