package apiserver

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"minke/store"
	"minke/store/local"
)

// lagging is a remote store whose watches bring nothing until somebody reads or
// writes.
type lagging struct {
	store.Store
	mu     sync.Mutex // guards asked
	asked  chan struct{}
	closed bool
}

// lag holds back what comes from now on.
func (l *lagging) lag() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked, l.closed = make(chan struct{}), false
}

// catchUp lets all come.
func (l *lagging) catchUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		close(l.asked)
		l.closed = true
	}
}

func (l *lagging) Get(ctx context.Context, key string) (*store.Entry, store.Revision, error) {
	defer l.catchUp()
	return l.Store.Get(ctx, key)
}

func (l *lagging) Txn(ctx context.Context, t store.Txn) (store.TxnResult, error) {
	defer l.catchUp()
	return l.Store.Txn(ctx, t)
}

func (l *lagging) gate() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.asked
}

func (l *lagging) Watch(ctx context.Context, prefix string, after store.Revision) (store.Watcher, error) {
	w, err := l.Store.Watch(ctx, prefix, after)
	if err != nil {
		return nil, err
	}
	late := &lateWatcher{Watcher: w, batches: make(chan store.Batch)}
	go func() {
		defer close(late.batches)
		for b := range w.Batches() {
			select {
			case <-l.gate():
			case <-ctx.Done():
				return
			}
			select {
			case late.batches <- b:
			case <-ctx.Done():
				return
			}
		}
	}()
	return late, nil
}

type lateWatcher struct {
	store.Watcher
	batches chan store.Batch
}

func (w *lateWatcher) Batches() <-chan store.Batch { return w.batches }

// TestOvertaken holds that what another server has just written counts, though
// this one does not know it yet.
func TestOvertaken(t *testing.T) {
	const jsonPatch, merge = "application/json-patch+json", "application/merge-patch+json"
	for _, c := range []struct {
		name, method, media, body string
		// other is what the other server does: nothing, or DELETE.
		other string
		code  int
		want  string
	}{
		{"update of what was read there", "PUT", "", `{"metadata":{"name":"a","resourceVersion":"THERE"},"data":{"k":"3"}}`, "", 200, "3"},
		{"update of what was read here", "PUT", "", `{"metadata":{"name":"a","resourceVersion":"HERE"},"data":{"k":"3"}}`, "", 409, "2"},
		{"update of anything", "PUT", "", `{"metadata":{"name":"a"},"data":{"k":"3"}}`, "", 200, "3"},
		{"update without a change", "PUT", "", `{"metadata":{"name":"a"},"data":{"k":"1"}}`, "", 200, "1"},
		{"refused here, not there", "PATCH", jsonPatch, `[{"op":"test","path":"/data/k","value":"2"},{"op":"add","path":"/data/k","value":"3"}]`, "", 200, "3"},
		{"let pass here, not there", "PATCH", jsonPatch, `[{"op":"test","path":"/data/k","value":"1"},{"op":"add","path":"/data/k","value":"3"}]`, "", 422, "2"},
		{"deletion of what was read there", "DELETE", "", `{"preconditions":{"resourceVersion":"THERE"}}`, "", 200, ""},
		{"deletion of what was read here", "DELETE", "", `{"preconditions":{"resourceVersion":"HERE"}}`, "", 409, "2"},
		{"patch of what is gone", "PATCH", merge, `{"data":{"k":"3"}}`, "DELETE", 404, ""},
		{"insisting update of what is gone", "PUT", "", `{"metadata":{"name":"a","resourceVersion":"HERE"},"data":{"k":"3"}}`, "DELETE", 404, ""},
		{"deletion of what is gone", "DELETE", "", ``, "DELETE", 404, ""},
		{"dry run", "PATCH", jsonPatch + "?dryRun=All", `[{"op":"test","path":"/data/k","value":"2"}]`, "", 200, "2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			st := &lagging{Store: local.OpenMemory(), asked: make(chan struct{})}
			here := newWorld(t, func(cfg *Config) { cfg.Store = st })
			there := newWorld(t, func(cfg *Config) { cfg.Store = st.Store })
			old := at(here.must(201, "POST", cms, configMap("a", "1")), "metadata", "resourceVersion")
			st.lag()
			var now any
			if c.other != "" {
				there.must(200, c.other, cms+"/a", "")
			} else {
				now = at(there.must(200, "PUT", cms+"/a", configMap("a", "2")), "metadata", "resourceVersion")
			}
			body := strings.NewReplacer("THERE", fmt.Sprint(now), "HERE", fmt.Sprint(old)).Replace(c.body)
			media, query, _ := strings.Cut(c.media, "?")
			if media == "" {
				media = "application/json"
			}
			here.must(c.code, c.method, cms+"/a?"+query, body, "Content-Type", media)
			if c.want == "" {
				there.must(404, "GET", cms+"/a", "")
				return
			}
			there.want(at(there.must(200, "GET", cms+"/a", ""), "data", "k"), c.want, "what is stored")
		})
	}
}
