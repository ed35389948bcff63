package cluster

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/client"
	"minke/client/leaderelection"
	"minke/cluster/options"
	"minke/store"
	"minke/store/etcd"
	"minke/store/local"
	"minke/test/peers"
)

// sleeper is a store whose process is stopped before a leader's transaction, which
// was sure by then that it leads, and goes on after then has returned.
type sleeper struct {
	store.Store
	then atomic.Pointer[func()]
}

type asLeader struct{}

func (s *sleeper) Txn(ctx context.Context, t store.Txn) (store.TxnResult, error) {
	if ctx.Value(asLeader{}) != nil {
		if then := s.then.Swap(nil); then != nil {
			(*then)()
		}
	}
	return s.Store.Txn(ctx, t)
}

// TestSleepingLeader: a leader that was stopped right before its write, until
// another one led, writes nothing; one whose Lease was written meanwhile, but not
// taken, does.
func TestSleepingLeader(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) store.Store{
		"local": func(*testing.T) store.Store { return local.OpenMemory() },
		"etcd": func(t *testing.T) store.Store {
			if testing.Short() {
				t.Skip("it starts etcd")
			}
			st, err := etcd.Open(etcd.Options{Endpoints: []string{peers.StartEtcd(t).URL}, Root: options.StoreRoot, Prefix: options.StoreRoot})
			if err != nil {
				t.Fatal(err)
			}
			return st
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := &sleeper{Store: open(t)}
			w := newTestServer(t, s)
			w.must(201, "POST", "/api/v1/namespaces", `{"metadata":{"name":"kube-system"}}`)
			ended := errors.New("the term has been tried")
			err := leaderelection.Run(t.Context(), leaderelection.Config{API: w.self, Namespace: "kube-system", Name: "kube-scheduler", Identity: "me", Timing: leaderelection.DefaultTiming},
				func(ctx context.Context, right leaderelection.Right) error {
					w.asLeader(ctx, s, right)
					return ended
				})
			if !errors.Is(err, ended) {
				t.Error(err)
			}
		})
	}
}

func (w *testServer) asLeader(ctx context.Context, s *sleeper, right leaderelection.Right) {
	const lease = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-scheduler"
	maps := client.Of(w.fenced("kube-system", "kube-scheduler", right)(w.self), client.ConfigMaps)
	ctx = context.WithValue(ctx, asLeader{}, true)
	for _, c := range []struct {
		name, patch string
		written     bool
	}{
		{"awake", "", true},
		{"labelled", `{"metadata":{"labels":{"a":"b"}}}`, true},
		{"taken", `{"spec":{"holderIdentity":"you"}}`, false},
		{"still-taken", "", false},
	} {
		if c.patch != "" {
			then := func() { w.must(200, "PATCH", lease, c.patch) }
			s.then.Store(&then)
		}
		_, err := maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: c.name}})
		if (err == nil) != c.written || err != nil && !strings.Contains(err.Error(), "does not hold the lease any more") {
			w.Errorf("%s: %v", c.name, err)
		}
		if s.then.Load() != nil {
			w.Errorf("%s: the leader did not sleep", c.name)
		}
		if _, err := client.Of(w.self, client.ConfigMaps).Get(ctx, "shop", c.name); err != nil == c.written || err != nil && !apierrors.IsNotFound(err) {
			w.Errorf("%s: read %v", c.name, err)
		}
		// By time it still leads: it was not stopped by that.
		if _, err := right.Fence(); err != nil {
			w.Errorf("%s: %v", c.name, err)
		}
	}
	for what, do := range map[string]func() error{
		"delete": func() error { return maps.Delete(ctx, "shop", "awake", metav1.DeleteOptions{}) },
		"update": func() error {
			m, err := maps.Get(ctx, "shop", "awake")
			if err != nil {
				return err
			}
			m = m.DeepCopy()
			m.Data = map[string]string{"a": "b"}
			_, err = maps.Update(ctx, m)
			return err
		},
	} {
		if err := do(); err == nil || !strings.Contains(err.Error(), "does not hold the lease any more") {
			w.Errorf("%s: %v", what, err)
		}
	}
}
