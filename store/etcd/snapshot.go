package etcd

import (
	"context"
	"errors"
	"fmt"
	"io"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// Snapshot implements store.Store: it writes what `etcdutl snapshot restore`
// reads. It holds all that is in etcd, not only what is beneath the prefix. It
// lasts as long as ctx lets it.
func (s *Store) Snapshot(ctx context.Context, w io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	stream, err := s.maintenance.Snapshot(ctx, &pb.SnapshotRequest{})
	if err != nil {
		return fmt.Errorf("take a snapshot: %w", s.failure(ctx, err))
	}
	for {
		part, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("take a snapshot: %w", s.failure(ctx, err))
		}
		if _, err := w.Write(part.Blob); err != nil {
			return fmt.Errorf("write the snapshot: %w", err)
		}
	}
}
