package etcd

import (
	"context"
	"fmt"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"

	"minke/store"
)

// Txn implements store.Store. When it fails with store.ErrUnavailable, or ctx
// ends first, the writes may yet have been made.
func (s *Store) Txn(ctx context.Context, t store.Txn) (store.TxnResult, error) {
	request, err := s.request(t)
	if err != nil {
		return store.TxnResult{}, err
	}
	var answer *pb.TxnResponse
	err = s.call(ctx, "Txn", unmade, func(ctx context.Context, o ...grpc.CallOption) (err error) {
		answer, err = s.kv.Txn(ctx, request, o...)
		return err
	})
	if err != nil {
		return store.TxnResult{}, fmt.Errorf("write to the store: %w", err)
	}
	result := store.TxnResult{Succeeded: answer.Succeeded, Revision: s.saw(answer.Header)}
	if answer.Succeeded {
		return result, nil
	}
	result.Current = make([]*store.Entry, len(t.If))
	for i := range t.If {
		if kvs := answer.Responses[i].GetResponseRange().GetKvs(); len(kvs) > 0 {
			entry := s.entry(kvs[0])
			result.Current[i] = &entry
		}
	}
	return result, nil
}

// request puts t in etcd's terms: on failure the keys of the conditions are
// read, in the same transaction.
func (s *Store) request(t store.Txn) (*pb.TxnRequest, error) {
	request := &pb.TxnRequest{}
	for _, c := range t.If {
		path, err := s.path(c.Key)
		if err != nil {
			return nil, err
		}
		request.Compare = append(request.Compare, &pb.Compare{
			Key: []byte(path), Result: pb.Compare_EQUAL, Target: pb.Compare_MOD,
			TargetUnion: &pb.Compare_ModRevision{ModRevision: int64(c.Modified)},
		})
		request.Failure = append(request.Failure, &pb.RequestOp{Request: &pb.RequestOp_RequestRange{
			RequestRange: &pb.RangeRequest{Key: []byte(path)},
		}})
	}
	for _, w := range t.Writes {
		path, err := s.path(w.Key)
		if err != nil {
			return nil, err
		}
		request.Success = append(request.Success, operation([]byte(path), w))
	}
	return request, nil
}

func operation(path []byte, w store.Write) *pb.RequestOp {
	if w.Delete {
		return &pb.RequestOp{Request: &pb.RequestOp_RequestDeleteRange{RequestDeleteRange: &pb.DeleteRangeRequest{Key: path}}}
	}
	return &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{Key: path, Value: w.Value}}}
}
