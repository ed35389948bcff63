package leaderelection

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"minke/client"
)

// Config says what is elected.
type Config struct {
	// API is how the lease is read and written.
	API client.Interface
	// Namespace and Name are those of the Lease.
	Namespace, Name string
	// Identity is ours alone among all processes that ever take part.
	Identity string
	Timing
	// Changed, if set, is told that this process leads now, or does not any more,
	// with the Lease as it was last written. It must not block.
	Changed func(l *coordinationv1.Lease, leads bool)
	// Log defaults to slog.Default().
	Log *slog.Logger
}

// Lead is a component: it runs until ctx ends and returns when it has stopped.
// What it writes must pass the right's fence (client.Fenced).
type Lead func(ctx context.Context, right Right) error

// Right is what a process has that leads.
type Right struct {
	Fence client.Fence
	// Version is the resourceVersion of the Lease, as this process has written it
	// last. With not, which it turned out not to be, it reads the Lease: that was
	// renewed meanwhile, or is lost, which is the error.
	Version func(ctx context.Context, not string) (string, error)
}

// errLost is why a leader is stopped, and what its fence says.
var errLost = errors.New("this process does not hold the lease any more")

// elector is one process taking part in one election.
type elector struct {
	Config
	leases client.Resource[*coordinationv1.Lease]
	// changed tells that seen has; its capacity is 1.
	changed chan struct{}

	mu   sync.Mutex // guards seen
	seen observed
}

// Run takes part in the election until ctx ends or lead fails: whenever this
// process is elected lead runs, one at a time. It gives the lease back when lead
// has stopped.
func Run(ctx context.Context, c Config, lead Lead) error {
	if c.Log == nil {
		c.Log = slog.Default().With("part", "leaderelection")
	}
	c.Log = c.Log.With("lease", c.Name, "identity", c.Identity)
	e := &elector{Config: c, leases: client.Of(c.API, client.Leases), changed: make(chan struct{}, 1)}
	status.WithLabelValues(c.Name).Set(0)
	following, stop := context.WithCancel(ctx)
	defer stop()
	if err := e.follow(following); err != nil {
		return fmt.Errorf("elect %s: %w", c.Name, err)
	}
	for {
		t := e.acquire(ctx)
		if t == nil {
			return ctx.Err()
		}
		e.tell(t, true)
		again, err := e.lead(ctx, t, lead)
		e.tell(t, false)
		if !again {
			return err
		}
	}
}

func (e *elector) tell(t *term, leads bool) {
	gauge := status.WithLabelValues(e.Name)
	if gauge.Set(0); leads {
		gauge.Set(1)
	}
	if e.Changed != nil {
		e.Changed(t.lease, leads)
	}
}

// follow keeps seen up to date until ctx ends.
func (e *elector) follow(ctx context.Context) error {
	informers := client.NewInformers(e.API)
	view := client.InformerOf(informers, client.Leases, client.InNamespace(e.Namespace), client.WithFields("metadata.name="+e.Name))
	view.Handle(client.Handler[*coordinationv1.Lease]{
		Add:    e.see,
		Update: func(_, l *coordinationv1.Lease) { e.see(l) },
		Delete: func(*coordinationv1.Lease) { e.see(nil) },
	})
	informers.Start(ctx)
	select {
	case <-view.Synced():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (e *elector) see(l *coordinationv1.Lease) {
	e.mu.Lock()
	e.seen = e.seen.see(l, time.Now())
	e.mu.Unlock()
	select {
	case e.changed <- struct{}{}:
	default:
	}
}

func (e *elector) observed() observed {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.seen
}

// acquire returns the term that begins, or nil when ctx ends before.
func (e *elector) acquire(ctx context.Context) *term {
	for ctx.Err() == nil {
		seen := e.observed()
		pause := seen.wait(e.Identity, e.LeaseDuration, time.Now())
		if pause == 0 {
			t, err := e.take(ctx, seen.lease)
			if err == nil {
				e.Log.Info("this process leads now")
				return t
			}
			if !apierrors.IsConflict(err) && !apierrors.IsAlreadyExists(err) {
				e.Log.Warn("the lease cannot be taken", "err", err)
			}
			pause = time.Duration(float64(e.RetryPeriod) * (1 + (jitter-1)*rand.Float64()))
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-e.changed:
		case <-timer.C:
		}
		timer.Stop()
	}
	return nil
}

// take writes our name into the lease, if it is still as it was seen. What was
// begun is ended even when ctx ends meanwhile: else nobody would give it back.
func (e *elector) take(ctx context.Context, seen *coordinationv1.Lease) (*term, error) {
	begun := time.Now()
	ctx, cancel := e.request(ctx, begun.Add(e.RenewDeadline))
	defer cancel()
	write := e.leases.Update
	if seen == nil {
		write = e.leases.Create
	}
	l, err := write(ctx, e.claimed(seen, begun))
	if err != nil {
		return nil, err
	}
	return &term{timing: e.Timing, lease: l, renewed: begun, version: l.ResourceVersion}, nil
}

// request bounds one request: there is to be time for another one.
func (e *elector) request(ctx context.Context, deadline time.Time) (context.Context, context.CancelFunc) {
	if half := time.Now().Add(e.RenewDeadline / 2); half.Before(deadline) {
		deadline = half
	}
	return context.WithDeadline(context.WithoutCancel(ctx), deadline)
}
