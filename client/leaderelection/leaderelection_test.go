package leaderelection

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"minke/client"
	"minke/client/fake"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// link is one process's way to the API, which may be cut.
type link struct {
	client.Interface
	client.Source
	mu  sync.Mutex
	cut bool
}

func (l *link) set(cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = cut
}

func (l *link) Do(ctx context.Context, r client.Request) (runtime.Object, error) {
	l.mu.Lock()
	cut := l.cut
	l.mu.Unlock()
	if cut {
		<-ctx.Done() // a store that hangs
		return nil, ctx.Err()
	}
	return l.Interface.Do(ctx, r)
}

// world is a few processes that elect one of them.
type world struct {
	*testing.T
	api   *fake.Server
	links []*link
	// ends stop the processes; gone counts those that have.
	ends []context.CancelFunc
	gone sync.WaitGroup
	// linger is how long a component takes to stop.
	linger func() time.Duration

	mu      sync.Mutex
	leading []int // who leads; never two
	terms   int
}

func (w *world) start(n int) {
	for range n {
		i := len(w.links)
		l := &link{Interface: w.api, Source: w.api}
		ctx, cancel := context.WithCancel(w.Context())
		w.links, w.ends = append(w.links, l), append(w.ends, cancel)
		w.gone.Go(func() {
			err := Run(ctx, Config{API: l, Namespace: "kube-system", Name: "kube-scheduler", Identity: fmt.Sprint("p", i), Timing: DefaultTiming, Log: quiet},
				func(ctx context.Context, right Right) error {
					return w.lead(ctx, i, client.Fenced(l, right.Fence))
				})
			if !errors.Is(err, context.Canceled) {
				w.Errorf("p%d ended: %v", i, err)
			}
		})
	}
}

// lead writes as often as it can, for as long as it may.
func (w *world) lead(ctx context.Context, i int, api client.Interface) error {
	w.mu.Lock()
	w.leading, w.terms = append(w.leading, i), w.terms+1
	if len(w.leading) > 1 {
		w.Errorf("%v lead at the same time", w.leading)
	}
	w.mu.Unlock()
	<-ctx.Done()
	if w.linger != nil {
		time.Sleep(w.linger())
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.leading = w.leading[:len(w.leading)-1]
	return nil
}

// leader returns who leads now, and -1 when nobody does.
func (w *world) leader() int {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.leading) == 0 {
		return -1
	}
	return w.leading[0]
}

func (w *world) stopAll() {
	for i, end := range w.ends {
		w.links[i].set(false)
		end()
	}
	w.gone.Wait()
}

func (w *world) lease() *coordinationv1.Lease {
	w.Helper()
	l, err := client.Of(w.api, client.Leases).Get(w.Context(), "kube-system", "kube-scheduler")
	if err != nil {
		w.Fatal(err)
	}
	return l
}

func bubble(t *testing.T, run func(w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, api: fake.New()}
		run(w)
		w.stopAll()
	})
}

func TestOneLeads(t *testing.T) {
	bubble(t, func(w *world) {
		w.start(3)
		first := w.leader()
		if first < 0 {
			w.Fatal("nobody leads")
		}
		l := w.lease()
		if got := fmt.Sprint(*l.Spec.HolderIdentity, " ", *l.Spec.LeaseDurationSeconds, *l.Spec.LeaseTransitions); got != fmt.Sprintf("p%d 15 0", first) {
			w.Errorf("the lease says %s", got)
		}
		time.Sleep(time.Hour)
		if now := w.leader(); now != first {
			w.Errorf("after a quiet hour p%d leads, not p%d", now, first)
		}
		renewals := 0
		for _, r := range w.api.Requests() {
			if r.Verb == "update" {
				renewals++
			}
		}
		if renewals < 1795 || renewals > 1805 {
			w.Errorf("%d renewals in an hour, wanted one every two seconds", renewals)
		}
	})
}

// TestReleased holds that a graceful stop hands over at once.
func TestReleased(t *testing.T) {
	bubble(t, func(w *world) {
		w.start(2)
		first := w.leader()
		w.linger = func() time.Duration { return time.Second }
		begun := time.Now()
		w.ends[first]()
		time.Sleep(time.Second)
		if now := w.leader(); now != 1-first {
			w.Fatalf("p%d leads %v after p%d began to stop", now, time.Since(begun), first)
		}
		if n := *w.lease().Spec.LeaseTransitions; n != 1 {
			w.Errorf("%d transitions", n)
		}
	})
}

// TestKilled holds that a leader that says nothing more is followed when its
// lease expires, not before, and that it stops by itself before that.
func TestKilled(t *testing.T) {
	bubble(t, func(w *world) {
		w.start(2)
		first := w.leader()
		time.Sleep(time.Minute)
		w.links[first].set(true)
		synctest.Wait()
		for _, step := range []struct {
			after time.Duration
			want  int
		}{{7900 * time.Millisecond, first}, {2200 * time.Millisecond, -1}, {2800 * time.Millisecond, -1}, {4 * time.Second, 1 - first}} {
			time.Sleep(step.after)
			if now := w.leader(); now != step.want {
				w.Errorf("%v later p%d leads, wanted p%d", step.after, now, step.want)
			}
		}
		// It takes part again when it can.
		w.links[first].set(false)
		time.Sleep(time.Minute)
		w.ends[1-first]()
		if now := w.leader(); now != first {
			w.Errorf("p%d leads, wanted p%d", now, first)
		}
	})
}

// TestFence holds that who does not stop in time writes nothing any more.
func TestFence(t *testing.T) {
	bubble(t, func(w *world) {
		l := &link{Interface: w.api, Source: w.api}
		written := make(chan error)
		ctx, cancel := context.WithCancel(w.Context())
		w.gone.Go(func() {
			_ = Run(ctx, Config{API: l, Namespace: "a", Name: "b", Identity: "deaf", Timing: DefaultTiming, Log: quiet},
				func(_ context.Context, right Right) error {
					api := client.Of(client.Fenced(w.api, right.Fence), client.ConfigMaps) // its own way is not cut
					for i := 0; ctx.Err() == nil; i++ {
						_, err := api.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: fmt.Sprint("c", i)}})
						written <- err
					}
					return nil
				})
		})
		defer cancel()
		if err := <-written; err != nil {
			w.Fatal(err)
		}
		<-written
		l.set(true)
		time.Sleep(10 * time.Second)
		<-written // it began before
		if err := <-written; !errors.Is(err, errLost) {
			w.Errorf("a write ten seconds after the last renewal: %v", err)
		}
		cancel()
		<-written
	})
}

// TestForeignWrites holds that a label, or a lease that was deleted, is told
// from a lease that was taken.
func TestForeignWrites(t *testing.T) {
	bubble(t, func(w *world) {
		w.start(2)
		first := w.leader()
		leases := client.Of(w.api, client.Leases)
		l := w.lease().DeepCopy()
		l.Labels = map[string]string{"a": "b"}
		if _, err := leases.Update(w.Context(), l); err != nil {
			w.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if now := w.leader(); now != first || w.lease().Labels["a"] != "b" {
			w.Errorf("after a label p%d leads, not p%d", now, first)
		}
		l = w.lease().DeepCopy()
		somebody := "kube-scheduler-of-another-maker"
		l.Spec.HolderIdentity = &somebody
		if _, err := leases.Update(w.Context(), l); err != nil {
			w.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if now := w.leader(); now != -1 {
			w.Errorf("p%d leads though another holds the lease", now)
		}
		time.Sleep(15 * time.Second)
		if now := w.leader(); now < 0 {
			w.Error("nobody leads after the other's lease expired")
		}
	})
}

// TestFaults holds, whatever the API and the links do, that there are never two
// leaders, and that there is one soon after they do well again.
func TestFaults(t *testing.T) {
	for range 20 {
		seed := rand.Uint64()
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			bubble(t, func(w *world) {
				chance := rand.New(rand.NewPCG(seed, 1))
				w.linger = func() time.Duration {
					w.mu.Lock()
					defer w.mu.Unlock()
					return time.Duration(chance.Int64N(int64(4900 * time.Millisecond)))
				}
				draw := func(n int) int {
					w.mu.Lock()
					defer w.mu.Unlock()
					return chance.IntN(n)
				}
				w.start(4)
				w.api.SetFaults(fake.Faults{Rand: rand.New(rand.NewPCG(seed, 2)), Fail: .1, Lose: .1, Conflict: .1, EndWatch: .1, Expire: .05, Delay: 300 * time.Millisecond})
				for range 300 {
					time.Sleep(time.Duration(draw(8000)) * time.Millisecond)
					w.links[draw(4)].set(draw(2) == 0)
				}
				w.api.SetFaults(fake.Faults{})
				for _, l := range w.links {
					l.set(false)
				}
				time.Sleep(time.Minute)
				if w.leader() < 0 {
					w.Error("nobody leads though all is well again")
				}
				if w.terms < 10 {
					w.Errorf("only %d terms: the faults do not reach the election", w.terms)
				}
			})
		})
	}
}

func TestTiming(t *testing.T) {
	for _, c := range []struct {
		lease, renew, retry time.Duration
		want                string
	}{
		{15 * time.Second, 10 * time.Second, 2 * time.Second, ""},
		{15 * time.Second, 10 * time.Second, 0, "--leader-elect-retry-period must be greater than zero"},
		{15 * time.Second, 2 * time.Second, 2 * time.Second, "--leader-elect-renew-deadline (2s) must be greater than 1.2 times"},
		{10 * time.Second, 10 * time.Second, 2 * time.Second, "--leader-elect-lease-duration (10s) must be greater than"},
		{15500 * time.Millisecond, 10 * time.Second, 2 * time.Second, "whole seconds"},
	} {
		err := Timing{LeaseDuration: c.lease, RenewDeadline: c.renew, RetryPeriod: c.retry}.Check()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %q", c, err, c.want)
		}
	}
}
