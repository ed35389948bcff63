package etcd

import (
	"context"
	"fmt"
	"slices"
	"strings"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/grpc"

	"minke/store"
)

// pageSize is how many entries are asked for at a time, so that a large range
// makes etcd hold no more than that in memory.
const pageSize = 5000

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, key string) (*store.Entry, store.Revision, error) {
	path, err := s.path(key)
	if err != nil {
		return nil, 0, err
	}
	answer, err := s.read(ctx, &pb.RangeRequest{Key: []byte(path)})
	if err != nil {
		return nil, 0, fmt.Errorf("get %s: %w", key, err)
	}
	if len(answer.Kvs) == 0 {
		return nil, store.Revision(answer.Header.GetRevision()), nil
	}
	entry := s.entry(answer.Kvs[0])
	return &entry, store.Revision(answer.Header.GetRevision()), nil
}

// Range implements store.Store.
func (s *Store) Range(ctx context.Context, r store.Range) (store.RangeResult, error) {
	result, err := s.pages(ctx, r)
	if err != nil {
		return store.RangeResult{}, fmt.Errorf("read %s: %w", r.Prefix, err)
	}
	return result, nil
}

// pages reads page after page, all at the revision of the first.
func (s *Store) pages(ctx context.Context, r store.Range) (store.RangeResult, error) {
	prefix, err := s.path(r.Prefix)
	if err != nil {
		return store.RangeResult{}, err
	}
	from := prefix
	if r.After != "" && r.After >= r.Prefix {
		if !strings.HasPrefix(r.After, r.Prefix) {
			return s.none(ctx, r.Revision)
		}
		from = prefix + r.After[len(r.Prefix):] + "\x00"
	}
	request := &pb.RangeRequest{Key: orNUL(from), RangeEnd: orNUL(prefixEnd(prefix)), Revision: int64(r.Revision)}
	result := store.RangeResult{Revision: r.Revision}
	for {
		request.Limit = pageSize
		if r.Limit > 0 {
			request.Limit = int64(min(pageSize, r.Limit-len(result.Entries)))
		}
		answer, err := s.read(ctx, request)
		if err != nil {
			return store.RangeResult{}, err
		}
		if result.Revision == 0 {
			result.Revision = store.Revision(answer.Header.GetRevision())
			request.Revision = int64(result.Revision)
		}
		if result.Entries == nil && len(answer.Kvs) > 0 {
			result.Entries = make([]store.Entry, 0, expected(answer.Count, r.Limit))
		}
		for _, kv := range answer.Kvs {
			result.Entries = append(result.Entries, s.entry(kv))
		}
		if !answer.More || len(result.Entries) == r.Limit {
			result.More, result.Remaining = answer.More, answer.Count-int64(len(answer.Kvs))
			return result, nil
		}
		request.Key = append(slices.Clone(answer.Kvs[len(answer.Kvs)-1].Key), 0)
	}
}

func expected(count int64, limit int) int64 {
	if limit > 0 {
		return min(count, int64(limit))
	}
	return count
}

// none is the answer to a range that lies after its prefix.
func (s *Store) none(ctx context.Context, rev store.Revision) (store.RangeResult, error) {
	answer, err := s.read(ctx, &pb.RangeRequest{Key: []byte(s.opts.Prefix + "\x00"), Revision: int64(rev), CountOnly: true})
	if err != nil {
		return store.RangeResult{}, err
	}
	if rev == 0 {
		rev = store.Revision(answer.Header.GetRevision())
	}
	return store.RangeResult{Revision: rev}, nil
}

// read asks a linearizable read.
func (s *Store) read(ctx context.Context, request *pb.RangeRequest) (*pb.RangeResponse, error) {
	var answer *pb.RangeResponse
	err := s.call(ctx, "Range", always, func(ctx context.Context, o ...grpc.CallOption) (err error) {
		answer, err = s.kv.Range(ctx, request, o...)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.saw(answer.Header)
	return answer, nil
}

func (s *Store) entry(kv *mvccpb.KeyValue) store.Entry {
	value := kv.Value
	if value == nil {
		value = []byte{} // an entry has a value, if an empty one
	}
	return store.Entry{Key: s.key(kv.Key), Value: value,
		Created: store.Revision(kv.CreateRevision), Modified: store.Revision(kv.ModRevision)}
}

// prefixEnd returns the first key after all those that begin with prefix, and
// nothing if there is none.
func prefixEnd(prefix string) string {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] < 0xff {
			return prefix[:i] + string([]byte{prefix[i] + 1})
		}
	}
	return ""
}

// orNUL returns key, or what etcd takes for the first key and for no end.
func orNUL(key string) []byte {
	if key == "" {
		return []byte{0}
	}
	return []byte(key)
}
