package etcd

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"minke/store"
	"minke/test/peers"
)

// cuttable opens connections until it is cut for good.
type cuttable struct {
	droppable
	mu  sync.Mutex
	cut bool
}

func (c *cuttable) dial(ctx context.Context, address string) (net.Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cut {
		return nil, errors.New("cut by the test")
	}
	return c.droppable.dial(ctx, address)
}

func (c *cuttable) end() {
	c.mu.Lock()
	c.cut = true
	c.mu.Unlock()
	c.drop()
}

// TestHold holds that a key is there as long as who holds it, no matter how that
// ends, and comes back when etcd has forgotten it.
func TestHold(t *testing.T) {
	const ttl = time.Second
	member := peers.StartEtcd(t)
	watching := open(t, []string{member.URL}, Options{Prefix: "/hold"})
	w, err := watching.Watch(t.Context(), "/held/", 0)
	if err != nil {
		t.Fatal(err)
	}
	next := func(want string) {
		t.Helper()
		for b := range w.Batches() {
			if len(b.Events) == 0 {
				continue
			}
			e := b.Events[0]
			got := "put " + e.Entry.Key
			if e.Deleted {
				got = "deleted " + e.Entry.Key
			}
			if got != want {
				t.Fatalf("%s, wanted %s", got, want)
			}
			return
		}
		t.Fatalf("wanted %s: %v", want, w.Err())
	}
	hold := func(st *Store, key string) (end func() error) {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- st.Hold(ctx, key, []byte("x"), ttl) }()
		return func() error { cancel(); return <-done }
	}
	wire := &cuttable{}
	st := open(t, []string{member.URL}, Options{Prefix: "/hold", Dial: wire.dial, Log: quiet, Timeout: 300 * time.Millisecond})

	end := hold(st, "/held/a")
	next("put /held/a")
	// Somebody's lease of three times that life runs out first.
	lease, err := watching.lease.LeaseGrant(t.Context(), &pb.LeaseGrantRequest{TTL: 3})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := watching.kv.Put(t.Context(), &pb.PutRequest{Key: []byte("/hold/held/z"), Lease: lease.ID}); err != nil {
		t.Fatal(err)
	}
	next("put /held/z")
	next("deleted /held/z")

	leases, err := watching.lease.LeaseLeases(t.Context(), &pb.LeaseLeasesRequest{})
	if err != nil || len(leases.Leases) != 1 {
		t.Fatalf("%v, %v", leases, err)
	}
	if _, err := watching.lease.LeaseRevoke(t.Context(), &pb.LeaseRevokeRequest{ID: leases.Leases[0].ID}); err != nil {
		t.Fatal(err)
	}
	next("deleted /held/a")
	next("put /held/a")

	if err := end(); !errors.Is(err, context.Canceled) || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("the end: %v", err)
	}
	next("deleted /held/a")

	end = hold(st, "/held/b")
	next("put /held/b")
	wire.end()
	next("deleted /held/b")
	if err := end(); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("the end without etcd: %v", err)
	}
}
