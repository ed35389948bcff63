package etcd

import (
	"context"
	"errors"
	"fmt"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"

	"minke/store"
)

var _ store.Holder = (*Store)(nil)

// errLapsed tells that etcd has forgotten a lease, and what hung on it.
var errLapsed = errors.New("etcd knows the lease no more")

// Hold implements store.Holder by a lease of etcd's own, which is kept alive
// three times in its life. That costs etcd no write.
//
//	granted ──> key put ──> kept alive ──ctx ended──> revoked
//	   ^──────────pause──────────┘ lapsed: etcd was away for too long
func (s *Store) Hold(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	path, err := s.path(key)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	pause := retryMin
	for ctx.Err() == nil {
		lease, err := s.grant(ctx, path, value, ttl)
		if err == nil {
			pause = retryMin
			err = s.keepAlive(ctx, lease, ttl)
		}
		if ctx.Err() != nil {
			return errors.Join(ctx.Err(), s.revoke(lease))
		}
		s.opts.Log.Warn("a key that is there while this server is", "key", key, "error", err)
		if !sleep(ctx, pause) {
			return errors.Join(ctx.Err(), s.revoke(lease))
		}
		pause = min(2*pause, retryMax)
	}
	return ctx.Err()
}

// grant puts the key on a new lease, whose number is returned also if only the
// key failed.
func (s *Store) grant(ctx context.Context, path string, value []byte, ttl time.Duration) (lease int64, err error) {
	err = s.call(ctx, "LeaseGrant", unmade, func(ctx context.Context, o ...grpc.CallOption) error {
		answer, err := s.lease.LeaseGrant(ctx, &pb.LeaseGrantRequest{TTL: int64(ttl / time.Second)}, o...)
		lease = answer.GetID()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("grant a lease: %w", err)
	}
	// A put is the same the second time.
	err = s.call(ctx, "Put", always, func(ctx context.Context, o ...grpc.CallOption) error {
		answer, err := s.kv.Put(ctx, &pb.PutRequest{Key: []byte(path), Value: value, Lease: lease}, o...)
		if err == nil {
			s.saw(answer.Header)
		}
		return err
	})
	if err != nil {
		return lease, fmt.Errorf("put %s: %w", path, err)
	}
	return lease, nil
}

// keepAlive returns when ctx ends or the lease has lapsed.
func (s *Store) keepAlive(ctx context.Context, lease int64, ttl time.Duration) error {
	for sleep(ctx, ttl/3) {
		err := s.call(ctx, "LeaseKeepAlive", always, func(ctx context.Context, o ...grpc.CallOption) error { return s.keepAliveOnce(ctx, lease, o...) })
		switch {
		case errors.Is(err, errLapsed):
			return err
		case err != nil && ctx.Err() == nil:
			s.opts.Log.Warn("keep a lease of etcd alive", "error", err)
		}
	}
	return ctx.Err()
}

// keepAliveOnce uses a stream for one question.
func (s *Store) keepAliveOnce(ctx context.Context, lease int64, o ...grpc.CallOption) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := s.lease.LeaseKeepAlive(ctx, o...)
	if err != nil {
		return err
	}
	if err := stream.Send(&pb.LeaseKeepAliveRequest{ID: lease}); err != nil {
		_, err = stream.Recv() // it knows why sending failed
		return err
	}
	answer, err := stream.Recv()
	if err == nil && answer.TTL <= 0 {
		err = errLapsed
	}
	return err
}

// revoke takes a lease back, and the key with it, when ctx has ended already.
func (s *Store) revoke(lease int64) error {
	if lease == 0 || s.ctx.Err() != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(s.ctx, revokeTime)
	defer cancel()
	err := s.call(ctx, "LeaseRevoke", always, func(ctx context.Context, o ...grpc.CallOption) error {
		_, err := s.lease.LeaseRevoke(ctx, &pb.LeaseRevokeRequest{ID: lease}, o...)
		return err
	})
	if err != nil {
		return fmt.Errorf("revoke a lease of etcd: %w", err)
	}
	return nil
}

// revokeTime bounds how long a server that stops waits for etcd: the lease
// expires anyway.
const revokeTime = 2 * time.Second
