package etcd

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"

	"minke/store"
)

// Compact implements store.Store. For etcd it is the history of all keys.
func (s *Store) Compact(ctx context.Context, revision store.Revision) error {
	err := s.call(ctx, "Compact", always, func(ctx context.Context, o ...grpc.CallOption) error {
		_, err := s.kv.Compact(ctx, &pb.CompactionRequest{Revision: int64(revision)}, o...)
		return err
	})
	if err != nil && !errors.Is(err, store.ErrCompacted) {
		return fmt.Errorf("compact to %d: %w", revision, err)
	}
	return nil
}

// compactKey is where servers agree on who compacts: its version counts the
// rounds. The name and its use are kube-apiserver's, so that both kinds of
// server may share an etcd.
const compactKey = "compact_rev_key"

// compaction is what a server knows of the rounds.
type compaction struct {
	version  int64          // of compactKey, as of the last round
	revision store.Revision // etcd's, as of the last round
}

// compactRegularly forgets in each round what was history in the round before.
// The first server to raise the version does it; the others, finding it raised,
// wait for the next round.
func (s *Store) compactRegularly() {
	var last compaction
	for sleep(s.ctx, s.opts.CompactionInterval) {
		next, won, err := s.compactionRound(s.ctx, last)
		if err == nil && won && last.revision > 0 {
			err = s.Compact(s.ctx, last.revision)
		}
		if err != nil {
			if s.ctx.Err() == nil {
				s.opts.Log.Warn("compact etcd", "error", err)
			}
			continue
		}
		last = next
	}
}

// compactionRound tries to raise the version that last knows.
func (s *Store) compactionRound(ctx context.Context, last compaction) (next compaction, won bool, err error) {
	request := &pb.TxnRequest{
		Compare: []*pb.Compare{{
			Key: []byte(compactKey), Result: pb.Compare_EQUAL, Target: pb.Compare_VERSION,
			TargetUnion: &pb.Compare_Version{Version: last.version},
		}},
		Success: []*pb.RequestOp{operation([]byte(compactKey), store.Write{Value: []byte(strconv.FormatInt(int64(last.revision), 10))})},
		Failure: []*pb.RequestOp{{Request: &pb.RequestOp_RequestRange{RequestRange: &pb.RangeRequest{Key: []byte(compactKey)}}}},
	}
	var answer *pb.TxnResponse
	err = s.call(ctx, "Txn", unmade, func(ctx context.Context, o ...grpc.CallOption) (err error) {
		answer, err = s.kv.Txn(ctx, request, o...)
		return err
	})
	if err != nil {
		return last, false, err
	}
	next = compaction{version: last.version + 1, revision: s.saw(answer.Header)}
	if !answer.Succeeded {
		next.version = 0
		if kvs := answer.Responses[0].GetResponseRange().GetKvs(); len(kvs) > 0 {
			next.version = kvs[0].Version
		}
	}
	return next, answer.Succeeded, nil
}
