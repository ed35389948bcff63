package apiserver

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"minke/store"
	"minke/store/etcd"
	"minke/store/local"
	"minke/test/peers"
)

// etcdVariable names the etcd that the tests of this package keep their state
// in, if any.
const etcdVariable = "APISERVER_TEST_ETCD"

var worlds atomic.Int64

// openStore opens an empty store.
func openStore(t testing.TB) store.Store {
	t.Helper()
	url := os.Getenv(etcdVariable)
	if url == "" {
		return local.OpenMemory()
	}
	return openEtcd(t, etcd.Options{Endpoints: []string{url}, Prefix: fmt.Sprintf("/world-%d", worlds.Add(1))})
}

// inMemory is for tests in a synctest bubble, which ends at the network.
func inMemory(c *Config) { c.Store = local.OpenMemory() }

func openEtcd(t testing.TB, o etcd.Options) store.Store {
	t.Helper()
	o.Root = "/registry"
	st, err := etcd.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// TestOnEtcd runs the tests of this package once more, on etcd.
func TestOnEtcd(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	member := peers.StartEtcd(t)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.skip=^(TestOnEtcd|TestEtcdAway)$", "-test.timeout=5m")
	cmd.Env = append(os.Environ(), etcdVariable+"="+member.URL)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestEtcdAway holds that without etcd old reads are answered, new ones and
// writes refused in time, and that watches go on when it is back.
func TestEtcdAway(t *testing.T) {
	member := peers.StartEtcd(t)
	w := newWorld(t, func(c *Config) {
		c.Store = openEtcd(t, etcd.Options{Endpoints: []string{member.URL}, Prefix: "/registry", Timeout: 3 * time.Second})
	})
	w.must(201, "POST", cms, configMap("a", "1"))
	watched := w.watchNames(cms + "?watch=true&resourceVersion=0")
	w.want(<-watched, "ADDED a", "the watch begins")

	member.Kill(t)
	w.want(len(w.must(200, "GET", cms+"?resourceVersion=0", "")["items"].([]any)), 1, "items of a list at 0")
	w.want(at(w.must(200, "GET", cms+"/a?resourceVersion=0", ""), "metadata", "name"), "a", "an object at 0")
	var calls sync.WaitGroup
	for _, call := range [][3]string{{"GET", cms, ""}, {"GET", cms + "/a", ""}, {"POST", cms, configMap("b", "1")}, {"DELETE", cms + "/a", ""}} {
		calls.Go(func() {
			if got := w.do(call[0], call[1], call[2]); got.Code != 503 || !strings.Contains(got.Body.String(), `"reason":"ServiceUnavailable"`) {
				t.Errorf("%s %s: %d, %s", call[0], call[1], got.Code, got.Body)
			}
		})
	}
	calls.Wait()
	member.Start(t)
	w.must(201, "POST", cms, configMap("c", "1"))
	w.want(<-watched, "ADDED c", "the watch goes on")
}

// watchNames watches over a connection, and yields the types and names.
func (w *world) watchNames(path string) <-chan string {
	w.Helper()
	server := httptest.NewServer(w)
	ctx, cancel := context.WithCancel(context.Background())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+path, nil)
	if err != nil {
		w.Fatal(err)
	}
	response, err := server.Client().Do(request)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { cancel(); response.Body.Close(); server.Close() })
	names := make(chan string, 16)
	go func() {
		defer close(names)
		for lines := bufio.NewScanner(response.Body); lines.Scan(); {
			var event map[string]any
			if json.Unmarshal(lines.Bytes(), &event) != nil {
				return
			}
			names <- fmt.Sprintf("%s %s", event["type"], at(event, "object", "metadata", "name"))
		}
	}()
	return names
}
