package etcd

import (
	"context"
	"fmt"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"

	"minke/store"
)

// askMin and askMax bound the pause between two requests for a mark: etcd does
// not answer one while the watch catches up, and a member may lag.
const (
	askMin = 10 * time.Millisecond
	askMax = 250 * time.Millisecond
)

// stream watches over one stream until that fails.
func (w *watcher) stream(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// A member that is cut off from its leader ends the stream, so that the
	// next one goes to another.
	client, err := w.store.watch.Watch(requireLeader(ctx), grpc.WaitForReady(true))
	if err != nil {
		return err
	}
	err = client.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: &pb.WatchCreateRequest{
		Key: orNUL(w.path), RangeEnd: orNUL(prefixEnd(w.path)), StartRevision: int64(w.at()) + 1,
		PrevKv: true, ProgressNotify: true,
	}}})
	if err != nil {
		_, err = client.Recv() // it knows why sending failed
		return err
	}
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		w.ask(ctx, client)
	}()
	err = w.receive(ctx, client)
	cancel()
	<-asked
	return err
}

// receive delivers what the stream brings.
func (w *watcher) receive(ctx context.Context, client pb.Watch_WatchClient) error {
	for {
		answer, err := client.Recv()
		if err != nil {
			return err
		}
		rev := w.store.saw(answer.Header)
		switch {
		case answer.CompactRevision > 0:
			return store.ErrCompacted
		case answer.Canceled:
			return fmt.Errorf("watch etcd: %s", answer.CancelReason)
		case answer.Created:
		case len(answer.Events) > 0:
			for _, b := range w.split(answer.Events) {
				if err := w.deliver(ctx, b); err != nil {
					return err
				}
			}
		case rev > w.at(): // a mark: there is no other watch in the stream
			if err := w.deliver(ctx, store.Batch{Revision: rev}); err != nil {
				return err
			}
		}
	}
}

// ask requests marks while somebody waits for one.
func (w *watcher) ask(ctx context.Context, client pb.Watch_WatchClient) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	pause := askMin
	for {
		select {
		case <-w.kick:
			pause = askMin
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		if !w.behind() {
			continue
		}
		err := client.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_ProgressRequest{ProgressRequest: &pb.WatchProgressRequest{}}})
		if err != nil {
			return // receive learns why
		}
		timer.Reset(pause)
		pause = min(2*pause, askMax)
	}
}
