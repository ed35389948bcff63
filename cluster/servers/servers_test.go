package servers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/client"
	"minke/client/fake"
	"minke/store"
	"minke/store/local"
)

var quiet = slog.New(slog.DiscardHandler)

// holding is a store that servers share, and whose keys go with their holders,
// one way or the other.
type holding struct {
	store.Store
}

func (h holding) Hold(ctx context.Context, key string, value []byte, _ time.Duration) error {
	if _, err := h.Txn(ctx, store.Txn{Writes: []store.Write{{Key: key, Value: value}}}); err != nil {
		return err
	}
	<-ctx.Done()
	_, err := h.Txn(context.Background(), store.Txn{Writes: []store.Write{{Key: key, Delete: true}}})
	return errors.Join(ctx.Err(), err)
}

func TestAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := fake.New()
		shared := holding{local.OpenMemory()}
		var running sync.WaitGroup
		start := func(n int) (stop func()) {
			ctx, cancel := context.WithCancel(t.Context())
			a := &Addresses{Store: shared, Prefix: "/registry/masterleases/", API: api, Port: 6443, Log: quiet,
				Own: netip.AddrFrom4([4]byte{10, 0, 0, byte(n)})}
			running.Go(func() {
				if err := a.Run(ctx); !errors.Is(err, context.Canceled) {
					t.Errorf("server %d ended: %v", n, err)
				}
			})
			return cancel
		}
		want := func(when, want string) {
			t.Helper()
			time.Sleep(2 * addressPause)
			synctest.Wait()
			e, err := client.Of(api, client.Endpoints).Get(t.Context(), "default", "kubernetes")
			if err != nil {
				t.Fatal(err)
			}
			s, err := client.Of(api, client.EndpointSlices).Get(t.Context(), "default", "kubernetes")
			if err != nil {
				t.Fatal(err)
			}
			var inEndpoints, inSlice []string
			for _, a := range e.Subsets[0].Addresses {
				inEndpoints = append(inEndpoints, a.IP)
			}
			for _, a := range s.Endpoints {
				inSlice = append(inSlice, a.Addresses...)
			}
			if got := fmt.Sprint(inEndpoints, inSlice, e.Subsets[0].Ports[0].Port, *s.Ports[0].Port); got != want {
				t.Errorf("%s: %s, wanted %s", when, got, want)
			}
		}
		stop2 := start(2)
		want("one server", "[10.0.0.2] [10.0.0.2] 6443 6443")
		stop1 := start(1)
		stop3 := start(3)
		want("three", "[10.0.0.1 10.0.0.2 10.0.0.3] [10.0.0.1 10.0.0.2 10.0.0.3] 6443 6443")
		stop2()
		want("two", "[10.0.0.1 10.0.0.3] [10.0.0.1 10.0.0.3] 6443 6443")

		if err := client.Of(api, client.Endpoints).Delete(t.Context(), "default", "kubernetes", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		s, _ := client.Of(api, client.EndpointSlices).Get(t.Context(), "default", "kubernetes")
		s = s.DeepCopy()
		s.Endpoints = nil
		if _, err := client.Of(api, client.EndpointSlices).Update(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		want("others' doing is undone", "[10.0.0.1 10.0.0.3] [10.0.0.1 10.0.0.3] 6443 6443")
		writes := len(api.Requests())
		time.Sleep(time.Hour)
		if more := len(api.Requests()) - writes; more != 0 {
			t.Errorf("%d writes in a quiet hour", more)
		}
		stop1()
		want("one", "[10.0.0.3] [10.0.0.3] 6443 6443")
		stop3()
		running.Wait()
		want("nobody is left who could tell", "[10.0.0.3] [10.0.0.3] 6443 6443")
		_ = shared.Close()
	})
}

func TestFamilies(t *testing.T) {
	s := Slice([]netip.Addr{netip.MustParseAddr("fd00::2"), netip.MustParseAddr("fd00::1"), netip.MustParseAddr("fd00::2")}, 6443)
	if got := fmt.Sprint(s.AddressType, s.Endpoints[0].Addresses, s.Endpoints[1].Addresses, len(s.Endpoints)); got != "IPv6[fd00::1] [fd00::2] 2" {
		t.Error(got)
	}
	if e := Endpoints(nil, 1); e.Subsets != nil {
		t.Errorf("endpoints of nobody: %v", e.Subsets)
	}
}

var good = Keys{Authority: "a", FrontProxy: "f", Signing: "s", Accepted: []string{"s", "old"}}

func TestKeysAgree(t *testing.T) {
	for _, c := range []struct {
		other Keys
		want  string
	}{
		{good, ""},
		{Keys{}, ""}, // a kube-apiserver
		{Keys{Authority: "a", FrontProxy: "f", Signing: "old", Accepted: []string{"old", "s"}}, ""},
		{Keys{Authority: "b", FrontProxy: "f", Signing: "s", Accepted: good.Accepted}, "the certificate authority differs (here a, there b)"},
		{Keys{Authority: "a", FrontProxy: "g", Signing: "s", Accepted: good.Accepted}, "the authority of front proxies differs"},
		{Keys{Authority: "a", FrontProxy: "f", Signing: "new", Accepted: []string{"new", "s"}}, "the key of service accounts differs (here s, there new)"},
		{Keys{Authority: "a", FrontProxy: "f", Signing: "old", Accepted: []string{"old"}}, "the key of service accounts differs (here s, there old)"},
	} {
		// As the other tells it.
		l := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Annotations: c.other.annotations()}}
		err := good.agree(keysOf(l))
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %q", c.other, err, c.want)
		}
	}
	if err := agreeOnPort(6443, &coordinationv1.Lease{}); err != nil {
		t.Errorf("a kube-apiserver: %v", err)
	}
}

func TestIdentity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := fake.New()
		server := func(host string, keys Keys) *Identity {
			return &Identity{API: api, Host: host, Keys: keys, Port: 6443, Log: quiet}
		}
		leases := func() (names []string) {
			all, _, err := client.Of(api, client.Leases).List(t.Context(), "kube-system", metav1.ListOptions{})
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range all {
				names = append(names, l.Labels[corev1.LabelHostname])
			}
			return names
		}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		run := func(i *Identity) {
			if err := i.Join(ctx); err != nil {
				t.Fatal(err)
			}
			running.Go(func() { _ = i.Run(ctx) })
		}
		a := server("a", good)
		// The digest is that of `printf a | sha256sum`, its first half in base 32.
		if a.Name() != "apiserver-zklycewkdo64v6wcggzzui64ju" {
			t.Errorf("the name of a is %s", a.Name())
		}
		run(a)
		run(server("b", good))
		other := good
		other.Authority = "x"
		if err := server("c", other).Join(ctx); err == nil || !strings.Contains(err.Error(), "join the server on ") {
			t.Errorf("a server with other keys: %v", err)
		}
		elsewhere := server("d", good)
		elsewhere.Port = 6444
		if err := elsewhere.Join(ctx); err == nil || !strings.Contains(err.Error(), "the port differs (here 6444, there 6443)") || !strings.Contains(err.Error(), "start this server with --secure-port=6443") {
			t.Errorf("a server on another port: %v", err)
		}
		if got := fmt.Sprint(len(leases())); got != "2" {
			t.Errorf("%s leases, of %v", got, leases())
		}
		// Somebody ended without a word, and counts for an hour more.
		if err := server("gone", good).Join(ctx); err != nil {
			t.Fatal(err)
		}
		time.Sleep(59 * time.Minute)
		synctest.Wait()
		if n := len(leases()); n != 3 {
			t.Errorf("%d leases after an hour less a minute", n)
		}
		time.Sleep(62 * time.Minute)
		synctest.Wait()
		if n := len(leases()); n != 2 {
			t.Errorf("%d leases after two hours: %v", n, leases())
		}
		cancel()
		running.Wait()
		// Whoever is gone for a minute does not hold up a new key.
		time.Sleep(time.Minute)
		if err := server("c", other).Join(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
