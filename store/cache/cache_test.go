package cache

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"minke/store"
	"minke/store/local"
)

const prefix = "/registry/configmaps/"

// jsonCodec stores ConfigMaps as JSON, and counts what it decodes.
type jsonCodec struct {
	mu      sync.Mutex
	decoded int
}

func (*jsonCodec) Encode(obj runtime.Object) ([]byte, error) { return json.Marshal(obj) }

func (c *jsonCodec) Decode(value []byte, rev store.Revision) (runtime.Object, error) {
	c.mu.Lock()
	c.decoded++
	c.mu.Unlock()
	obj := new(corev1.ConfigMap)
	if err := json.Unmarshal(value, obj); err != nil {
		return nil, err
	}
	obj.ResourceVersion = fmt.Sprint(rev)
	return obj, nil
}

func object(name, value string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"a": "b"}}, Data: map[string]string{"v": value}}
}

func value(i *Item) string { return i.Object().(*corev1.ConfigMap).Data["v"] }

func newCache(t *testing.T, opts Options) (*Cache, store.Store) {
	st := local.OpenMemory()
	c := New(st, prefix, &jsonCodec{}, opts)
	t.Cleanup(func() { c.Close(); st.Close() })
	return c, st
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestWrites(t *testing.T) {
	c, st := newCache(t, Options{})
	ctx := t.Context()
	a := must(c.Create(ctx, prefix+"ns/a", object("a", "1")))(t)
	if rv := a.Object().(*corev1.ConfigMap).ResourceVersion; rv != strconv.FormatInt(int64(a.Revision), 10) {
		t.Errorf("created with resourceVersion %s at revision %d", rv, a.Revision)
	}
	if got, ok, err := c.Get(ctx, a.Key); err != nil || !ok || got != a {
		t.Errorf("Get after Create: %v %v %v", got, ok, err)
	}
	if _, err := c.Create(ctx, a.Key, object("a", "x")); !errors.Is(err, ErrExists) {
		t.Errorf("creating twice: %v", err)
	}
	b := must(c.Update(ctx, a, object("a", "2")))(t)
	if value(b) != "2" || value(a) != "1" || b.Created != a.Revision {
		t.Errorf("updated %+v to %+v", a, b)
	}
	if same := must(c.Update(ctx, b, object("a", "2")))(t); same != b {
		t.Errorf("an update that changes nothing gave %+v", same)
	}
	var conflict *ConflictError
	if _, err := c.Update(ctx, a, object("a", "3")); !errors.As(err, &conflict) || conflict.Current != b {
		t.Errorf("updating an old state: %v", err)
	}
	if _, err := c.Delete(ctx, a); !errors.As(err, &conflict) || conflict.Current != b {
		t.Errorf("deleting an old state: %v", err)
	}
	gone := must(c.Delete(ctx, b))(t)
	if rv := gone.Object().(*corev1.ConfigMap).ResourceVersion; value(gone) != "2" || rv != fmt.Sprint(gone.Revision) || gone.Revision <= b.Revision {
		t.Errorf("deleted: %+v with resourceVersion %s", gone, rv)
	}
	if rv := b.Object().(*corev1.ConfigMap).ResourceVersion; rv != fmt.Sprint(b.Revision) {
		t.Errorf("deletion changed a shared object: resourceVersion %s", rv)
	}
	if _, ok, _ := c.Get(ctx, a.Key); ok {
		t.Error("a deleted object is still there")
	}
	if _, err := c.Update(ctx, b, object("a", "3")); !errors.As(err, &conflict) || conflict.Current != nil {
		t.Errorf("updating a deleted object: %v", err)
	}
	if n := c.codec.(*jsonCodec).decoded; n != 0 {
		t.Errorf("%d objects were decoded that writers had at hand", n)
	}
	if e, _, _ := st.Get(ctx, a.Key); e != nil {
		t.Error("the store still has the object")
	}
}

func TestSnapshots(t *testing.T) {
	c, st := newCache(t, Options{HistoryEvents: 64})
	ctx := t.Context()
	past := map[store.Revision]map[string]string{}
	state := map[string]*Item{}
	for i := range 50 {
		key := fmt.Sprintf("%sns%d/%d", prefix, i%2, i%7)
		old := state[key]
		var item *Item
		switch {
		case old == nil:
			item = must(c.Create(ctx, key, object("x", fmt.Sprint(i))))(t)
			state[key] = item
		case i%3 == 0:
			item = must(c.Delete(ctx, old))(t)
			delete(state, key)
		default:
			item = must(c.Update(ctx, old, object("x", fmt.Sprint(i))))(t)
			state[key] = item
		}
		past[item.Revision] = map[string]string{}
		for k, v := range state {
			past[item.Revision][k] = value(v)
		}
	}
	for rev, want := range past {
		s := must(c.Snapshot(ctx, rev))(t)
		got := map[string]string{}
		last := ""
		for i := range s.All(prefix, "") {
			if i.Key <= last {
				t.Errorf("%s came after %s", i.Key, last)
			}
			last, got[i.Key] = i.Key, value(i)
		}
		if !maps.Equal(got, want) || s.Revision() != rev || s.Len(prefix) != len(want) {
			t.Errorf("at %d: %v with Len %d, want %v", rev, got, s.Len(prefix), want)
		}
	}
	s := must(c.Snapshot(ctx, 0))(t)
	if n := s.Len(prefix+"ns0/") + s.Len(prefix+"ns1/"); n != s.Len(prefix) || s.Len(prefix+"nsX") != 0 {
		t.Errorf("the namespaces have %d of %d objects", n, s.Len(prefix))
	}
	first := ""
	for i := range s.All(prefix+"ns1/", "") {
		if first == "" {
			first = i.Key
			continue
		}
		for j := range s.All(prefix+"ns1/", first) {
			if j != i {
				t.Errorf("after %s comes %s, want %s", first, j.Key, i.Key)
			}
			break
		}
		break
	}
	must(st.Txn(ctx, store.Txn{Writes: []store.Write{{Key: "/other", Value: nil}}}))(t)
	if got := must(c.Snapshot(ctx, 0))(t); got.Revision() != s.Revision()+1 {
		t.Errorf("an idle resource's snapshot is of revision %d, the store at %d", got.Revision(), s.Revision()+1)
	}
	if _, err := c.Snapshot(ctx, s.Revision()+2); !errors.Is(err, store.ErrFutureRevision) {
		t.Errorf("a snapshot of the future: %v", err)
	}
	if _, err := c.Snapshot(ctx, 1); err != nil {
		t.Errorf("the state before the first event: %v", err)
	}
}

func TestHistoryBound(t *testing.T) {
	c, _ := newCache(t, Options{HistoryEvents: 3})
	item := must(c.Create(t.Context(), prefix+"a", object("a", "")))(t)
	first := item.Revision
	for i := range 5 {
		item = must(c.Update(t.Context(), item, object("a", fmt.Sprint(i))))(t)
	}
	if _, err := c.Snapshot(t.Context(), first); !errors.Is(err, store.ErrCompacted) {
		t.Errorf("a snapshot before the window: %v", err)
	}
	for _, after := range []store.Revision{0, first, first + 1} {
		if _, err := c.Watch(t.Context(), prefix, after); !errors.Is(err, store.ErrCompacted) {
			t.Errorf("watching after %d: %v", after, err)
		}
	}
	w := must(c.Watch(t.Context(), prefix, item.Revision-3))(t)
	if batch := <-w.Events(); len(batch) != 3 {
		t.Errorf("the window holds %d events", len(batch))
	}
}

// TestWatchConcurrent lists and watches in the middle of many writes: list and
// events must add up to the end state.
func TestWatchConcurrent(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	c, _ := newCache(t, Options{})
	ctx := t.Context()
	var writing, watching sync.WaitGroup
	for n := range 4 {
		chance := rand.New(rand.NewPCG(seed, uint64(n)))
		writing.Go(func() {
			for i := range 200 {
				randomWrite(ctx, t, c, fmt.Sprintf("%sns%d/%d", prefix, n%2, chance.IntN(10)), fmt.Sprint(n, i), chance.IntN(3) == 0)
			}
		})
	}
	for n := range 6 {
		watching.Go(func() { followCache(ctx, t, c, []string{prefix, prefix + "ns0/", prefix + "ns"}[n%3]) })
	}
	writing.Wait()
	must(c.Create(ctx, prefix+"ns0/end", object("end", "end")))(t)
	watching.Wait()
}

func randomWrite(ctx context.Context, t *testing.T, c *Cache, key, v string, remove bool) {
	old, ok, err := c.Get(ctx, key)
	if err == nil && !ok {
		_, err = c.Create(ctx, key, object("x", v))
	} else if err == nil && remove {
		_, err = c.Delete(ctx, old)
	} else if err == nil {
		_, err = c.Update(ctx, old, object("x", v))
	}
	var conflict *ConflictError
	if err != nil && !errors.Is(err, ErrExists) && !errors.As(err, &conflict) {
		t.Error(err)
	}
}

func followCache(ctx context.Context, t *testing.T, c *Cache, prefix string) {
	list, err := c.Snapshot(ctx, 0)
	if err != nil {
		t.Error(err)
		return
	}
	state := map[string]*Item{}
	for i := range list.All(prefix, "") {
		state[i.Key] = i
		if value(i) == "end" {
			return // the writers were faster
		}
	}
	w, err := c.Watch(ctx, prefix, list.Revision())
	if err != nil {
		t.Error(err)
		return
	}
	for batch := range w.Events() {
		for _, e := range batch {
			if state[e.Item.Key] != e.Prev {
				t.Errorf("%s of %s at %d: it follows another state", e.Type, e.Item.Key, e.Revision)
			}
			state[e.Item.Key] = e.Item
			if e.Type == Deleted {
				delete(state, e.Item.Key)
			}
			if value(e.Item) == "end" {
				final, _ := c.Snapshot(ctx, 0)
				if final.Len(prefix) != len(state) {
					t.Errorf("the watch led to %d objects, there are %d", len(state), final.Len(prefix))
				}
				return
			}
		}
	}
	t.Errorf("the watch ended: %v", w.Err())
}
