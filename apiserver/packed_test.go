package apiserver

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"minke/apiserver/codec"
	"minke/store/cache"
)

// asked is one caller of packedLists.get, which makes a list, or fails to if that
// is empty.
type asked struct {
	made []byte // by itself
	got  []byte
}

func ask(p *packedLists, key packedKey, of *cache.Snapshot, makes string) (a asked) {
	a.got = p.get(key, of, func() []byte {
		time.Sleep(time.Second)
		if makes != "" {
			a.made = []byte(makes)
		}
		return a.made
	}, func(made <-chan struct{}) bool { <-made; return true })
	return a
}

func (p *packedLists) held() (lists, bytes int, sweeps bool) {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.lists), p.bytes, p.sweep != nil
}

func (a asked) String() string { return fmt.Sprintf("made %q, got %q", a.made, a.got) }

func TestPackedLists(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &packedLists{}
		key, other := packedKey{namespace: "a"}, packedKey{namespace: "b"}
		before, after := &cache.Snapshot{}, &cache.Snapshot{}
		for _, step := range []struct {
			name  string
			key   packedKey
			of    *cache.Snapshot
			makes string
			want  string
		}{
			{"the first makes its own", key, before, "1", `made "", got ""`},
			{"the second makes what is kept", key, before, "2", `made "2", got "2"`},
			{"the third gets that", key, before, "3", `made "", got "2"`},
			{"another list is another", other, before, "4", `made "", got ""`},
			{"a newer state is another", key, after, "5", `made "", got ""`},
			{"which is kept then", key, after, "6", `made "6", got "6"`},
			{"the other cannot be made", other, before, "", `made "", got ""`},
			{"and is forgotten", other, before, "7", `made "", got ""`},
		} {
			if got := ask(p, step.key, step.of, step.makes).String(); got != step.want {
				t.Errorf("%s: %s, want %s", step.name, got, step.want)
			}
		}
		time.Sleep(2*packedTime + time.Second)
		if lists, bytes, sweeps := p.held(); lists != 0 || bytes != 0 || sweeps {
			t.Errorf("at rest %d lists of %d bytes are kept", lists, bytes)
		}
	})
}

// TestPackedOnce lets many ask at the same time.
func TestPackedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &packedLists{}
		of := &cache.Snapshot{}
		var mu sync.Mutex
		made, got := 0, 0
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				a := ask(p, packedKey{}, of, "x")
				mu.Lock()
				defer mu.Unlock()
				made += len(a.made)
				got += len(a.got)
			})
		}
		all.Wait()
		if made != 1 || got != 99 {
			t.Errorf("%d made the list, %d got it, want 1 and 99", made, got)
		}
		time.Sleep(time.Minute)
	})
}

func TestPackedBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &packedLists{}
		of := &cache.Snapshot{}
		for _, c := range []struct{ lists, each, want int }{
			{3 * maxPacked, 1, maxPacked},
			{10, maxPackedBytes / 4, 4},
		} {
			for i := range c.lists {
				key := packedKey{namespace: fmt.Sprint(c.each, "-", i)}
				for range 2 {
					p.get(key, of, func() []byte { return make([]byte, c.each) }, nil)
				}
			}
			if lists, bytes, _ := p.held(); lists != c.want || bytes > maxPackedBytes {
				t.Errorf("%d lists of %d bytes: %d are kept, %d bytes, want %d", c.lists, c.each, lists, bytes, c.want)
			}
		}
		time.Sleep(time.Minute)
	})
}

// TestPackedAfterPanic lets others make their own.
func TestPackedAfterPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &packedLists{}
		of := &cache.Snapshot{}
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was lost")
				}
			}()
			for range 2 {
				p.get(packedKey{}, of, func() []byte { panic("while it is made") }, nil)
			}
		}()
		if a := ask(p, packedKey{}, of, "x"); a.got != nil {
			t.Errorf("after a panic: %s", a)
		}
		time.Sleep(time.Minute)
	})
}

// TestRepeatedLists compares what is answered again and again with what was
// answered without compression.
func TestRepeatedLists(t *testing.T) {
	w := newWorld(t)
	for i := range 200 {
		w.must(201, "POST", cms, configMap(fmt.Sprint("c", i), strings.Repeat("v", 1024)))
	}
	w.must(201, "POST", "/api/v1/namespaces/other/configmaps", configMap("one", "1"))
	compare := func(path, accept string) {
		t.Helper()
		want := w.do("GET", path, "", "Accept", accept).Body.Bytes()
		for i := range 4 {
			r := w.do("GET", path, "", "Accept", accept, "Accept-Encoding", "gzip")
			if got := r.Header().Get("Content-Encoding"); got != "gzip" {
				t.Fatalf("%s, answer %d: encoded as %q", path, i, got)
			}
			z, err := gzip.NewReader(r.Body)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(z)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s, answer %d differs: %d bytes, want %d (%v)", path, i, len(got), len(want), err)
			}
			if r.Header().Get("Vary") != "Accept-Encoding" || r.Header().Get("Content-Type") != accept {
				t.Errorf("%s, answer %d: header %v", path, i, r.Header())
			}
		}
	}
	for range 2 {
		for _, path := range []string{cms, "/api/v1/configmaps", cms + "?resourceVersion=0", cms + "?limit=190", cms + "?fieldSelector=metadata.name%21%3Dc7"} {
			if strings.Contains(path, "limit") {
				page := w.do("GET", path, "", "Accept-Encoding", "gzip")
				if z, err := gzip.NewReader(page.Body); err != nil || json.NewDecoder(z).Decode(&struct{}{}) != nil {
					t.Errorf("%s: not a compressed list: %v", path, err)
				}
				continue
			}
			compare(path, codec.MediaJSON)
		}
		compare(cms, codec.MediaProtobuf)
		w.must(200, "PUT", cms+"/c7", configMap("c7", "new"))
	}
}
