package etcd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"minke/store"
)

// retryMin and retryMax bound the pause before a call or a watch is tried again.
const (
	retryMin = 20 * time.Millisecond
	retryMax = time.Second
)

// again tells how a call may be tried again.
type again struct {
	after func(err error) bool
	// tries is in how many parts the time is divided: a member that hangs gets
	// one of them, and the next try goes to another.
	tries int
}

// always is for reads: whatever passes by itself is worth another try.
var always = again{tries: 3, after: func(err error) bool {
	code := status.Code(err)
	return code == codes.Unavailable || code == codes.DeadlineExceeded
}}

// unmade is for writes: only if etcd says that it did not begin.
var unmade = again{tries: 1, after: func(err error) bool {
	return errors.Is(rpctypes.Error(err), rpctypes.ErrNoLeader)
}}

// call runs do until it succeeds, fails for good, or the deadline passes.
func (s *Store) call(ctx context.Context, method string, retry again, do func(context.Context, ...grpc.CallOption) error) (err error) {
	if s.ctx.Err() != nil {
		return store.ErrClosed
	}
	ctx, span := traced(ctx, method)
	defer func() {
		span.Fail(err)
		span.End()
	}()
	ctx, cancel := context.WithTimeout(ctx, s.opts.Timeout)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	pause := retryMin
	for {
		// Waiting for a connection is grpc's; a member that has no leader is
		// to say so rather than wait for one.
		try, done := context.WithTimeout(requireLeader(ctx), s.opts.Timeout/time.Duration(retry.tries))
		err := do(try, grpc.WaitForReady(true))
		done()
		if err == nil {
			return nil
		}
		if !retry.after(err) || !sleep(ctx, pause) {
			return s.failure(ctx, err)
		}
		pause = min(2*pause, retryMax)
	}
}

func requireLeader(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, rpctypes.MetadataRequireLeaderKey, rpctypes.MetadataHasLeader)
}

// sleep waits, and tells false when ctx has ended.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// failure says in the store's terms why a call under ctx failed.
func (s *Store) failure(ctx context.Context, err error) error {
	switch known := rpctypes.Error(err); {
	case s.ctx.Err() != nil:
		return store.ErrClosed
	case errors.Is(known, rpctypes.ErrCompacted):
		return store.ErrCompacted
	case errors.Is(known, rpctypes.ErrFutureRev):
		return store.ErrFutureRevision
	case errors.Is(known, rpctypes.ErrRequestTooLarge):
		return store.ErrTooLarge
	}
	switch status.Code(err) {
	case codes.ResourceExhausted:
		// What is beyond etcd's own bound by far, its grpc does not let in.
		if !errors.As(rpctypes.Error(err), new(rpctypes.EtcdError)) {
			return store.ErrTooLarge
		}
	case codes.Canceled:
		if cause := ctx.Err(); cause != nil {
			return cause
		}
	case codes.Unavailable, codes.DeadlineExceeded:
		return fmt.Errorf("ask etcd: %w: %s", store.ErrUnavailable, status.Convert(err).Message())
	}
	return fmt.Errorf("ask etcd: %w", err)
}
