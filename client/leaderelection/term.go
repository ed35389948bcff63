package leaderelection

import (
	"context"
	"errors"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// term is the time for which a process leads.
type term struct {
	timing Timing
	lease  *coordinationv1.Lease // as last written; the renewing goroutine's own

	mu sync.Mutex // guards what follows
	// renewed is when the last renewal that was made began, version the lease's
	// resourceVersion as far as it is known.
	renewed time.Time
	version string
	ended   bool
}

// deadline is when the leader has to give up.
func (t *term) deadline() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.renewed.Add(t.timing.RenewDeadline)
}

// fence is the term's client.Fence: a request begins before the deadline, and
// has time until others may take the lease.
func (t *term) fence() (time.Time, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended || !time.Now().Before(t.renewed.Add(t.timing.RenewDeadline)) {
		return time.Time{}, errLost
	}
	return t.renewed.Add(t.timing.LeaseDuration), nil
}

func (t *term) renewedAt(begun time.Time, l *coordinationv1.Lease) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.renewed, t.lease, t.version = begun, l, l.ResourceVersion
}

// version is the Version of the term's Right.
func (e *elector) version(ctx context.Context, t *term, not string) (string, error) {
	t.mu.Lock()
	version, ended := t.version, t.ended
	t.mu.Unlock()
	if ended {
		return "", errLost
	}
	if version != not {
		return version, nil
	}
	l, err := e.leases.Get(ctx, e.Namespace, e.Name)
	switch {
	case apierrors.IsNotFound(err):
		return "", errLost
	case err != nil:
		return "", err
	case holderOf(l) != e.Identity:
		return "", errLost
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.version == not {
		t.version = l.ResourceVersion
	}
	return t.version, nil
}

func (t *term) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
}

// lead runs the component for the term. Again tells that the term was lost, so
// that another one may come.
func (e *elector) lead(ctx context.Context, t *term, run Lead) (again bool, err error) {
	running, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	stopped := make(chan error, 1)
	right := Right{Fence: t.fence, Version: func(ctx context.Context, not string) (string, error) { return e.version(ctx, t, not) }}
	go func() { stopped <- run(running, right) }()
	timer := time.NewTimer(e.RetryPeriod)
	defer timer.Stop()
	for {
		select {
		case err := <-stopped:
			t.end()
			e.release(ctx, t)
			if err == nil {
				err = ctx.Err()
			}
			return false, err
		case <-timer.C:
		}
		err := e.renew(ctx, t)
		switch left := time.Until(t.deadline()); {
		case errors.Is(err, errLost), err != nil && left <= 0:
			t.end()
			e.Log.Warn("this process does not lead any more: its component stops", "err", err)
			stop(errLost)
			err := <-stopped
			e.Log.Info("the component has stopped", "err", err)
			return ctx.Err() == nil, ctx.Err()
		case err != nil:
			e.Log.Warn("the lease cannot be renewed", "err", err, "left", left)
			timer.Reset(min(e.RetryPeriod, left))
		default:
			timer.Reset(e.RetryPeriod)
		}
	}
}

// renew writes the time into the lease. It fails with errLost when somebody else
// holds it.
func (e *elector) renew(ctx context.Context, t *term) error {
	begun := time.Now()
	ctx, cancel := e.request(ctx, t.deadline())
	defer cancel()
	l, err := e.leases.Update(ctx, e.claimed(t.lease, begun))
	if err == nil {
		t.renewedAt(begun, l)
		return nil
	}
	if !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
		return err
	}
	// Somebody wrote it: we, if the answer was lost; who labels it; who deleted
	// it; or who has taken it.
	now, readErr := e.leases.Get(ctx, e.Namespace, e.Name)
	switch {
	case apierrors.IsNotFound(readErr):
		return errLost
	case readErr != nil:
		return readErr
	case holderOf(now) != e.Identity:
		return errLost
	}
	if l, err = e.leases.Update(ctx, e.claimed(now, begun)); err != nil {
		return err
	}
	t.renewedAt(begun, l)
	return nil
}

// release gives the lease back, so that others need not wait until it expires.
func (e *elector) release(ctx context.Context, t *term) {
	// It is harmless at any time: it fails if the lease is another's by now.
	ctx, cancel := e.request(ctx, time.Now().Add(e.RenewDeadline))
	defer cancel()
	_, err := e.leases.Update(ctx, released(t.lease, time.Now()))
	if apierrors.IsConflict(err) { // a renewal whose answer was lost, or a label
		now, readErr := e.leases.Get(ctx, e.Namespace, e.Name)
		if readErr == nil && holderOf(now) != e.Identity {
			return
		}
		if err = readErr; err == nil {
			_, err = e.leases.Update(ctx, released(now, time.Now()))
		}
	}
	if err != nil {
		e.Log.Warn("the lease cannot be released: others wait until it expires", "err", err)
		return
	}
	e.Log.Info("the lease is released")
}
