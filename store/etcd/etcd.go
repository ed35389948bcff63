package etcd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"

	"minke/store"
)

// Options say where etcd is and how it is used. Endpoints must be set.
type Options struct {
	// Endpoints are URLs such as https://10.0.0.1:2379, all https or all http.
	Endpoints []string
	// CAFile verifies etcd's certificate; empty means the system's roots.
	// CertFile and KeyFile are the client's pair, read anew for each
	// connection, so that they may be replaced.
	CAFile, CertFile, KeyFile string
	// Root is what the keys of the store begin with, and Prefix what stands in
	// its place in etcd.
	Root, Prefix string
	// Timeout bounds each call; zero means 10 seconds.
	Timeout time.Duration
	// CompactionInterval is how often the history before the last interval is
	// forgotten, by whichever server comes first. Zero means never.
	CompactionInterval time.Duration
	// WatchBuffer is how many batches a watch may hold. Zero means 256.
	WatchBuffer int
	// Dial opens connections; nil means TCP.
	Dial func(ctx context.Context, address string) (net.Conn, error)
	// Log defaults to slog.Default().
	Log *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	if o.WatchBuffer == 0 {
		o.WatchBuffer = 256
	}
	if o.Log == nil {
		o.Log = slog.Default().With("part", "store/etcd")
	}
	return o
}

// Store is the engine. It implements store.Store.
type Store struct {
	opts        Options
	conn        *grpc.ClientConn
	kv          pb.KVClient
	watch       pb.WatchClient
	lease       pb.LeaseClient
	maintenance pb.MaintenanceClient

	// seen is the newest revision that any answer told.
	seen atomic.Int64

	ctx    context.Context // ends with Close, its cause being store.ErrClosed
	cancel context.CancelCauseFunc

	mu     sync.Mutex // guards closed against running.Go
	closed bool
	// running are the watches and the compaction.
	running sync.WaitGroup
}

var _ store.Store = (*Store)(nil)

// Open makes the engine. It does not wait for etcd: calls do.
func Open(opts Options) (*Store, error) {
	s := &Store{opts: opts.withDefaults()}
	var err error
	if s.conn, err = dial(&s.opts); err != nil {
		return nil, fmt.Errorf("open etcd: %w", err)
	}
	s.kv, s.watch, s.maintenance = pb.NewKVClient(s.conn), pb.NewWatchClient(s.conn), pb.NewMaintenanceClient(s.conn)
	s.lease = pb.NewLeaseClient(s.conn)
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	s.running.Go(s.tellState)
	if s.opts.CompactionInterval > 0 {
		s.running.Go(s.compactRegularly)
	}
	return s, nil
}

// Close implements store.Store.
func (s *Store) Close() error {
	s.mu.Lock()
	closed := s.closed
	s.closed = true
	s.mu.Unlock()
	if closed {
		return nil
	}
	s.cancel(store.ErrClosed)
	s.running.Wait()
	return s.conn.Close()
}

// goRunning runs f in a goroutine that Close waits for.
func (s *Store) goRunning(f func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return store.ErrClosed
	}
	s.running.Go(f)
	return nil
}

var errOutside = errors.New("the key is outside of the store")

// path returns the key in etcd of a key of the store, or of a key's prefix.
func (s *Store) path(key string) (string, error) {
	rest, ok := strings.CutPrefix(key, s.opts.Root)
	if !ok && key != "" {
		return "", fmt.Errorf("find %q in etcd: %w, which begins with %q", key, errOutside, s.opts.Root)
	}
	return s.opts.Prefix + rest, nil
}

// key is the inverse of path.
func (s *Store) key(path []byte) string {
	return s.opts.Root + string(path[len(s.opts.Prefix):])
}

// saw notes the revision that an answer told.
func (s *Store) saw(header *pb.ResponseHeader) store.Revision {
	rev := header.GetRevision()
	for {
		seen := s.seen.Load()
		if rev <= seen || s.seen.CompareAndSwap(seen, rev) {
			return store.Revision(rev)
		}
	}
}
