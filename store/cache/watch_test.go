package cache

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"

	"minke/store"
	"minke/store/local"
)

func TestSlowWatcher(t *testing.T) {
	c, _ := newCache(t, Options{WatchBuffer: 4})
	ctx := t.Context()
	item := must(c.Create(ctx, prefix+"a", object("a", "")))(t)
	slow := must(c.Watch(ctx, prefix, item.Revision))(t)
	for i := range 20 {
		item = must(c.Update(ctx, item, object("a", fmt.Sprint(i))))(t)
	}
	for range slow.Events() {
	}
	if !errors.Is(slow.Err(), store.ErrSlowWatcher) {
		t.Errorf("the slow watcher ended with %v", slow.Err())
	}
}

func TestProgress(t *testing.T) {
	c, st := newCache(t, Options{})
	ctx := t.Context()
	item := must(c.Create(ctx, prefix+"a", object("a", "")))(t)
	w := must(c.Watch(ctx, prefix, item.Revision-1))(t)
	if rev, ok := w.Progress(ctx); ok {
		t.Errorf("progress %d before the first event was taken", rev)
	}
	<-w.Events()
	for _, ok := w.Progress(ctx); !ok; _, ok = w.Progress(ctx) {
	}
	w.Release()
	other := must(st.Txn(ctx, store.Txn{Writes: []store.Write{{Key: "/x"}}}))(t)
	if rev, ok := w.Progress(ctx); !ok || rev != other.Revision {
		t.Errorf("progress %d %v, the store is at %d", rev, ok, other.Revision)
	}
}

func TestWatchEnds(t *testing.T) {
	c, _ := newCache(t, Options{})
	item := must(c.Create(t.Context(), prefix+"a", object("a", "")))(t)
	if _, err := c.Watch(t.Context(), prefix, item.Revision+1); !errors.Is(err, store.ErrFutureRevision) {
		t.Errorf("watching the future: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancelled := must(c.Watch(ctx, prefix, item.Revision))(t)
	cancel()
	for range cancelled.Events() {
	}
	if !errors.Is(cancelled.Err(), context.Canceled) {
		t.Errorf("ended with %v", cancelled.Err())
	}
	w := must(c.Watch(t.Context(), prefix, item.Revision))(t)
	c.Close()
	for range w.Events() {
	}
	if !errors.Is(w.Err(), store.ErrClosed) {
		t.Errorf("ended with %v", w.Err())
	}
	if _, _, err := c.Get(t.Context(), item.Key); !errors.Is(err, store.ErrClosed) {
		t.Errorf("reading a closed cache: %v", err)
	}
}

// slowStore's first watch ends at once, as one does that fell behind.
type slowStore struct {
	*local.Store
	watches int
}

func (s *slowStore) Watch(ctx context.Context, prefix string, after store.Revision) (store.Watcher, error) {
	s.watches++
	if s.watches == 1 {
		ctx, cancel := context.WithCancel(ctx)
		w, err := s.Store.Watch(ctx, prefix, after)
		cancel()
		return w, err
	}
	return s.Store.Watch(ctx, prefix, after)
}

func TestReload(t *testing.T) {
	st := &slowStore{Store: local.OpenMemory()}
	c := New(st, prefix, &jsonCodec{}, Options{})
	defer c.Close()
	for i := range 20 {
		key := fmt.Sprint(prefix, i)
		item, err := c.Create(t.Context(), key, object("a", "1"))
		if err != nil {
			continue // the cache says that it cannot be sure
		}
		if got, ok, err := c.Get(t.Context(), key); err == nil && (!ok || got.Revision != item.Revision) {
			t.Errorf("%s is not seen after it was written", key)
		}
	}
	if st.watches < 2 {
		t.Skip("the watch did not end in time")
	}
}

func TestEncodings(t *testing.T) {
	budget := NewBudget(100)
	c, _ := newCache(t, Options{Budget: budget})
	made := 0
	make20 := func(runtime.Object) ([]byte, error) { made++; return make([]byte, 20), nil }
	var items []*Item
	for i := range 10 {
		item := must(c.Create(t.Context(), fmt.Sprint(prefix, i), object("a", "")))(t)
		items = append(items, item)
		must(item.Encoding("json", make20))(t)
		must(item.Encoding("json", make20))(t)
	}
	if made != 10 || budget.Used() != 100 {
		t.Errorf("made %d encodings of 10, kept %d bytes of 100", made, budget.Used())
	}
	must(items[9].Encoding("json", make20))(t)
	if made != 10 {
		t.Error("the last one was not kept")
	}
	must(items[0].Encoding("json", make20))(t)
	if made != 11 {
		t.Error("the first one was kept beyond the budget")
	}
	if _, err := items[1].Encoding("bad", func(runtime.Object) ([]byte, error) { return nil, errors.New("no") }); err == nil {
		t.Error("a failure was swallowed")
	}
	must(items[1].Encoding("bad", make20))(t)
}

func BenchmarkGet(b *testing.B) {
	st := local.OpenMemory()
	c := New(st, prefix, &jsonCodec{}, Options{})
	defer c.Close()
	item := must(c.Create(b.Context(), prefix+"a", object("a", "")))(b)
	b.ResetTimer()
	for range b.N {
		if _, ok, err := c.Get(b.Context(), item.Key); !ok || err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUpdate(b *testing.B) {
	st := local.OpenMemory()
	c := New(st, prefix, &jsonCodec{}, Options{})
	defer c.Close()
	item := must(c.Create(b.Context(), prefix+"a", object("a", "")))(b)
	b.ResetTimer()
	for i := range b.N {
		item = must(c.Update(b.Context(), item, object("a", fmt.Sprint(i))))(b)
	}
}

// BenchmarkFanOut updates one object under many watchers.
func BenchmarkFanOut(b *testing.B) {
	for _, watchers := range []int{1, 1000} {
		b.Run(fmt.Sprintf("watchers=%d", watchers), func(b *testing.B) {
			st := local.OpenMemory()
			c := New(st, prefix, &jsonCodec{}, Options{WatchBuffer: 1 << 30})
			defer c.Close()
			item := must(c.Create(b.Context(), prefix+"a", object("a", "")))(b)
			done := make(chan int, watchers)
			for range watchers {
				w := must(c.Watch(b.Context(), prefix, item.Revision))(b)
				go func() {
					n := 0
					for n < b.N {
						n += len(<-w.Events())
					}
					done <- n
				}()
			}
			b.ResetTimer()
			for i := range b.N {
				item = must(c.Update(b.Context(), item, object("a", fmt.Sprint(i))))(b)
			}
			for range watchers {
				<-done
			}
		})
	}
}
