package h2

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// held is a job that lasts until it is let go.
type held chan struct{}

func (h held) serve() { <-h }

func (p *workers) waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.idle)
}

func TestWorkersAreKeptForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p workers
		many := make([]held, maxIdle+8)
		for i := range many {
			many[i] = make(held)
			p.serve(many[i])
		}
		synctest.Wait()
		if n := p.waiting(); n != 0 {
			t.Fatalf("%d wait while all work", n)
		}
		for _, h := range many {
			close(h)
		}
		synctest.Wait()
		if n := p.waiting(); n != maxIdle {
			t.Fatalf("%d wait, want %d", n, maxIdle)
		}
		// Two are needed again and again.
		for range 6 {
			a, b := make(held), make(held)
			p.serve(a)
			p.serve(b)
			time.Sleep(idleTime / 2)
			close(a)
			close(b)
			synctest.Wait()
		}
		if n := p.waiting(); n != 2 {
			t.Errorf("%d wait after a while in which two were needed", n)
		}
		time.Sleep(3 * idleTime)
		synctest.Wait()
		if n := p.waiting(); n != 0 {
			t.Errorf("%d wait after a while in which nobody was needed", n)
		}
		last := make(held) // and after that it goes on
		p.serve(last)
		close(last)
		synctest.Wait()
		if n := p.waiting(); n != 1 {
			t.Errorf("%d wait after another one", n)
		}
		time.Sleep(3 * idleTime)
	})
}

// TestWorkersServeAll lets jobs come from many sides.
func TestWorkersServeAll(t *testing.T) {
	var p workers
	var done, senders sync.WaitGroup
	for range 16 {
		senders.Go(func() {
			for range 500 {
				done.Add(1)
				p.serve(finishing{&done})
			}
		})
	}
	senders.Wait()
	done.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) > maxIdle {
		t.Errorf("%d wait", len(p.idle))
	}
}

type finishing struct{ *sync.WaitGroup }

func (f finishing) serve() { f.Done() }
