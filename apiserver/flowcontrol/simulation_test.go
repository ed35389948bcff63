package flowcontrol

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"

	"minke/api/inprocess"
	"minke/apiserver/request"
)

// simulated is a server of few seats in virtual time.
type simulated struct {
	*Controller
	t testing.TB
}

var pods = &request.Info{IsResource: true, Verb: "get", Version: "v1", Resource: "pods", Namespace: "x", Name: "p"}

func client(name string) *inprocess.User {
	return &inprocess.User{Name: name, Groups: []string{"system:authenticated"}}
}

// do sends a request that takes d once it runs, and returns how long it waited.
func (s *simulated) do(ctx context.Context, user string, w Width, d time.Duration) (time.Duration, error) {
	u := client(user)
	var ticket Ticket
	began := time.Now()
	if err := s.Wait(ctx, s.Classify(u, pods), u, pods, w, &ticket); err != nil {
		return 0, err
	}
	defer ticket.Release()
	waited := time.Since(began)
	time.Sleep(d / 8) // works
	ticket.Away()
	time.Sleep(d * 3 / 4)
	ticket.Back()
	time.Sleep(d / 8)
	return waited, nil
}

// settled checks that nobody waits and no seat is taken, once all is over.
func (s *simulated) settled() {
	s.t.Helper()
	for _, l := range s.current.Load().levels {
		l.mu.Lock()
		if l.seats != 0 || l.narrow != 0 || l.requests != 0 || l.waiting != 0 || l.seatsWaiting != 0 || l.writing != 0 || l.running.next != &l.running || len(l.busy) != 0 || l.returning != 0 {
			s.t.Errorf("level %s at the end: %d seats of %d requests, %d waiting for %d seats", l.name, l.seats, l.requests, l.waiting, l.seatsWaiting)
		}
		for _, q := range l.queues {
			if !q.idle() || q.seats != 0 || q.seatsWaiting != 0 {
				s.t.Errorf("level %s queue %d at the end: %+v", l.name, q.index, q)
			}
		}
		l.mu.Unlock()
	}
}

// audit checks that no seat is left free while a request that fits waits.
func (s *simulated) audit() error {
	for _, l := range s.current.Load().levels {
		l.mu.Lock()
		var err error
		waiting, returning, seats := 0, 0, 0
		for _, q := range l.queues {
			waiting += len(q.waiting)
			returning += len(q.returning)
			seats += q.seats
		}
		switch {
		case returning != l.returning || l.shape.turns > 0 && len(l.busy) > l.shape.turns:
			err = fmt.Errorf("level %s counts %d returning, its queues hold %d; %d turns of %d", l.name, l.returning, returning, len(l.busy), l.shape.turns)
		case returning > 0 && len(l.busy) == 0:
			err = fmt.Errorf("level %s is idle and %d want a turn: a wake-up was lost", l.name, returning)
		case waiting != l.waiting:
			err = fmt.Errorf("level %s counts %d waiting, its queues hold %d", l.name, l.waiting, waiting)
		case l.shape.queues > 0 && seats != l.seats:
			err = fmt.Errorf("level %s counts %d seats, its queues %d", l.name, l.seats, seats)
		case l.waiting > 0 && l.seats == 0 && l.limit > 0:
			err = fmt.Errorf("level %s is idle and %d wait: a wake-up was lost", l.name, l.waiting)
		}
		l.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// TestRandomLoads sends random requests, some of which give up, while the
// configuration changes, and audits the levels all the time.
func TestRandomLoads(t *testing.T) {
	for range 20 {
		seed := rand.Uint64()
		synctest.Test(t, func(t *testing.T) { randomLoad(t, seed) })
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func randomLoad(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	s := &simulated{New(Config{Seats: 20 + r.IntN(100), Turns: 1 + r.IntN(6), Wait: 2 * time.Second}), t}
	var all sync.WaitGroup
	var mu sync.Mutex
	outcomes := map[string]int{}
	for range 3000 {
		time.Sleep(time.Duration(r.ExpFloat64() * float64(2*time.Millisecond)))
		user := fmt.Sprint("u", r.IntN(10))
		if r.IntN(2) == 0 {
			user = "flood"
		}
		w := Width{Seats: 1 + r.IntN(4)*r.IntN(2), Write: r.IntN(2) == 0}
		if r.IntN(3) == 0 {
			w.After, w.Extra = 1+r.IntN(3), time.Duration(1+r.IntN(20))*time.Millisecond
		}
		takes := time.Duration(r.IntN(60)) * time.Millisecond
		patience := time.Duration(1+r.IntN(4000)) * time.Millisecond
		all.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			outcome := "ran"
			var refused Refused
			if _, err := s.do(ctx, user, w, takes); errors.As(err, &refused) {
				outcome = refused.Reason
			}
			mu.Lock()
			outcomes[outcome]++
			mu.Unlock()
		})
		if r.IntN(500) == 0 {
			s.Set(changed(r), BootstrapLevels())
		}
		synctest.Wait()
		if err := s.audit(); err != nil {
			t.Fatal(err)
		}
	}
	all.Wait()
	time.Sleep(5 * period) // what is lent comes back
	synctest.Wait()
	s.settled()
	if s.adjusting.Load() {
		t.Error("seats are still moved though nobody waits")
	}
	for _, l := range s.current.Load().levels {
		if !l.shape.exempt && l.limit != l.shape.nominal {
			t.Errorf("level %s has %d seats at rest, want its %d", l.name, l.limit, l.shape.nominal)
		}
	}
	if outcomes["ran"] == 0 || outcomes["ran"] == 3000 {
		t.Errorf("the load proves nothing: %v", outcomes)
	}
}

// changed returns the bootstrap schemas, one of which leads elsewhere.
func changed(r *rand.Rand) []*flowcontrolv1.FlowSchema {
	all := BootstrapSchemas()
	to := []string{"workload-low", "global-default", "node-high", "catch-all", "missing"}
	i := slices.IndexFunc(all, func(f *flowcontrolv1.FlowSchema) bool { return f.Name == "global-default" })
	all[i].Spec.PriorityLevelConfiguration.Name = to[r.IntN(len(to))]
	return all
}

// TestFlood is the promise of fairness: one client floods the server with many
// times what it can do, another goes on as before. Its p99 stays within twice
// its calm value.
func TestFlood(t *testing.T) {
	const takes = 10 * time.Millisecond
	for _, flood := range []struct {
		wide  int
		takes time.Duration
	}{
		{1, takes},
		{3, takes},
		{5, 10 * takes}, // fill the level, and are read slowly
	} {
		seed := rand.Uint64()
		calm := floodRun(t, seed, 0, flood.wide, takes, flood.takes)
		flooded := floodRun(t, seed, 400, flood.wide, takes, flood.takes)
		t.Logf("seed %d, flood %d wide of %v: p50 %v p99 %v calm, p50 %v p99 %v under the flood", seed, flood.wide, flood.takes,
			calm[len(calm)/2], calm[len(calm)*99/100], flooded[len(flooded)/2], flooded[len(flooded)*99/100])
		if p99, limit := flooded[len(flooded)*99/100], 2*calm[len(calm)*99/100]; p99 > limit {
			t.Errorf("p99 under the flood is %v, want at most %v", p99, limit)
		}
	}
}

// floodRun returns the sorted latencies of a client that sends one request
// after the other, beside a flood of so many senders.
func floodRun(t *testing.T, seed uint64, senders, wide int, takes, floodTakes time.Duration) (latencies []time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		s := &simulated{New(Config{Seats: 120, Turns: 8}), t}
		ctx, stop := context.WithCancel(context.Background())
		var all sync.WaitGroup
		for i := range senders {
			r := rand.New(rand.NewPCG(seed, uint64(i)))
			all.Go(func() {
				for ctx.Err() == nil {
					if _, err := s.do(ctx, "flood", Width{Seats: wide}, vary(r, floodTakes)); err != nil {
						time.Sleep(time.Millisecond)
					}
				}
			})
		}
		time.Sleep(time.Second)
		r := rand.New(rand.NewPCG(seed, 1<<32))
		for range 1000 {
			began := time.Now()
			if _, err := s.do(ctx, "calm", Width{Seats: 1}, vary(r, takes)); err != nil {
				t.Errorf("calm client: %v", err)
			}
			latencies = append(latencies, time.Since(began))
			time.Sleep(time.Duration(r.IntN(5)) * time.Millisecond)
		}
		stop()
		all.Wait()
		s.settled()
	})
	slices.Sort(latencies)
	return latencies
}

// vary returns a duration of takes on average.
func vary(r *rand.Rand, takes time.Duration) time.Duration {
	return takes/2 + time.Duration(r.Int64N(int64(takes)))
}
