package apiserver

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/apiserver/codec"
)

// stream is a watch as a client sees it.
type events struct {
	*world
	lines *bufio.Scanner
}

func (w *world) watching(path string, headers ...string) *events {
	w.Helper()
	body := w.opened(path, headers...)
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 1<<20)
	return &events{w, lines}
}

func (w *world) opened(path string, headers ...string) io.Reader {
	w.Helper()
	server := httptest.NewServer(w.Server)
	ctx, cancel := context.WithCancel(context.Background())
	w.Cleanup(func() { cancel(); server.Close() })
	r, _ := http.NewRequestWithContext(ctx, "GET", server.URL+path, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		w.Fatal(err)
	}
	if response.StatusCode != 200 {
		text, _ := io.ReadAll(response.Body)
		w.Fatalf("watch %s: %d %s", path, response.StatusCode, text)
	}
	return response.Body
}

// next returns the next event.
func (e *events) next() map[string]any {
	e.Helper()
	if !e.lines.Scan() {
		e.Fatalf("the watch ended: %v", e.lines.Err())
	}
	var out map[string]any
	if err := json.Unmarshal(e.lines.Bytes(), &out); err != nil {
		e.Fatalf("%v: %s", err, e.lines.Text())
	}
	return out
}

// expect reads events that must be "TYPE name".
func (e *events) expect(want ...string) {
	e.Helper()
	for _, text := range want {
		got := e.next()
		if s := fmt.Sprint(got["type"], " ", at(got, "object", "metadata", "name")); s != text {
			e.Fatalf("got %s, want %s", s, text)
		}
	}
}

func TestWatch(t *testing.T) {
	w := newWorld(t)
	a := w.must(201, "POST", cms, configMap("a", "1"))
	everything := w.watching(cms + "?watch=1")
	later := w.watching(cms + "?watch=true&resourceVersion=" + at(a, "metadata", "resourceVersion").(string))
	selected := w.watching(cms + "?watch=true&labelSelector=app%3Da")
	byPath := w.watching("/api/v1/watch/namespaces/default/configmaps/b")
	w.must(201, "POST", cms, configMap("b", "1"))
	w.must(200, "PUT", cms+"/a", `{"metadata":{"name":"a","labels":{"app":"other"}}}`)
	w.must(200, "PUT", cms+"/a", configMap("a", "3"))
	w.must(200, "DELETE", cms+"/a", "")
	everything.expect("ADDED a", "ADDED b", "MODIFIED a", "MODIFIED a", "DELETED a")
	later.expect("ADDED b", "MODIFIED a", "MODIFIED a", "DELETED a")
	selected.expect("ADDED a")
	gone := selected.next()
	w.want(gone["type"], "DELETED", "an object that leaves the selector")
	w.want(at(gone, "object", "data", "k"), "1", "its state is the one before")
	selected.expect("ADDED a", "DELETED a")
	byPath.expect("ADDED b")
}

func TestWatchInitialEvents(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Limits.Bookmark = 10 * time.Millisecond })
	w.must(201, "POST", cms, configMap("a", "1"))
	e := w.watching(cms + "?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true")
	e.expect("ADDED a")
	mark := e.next()
	w.want(mark["type"], "BOOKMARK", "the end of the initial events")
	w.want(at(mark, "object", "metadata", "annotations", metav1.InitialEventsAnnotationKey), "true", "annotation")
	w.want(at(mark, "object", "kind"), "ConfigMap", "a bookmark's kind")
	rev := at(w.must(201, "POST", pods, `{"metadata":{"name":"p"}}`), "metadata", "resourceVersion")
	for {
		mark = e.next()
		w.want(mark["type"], "BOOKMARK", "a bookmark follows writes of other resources")
		if at(mark, "object", "metadata", "resourceVersion") == rev {
			break
		}
	}
	w.must(422, "GET", cms+"?watch=1&sendInitialEvents=true", "")
}

func TestWatchTooOld(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Limits.History = 2 })
	for i := range 9 {
		w.must(201, "POST", cms, configMap(fmt.Sprint("c", i), "1"))
	}
	for _, c := range []struct {
		query   string
		code    int
		reason  string
		message string
	}{
		{"resourceVersion=2", 410, "Expired", "too old resource version: 2 ("},
		{"resourceVersion=1000&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true",
			504, "Timeout", "Timeout: Too large resource version: 1000, current: "},
	} {
		e := w.watching(cms + "?watch=1&" + c.query).next()
		w.want(e["type"], "ERROR", "type")
		w.want(at(e, "object", "code"), c.code, "code of "+c.query)
		w.want(at(e, "object", "reason"), c.reason, "reason of "+c.query)
		w.want(strings.HasPrefix(at(e, "object", "message").(string), c.message), true, fmt.Sprint(at(e, "object", "message")))
	}
}

// TestWatchFuture: a watch may begin with a revision that is yet to come. What comes
// before is none of it, and so are bookmarks.
func TestWatchFuture(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Limits.Bookmark = time.Millisecond })
	now, err := strconv.Atoi(at(w.must(201, "POST", cms, configMap("a", "1")), "metadata", "resourceVersion").(string))
	if err != nil {
		t.Fatal(err)
	}
	future := w.watching(cms + fmt.Sprint("?watch=1&allowWatchBookmarks=true&resourceVersion=", now+2))
	zero := w.watching(cms + "?watch=1&resourceVersion=00")
	for _, name := range []string{"b", "c", "d"} {
		w.must(201, "POST", cms, configMap(name, "1"))
	}
	zero.expect("ADDED a", "ADDED b", "ADDED c", "ADDED d")
	e := future.next()
	for e["type"] == "BOOKMARK" {
		rev, err := strconv.Atoi(at(e, "object", "metadata", "resourceVersion").(string))
		if err != nil || rev < now+2 {
			t.Errorf("a bookmark at %d of a watch from %d: %v", rev, now+2, err)
		}
		e = future.next()
	}
	w.want(at(e, "object", "metadata", "name"), "d", "the first event")
}

// TestLastBookmark: a watch says how far it came before its time is over.
func TestLastBookmark(t *testing.T) {
	for _, c := range []struct {
		timeout, pause, want time.Duration
	}{
		{time.Hour, time.Minute, time.Minute},
		{50 * time.Second, time.Minute, 48 * time.Second},
		{2 * time.Second, time.Minute, time.Minute},
		{time.Second, time.Millisecond, 2 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), c.timeout)
			defer cancel()
			s := &stream{c: &call{Server: &Server{cfg: Config{Limits: Limits{Bookmark: c.pause}}}}}
			if got := s.untilBookmark(ctx); got != c.want {
				t.Errorf("a watch of %v: the next bookmark is due in %v, want %v", c.timeout, got, c.want)
			}
		})
	}
}

func TestWatchForms(t *testing.T) {
	w := newWorld(t)
	w.must(201, "POST", cms, configMap("a", "1"))
	w.must(201, "POST", cms, configMap("b", "1"))
	table := w.watching(cms+"?watch=1", "Accept", "application/json;as=Table;v=v1;g=meta.k8s.io")
	first, second := table.next(), table.next()
	w.want(at(first, "object", "kind"), "Table", "kind")
	w.want(len(at(first, "object", "columnDefinitions").([]any)), 2, "columns")
	w.want(at(second, "object", "columnDefinitions"), nil, "columns of the second event")
	partial := w.watching(cms+"?watch=1", "Accept", "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io").next()
	w.want(at(partial, "object", "kind"), "PartialObjectMetadata", "kind")

	stream := w.opened(cms+"?watch=1", "Accept", "application/vnd.kubernetes.protobuf;stream=watch")
	var size [4]byte
	if _, err := io.ReadFull(stream, size[:]); err != nil {
		t.Fatal(err)
	}
	frame := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(stream, frame); err != nil {
		t.Fatal(err)
	}
	var event metav1.WatchEvent
	if err := event.Unmarshal(frame); err != nil {
		t.Fatal(err)
	}
	w.want(event.Type, "ADDED", "type")
	kind, _, err := codec.OpenEnvelope(event.Object.Raw)
	if err != nil || kind.Kind != "ConfigMap" {
		t.Errorf("object: %v %v", kind, err)
	}
}

func TestWatchEnds(t *testing.T) {
	w := newWorld(t)
	w.must(201, "POST", cms, configMap("a", "1"))
	text, err := io.ReadAll(w.opened(cms + "?watch=1&timeoutSeconds=1"))
	if err != nil || strings.Count(string(text), "\n") != 1 {
		t.Errorf("%v: %q", err, text)
	}
}

func TestSource(t *testing.T) {
	w := newWorld(t)
	made := w.must(201, "POST", cms, configMap("a", "1"))
	resource := schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
	objects, rev, err := w.Snapshot(resource, "default")
	if err != nil {
		t.Fatal(err)
	}
	w.want(rev, at(made, "metadata", "resourceVersion"), "revision")
	n := 0
	for range objects {
		n++
	}
	w.want(n, 1, "objects")
	ctx, cancel := context.WithCancel(context.Background())
	watch, err := w.WatchShared(ctx, resource, "", rev)
	if err != nil {
		t.Fatal(err)
	}
	w.must(201, "POST", cms, configMap("b", "1"))
	e := <-watch.ResultChan()
	w.want(string(e.Type), "ADDED", "type")
	later, err := w.WatchShared(ctx, resource, "", "")
	if err != nil {
		t.Fatal(err)
	}
	w.must(201, "POST", cms, configMap("c", "1"))
	e = <-later.ResultChan()
	w.want(e.Object.(*corev1.ConfigMap).Name, "c", "the first one without a revision")
	cancel()
	for range watch.ResultChan() { // it may have the second event; it ends with its context
	}
}
