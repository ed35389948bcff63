package cluster

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"minke/apiserver/codec"
	"minke/cluster/options"
	"minke/store/local"
)

// TestPortsOfTwo lets two servers on one store give away addresses and node ports
// at the same time: none is given twice, and the store says which are in use.
func TestPortsOfTwo(t *testing.T) {
	const each = 120
	st := local.OpenMemory()
	// The store is given: the endpoint only says that it is shared.
	options := options.API{Datastore: options.Datastore{Endpoints: []string{"http://127.0.0.1:1"}}}
	servers := []*testServer{openTestServer(t, st, options), openTestServer(t, st, options)}
	servers[0].must(201, "POST", "/api/v1/namespaces", `{"metadata":{"name":"shop"}}`)
	const path = "/api/v1/namespaces/shop/services"
	body := func(name string, port int) string {
		return fmt.Sprintf(`{"metadata":{"name":%q},"spec":{"type":"NodePort","ports":[{"port":80,"nodePort":%d}]}}`, name, port)
	}
	// Both want the same ports, in the same order, and some of their own.
	var mu sync.Mutex
	won := map[int]int{}
	var running sync.WaitGroup
	for i, w := range servers {
		running.Go(func() {
			for n := range each {
				if got := w.do("POST", path, body(fmt.Sprintf("any-%d-%d", i, n), 0)); got.Code != 201 {
					t.Errorf("any port: %d %s", got.Code, got.Body)
				}
				port := 31000 + n
				switch got := w.do("POST", path, body(fmt.Sprintf("own-%d-%d", i, n), port)); got.Code {
				case 201:
					mu.Lock()
					won[port]++
					mu.Unlock()
				case http.StatusUnprocessableEntity:
				default:
					t.Errorf("port %d: %d %s", port, got.Code, got.Body)
				}
			}
		})
	}
	running.Wait()
	var all corev1.ServiceList
	if err := json.Unmarshal(servers[0].do("GET", path, "").Body.Bytes(), &all); err != nil {
		t.Fatal(err)
	}
	used := map[string]string{}
	for _, s := range all.Items {
		for _, what := range []string{s.Spec.ClusterIP, fmt.Sprint(s.Spec.Ports[0].NodePort)} {
			if used[what] != "" {
				t.Errorf("%s and %s both have %s", used[what], s.Name, what)
			}
			used[what] = s.Name
		}
	}
	for port, n := range won {
		if n != 1 {
			t.Errorf("port %d was given to %d services", port, n)
		}
	}
	if len(won) < each/2 {
		t.Errorf("%d of %d ports that were asked for were given", len(won), each)
	}
	if n := bitsOf(t, st); n != len(all.Items) {
		t.Errorf("%d ports are written down, of %d services", n, len(all.Items))
	}
	// What one gives back the other can give.
	for i, s := range all.Items {
		servers[i%2].must(200, "DELETE", path+"/"+s.Name, "")
	}
	if n := bitsOf(t, st); n != 0 {
		t.Errorf("%d ports are written down when no service is left", n)
	}
	for n := range 20 {
		servers[n%2].must(201, "POST", path, body(fmt.Sprint("again-", n), 31000+n))
	}
}

// bitsOf counts the ports that kube-apiserver would find in use.
func bitsOf(t *testing.T, st *local.Store) (n int) {
	t.Helper()
	entry, _, err := st.Get(t.Context(), options.StoreRoot+"/ranges/servicenodeports")
	if err != nil || entry == nil {
		t.Fatalf("%v, %v", entry, err)
	}
	_, raw, err := codec.OpenEnvelope(entry.Value)
	if err != nil {
		t.Fatal(err)
	}
	var r corev1.RangeAllocation
	if err := r.Unmarshal(raw); err != nil {
		t.Fatal(err)
	}
	if r.Range != "30000-32767" {
		t.Errorf("the range is %s", r.Range)
	}
	for _, b := range r.Data {
		for ; b != 0; b &= b - 1 {
			n++
		}
	}
	return n
}
