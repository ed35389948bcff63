package etcd

import (
	"fmt"
	"sync/atomic"
	"testing"

	"minke/store"
	"minke/store/storetest"
	"minke/test/peers"
)

var stores atomic.Int64

// open makes a store that is empty, in an etcd that others use too.
func open(t testing.TB, urls []string, o Options) *Store {
	t.Helper()
	o.Endpoints = urls
	if o.Prefix == "" {
		o.Prefix = fmt.Sprintf("/test-%d", stores.Add(1))
	}
	st, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return st
}

func TestStore(t *testing.T) {
	member := peers.StartEtcd(t)
	newest := func(t *testing.T, url string) store.Store {
		return open(t, []string{url}, Options{Prefix: fmt.Sprintf("/test-%d", stores.Load())})
	}
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, []string{member.URL}, Options{}) },
		storetest.Reopen(func(t *testing.T, st store.Store) store.Store {
			if err := st.Close(); err != nil {
				t.Fatal(err)
			}
			member.Kill(t)
			member.Start(t)
			return newest(t, member.URL)
		}),
		storetest.Restore(func(t *testing.T, snapshot []byte) store.Store {
			return newest(t, peers.RestoreEtcd(t, snapshot).URL)
		}))
}
