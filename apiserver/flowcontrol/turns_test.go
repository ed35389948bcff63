package flowcontrol

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// turnsWorld is a server with two turns for each level, of which held are taken.
func turnsWorld(t *testing.T, held int) (*simulated, []*Ticket) {
	s := &simulated{New(Config{Seats: 600, Turns: 2}), t}
	var tickets []*Ticket
	for range held {
		tickets = append(tickets, s.seat("flood"))
	}
	return s, tickets
}

// seat returns when a request of user runs.
func (s *simulated) seat(user string) *Ticket {
	u, ticket := client(user), &Ticket{}
	if err := s.Wait(context.Background(), s.Classify(u, pods), u, pods, Width{Seats: 1}, ticket); err != nil {
		s.t.Errorf("%s: %v", user, err)
	}
	return ticket
}

// TestTurns checks that no more requests work at a time than there are turns,
// and that who waits for something else lets others work.
func TestTurns(t *testing.T) {
	for _, c := range []struct {
		name  string
		frees func(*Ticket)
		after time.Duration
	}{
		{"a request ends", (*Ticket).Release, 0},
		{"a request waits for something", (*Ticket).Away, 0},
		{"a request works for long, or does not say that it waits", func(*Ticket) {}, slice},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, held := turnsWorld(t, 2)
			began := time.Now()
			var third atomic.Pointer[Ticket]
			go func() { third.Store(s.seat("calm")) }()
			synctest.Wait()
			if third.Load() != nil {
				t.Fatalf("%s: a third request works while two have the turns", c.name)
			}
			c.frees(held[0])
			time.Sleep(c.after)
			synctest.Wait()
			if third.Load() == nil {
				t.Fatalf("%s: nobody gets its turn", c.name)
			}
			if took := time.Since(began); took != c.after {
				t.Errorf("%s: it took %v, want %v", c.name, took, c.after)
			}
			for _, k := range append(held, third.Load()) {
				k.Release()
			}
			s.settled()
		})
	}
}

// TestBack checks that who comes back gets a turn before the newcomers of its
// own queue.
func TestBack(t *testing.T) {
	now := time.Now()
	l := newLevel("x", shape{nominal: 9, most: 9, queues: 1, hand: 1, length: 9, turns: 1}, func() {}, now)
	arrive := func() (*Ticket, *waiter) {
		k := &Ticket{level: l, flow: l.flowOf("s"), seats: 1}
		w, _ := l.arrive(k, 0, now)
		return k, w
	}
	first, _ := arrive()
	l.away(first, now)
	second, w := arrive()
	if w != nil {
		t.Fatal("the turn that was given up serves nobody")
	}
	returning := l.back(first, now)
	third, newcomer := arrive()
	if returning.runs || newcomer.runs {
		t.Fatal("two have the only turn")
	}
	l.finish(second, now)
	if !returning.runs || newcomer.runs {
		t.Errorf("returning runs: %t, newcomer: %t; want the first alone", returning.runs, newcomer.runs)
	}
	l.finish(first, now)
	l.finish(third, now)
	if !newcomer.runs || len(l.busy) != 0 || l.seats != 0 {
		t.Errorf("newcomer runs: %t; at the end %d turns and %d seats are taken", newcomer.runs, len(l.busy), l.seats)
	}
}

// TestAway checks that contexts without a ticket, and tickets without a seat, do
// not mind.
func TestAway(t *testing.T) {
	Away(context.Background())()
	Away(WithTicket(context.Background(), &Ticket{}))()
}
