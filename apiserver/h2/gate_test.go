package h2

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// work does one piece of work of a connection that takes some time.
func (g *gate) work(s *share, takes time.Duration, done func()) {
	p := newPass(g, s)
	p.enter()
	time.Sleep(takes)
	p.leave()
	done()
}

// A connection that comes late is served before what is left of one that has
// asked for much.
func TestGateIsFair(t *testing.T) {
	for _, c := range []struct {
		name   string
		places int
		flood  int
		piece  time.Duration
		within time.Duration
	}{
		{"one place", 1, 100, time.Millisecond, 2 * time.Millisecond},
		{"two places", 2, 100, time.Millisecond, 2 * time.Millisecond},
		{"short pieces", 2, 1000, 10 * time.Microsecond, 20 * time.Microsecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGate(c.places)
				var flood, calm share
				var all sync.WaitGroup
				defer all.Wait()
				for range c.flood {
					all.Go(func() { g.work(&flood, c.piece, func() {}) })
				}
				synctest.Wait()
				time.Sleep(c.piece / 2)
				for range 5 {
					at := time.Now()
					g.work(&calm, c.piece, func() {})
					if took := time.Since(at); took > c.within {
						t.Errorf("it took %v, want at most %v", took, c.within)
					}
				}
			})
		})
	}
}

// Connections get equal parts of the time, whatever their pieces take.
func TestGateShares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(2)
		const all = 200 * time.Millisecond
		used := [3]atomic.Int64{}
		shares := [3]share{}
		began := time.Now()
		for i, takes := range []time.Duration{20 * time.Microsecond, 100 * time.Microsecond, time.Millisecond} {
			for range 8 {
				var again func()
				again = func() {
					if time.Since(began) < all {
						used[i].Add(int64(takes))
						g.work(&shares[i], takes, again)
					}
				}
				go again()
			}
		}
		time.Sleep(2 * all)
		synctest.Wait()
		var each []time.Duration
		for i := range used {
			each = append(each, time.Duration(used[i].Load()))
		}
		if least, most := slices.Min(each), slices.Max(each); float64(most) > 1.2*float64(least) {
			t.Errorf("used %v, want about the same of each", each)
		}
	})
}

// Whoever keeps its place without end does not keep others from working.
func TestGateRetakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(2)
		var stuck, other share
		passes := []*pass{newPass(g, &stuck), newPass(g, &stuck)}
		for _, p := range passes {
			p.enter()
		}
		at := time.Now()
		g.work(&other, 0, func() {})
		if took := time.Since(at); took != slice {
			t.Errorf("a place was had after %v, want %v", took, slice)
		}
		for _, p := range passes {
			p.leave()
		}
		if g.free != 2 || len(g.held) != 0 {
			t.Errorf("%d places are free and %d had, want 2 and 0", g.free, len(g.held))
		}
	})
}

// There are never more places than there are, and in the end all are free.
func TestGateBounds(t *testing.T) {
	seed := rand.Uint64()
	synctest.Test(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(seed, 0))
		g := newGate(3)
		shares := make([]share, 20)
		done := 0
		for i := range 1000 {
			begins := time.Duration(random.IntN(20_000)) * time.Microsecond
			takes := time.Duration(random.IntN(100)) * time.Microsecond
			go func() {
				time.Sleep(begins)
				p := newPass(g, &shares[i%len(shares)])
				p.enter()
				g.mu.Lock()
				if n := len(g.held); n > 3 || n+g.free != 3 {
					t.Errorf("%d places are had and %d free, of 3", n, g.free)
				}
				g.mu.Unlock()
				time.Sleep(takes)
				p.breathe()
				p.leave()
				g.mu.Lock()
				defer g.mu.Unlock()
				done++
			}()
		}
		time.Sleep(time.Minute)
		g.mu.Lock()
		defer g.mu.Unlock()
		if done != 1000 || g.free != 3 || g.wanted.Load() != 0 || len(g.shares) != 0 {
			t.Error(fmt.Sprint(done, " have worked, ", g.free, " places are free, ", g.wanted.Load(), " wait, want 1000, 3, 0"))
		}
	})
	if t.Failed() {
		t.Log("seed", seed)
	}
}
