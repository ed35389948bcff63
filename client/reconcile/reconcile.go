// Package reconcile runs level-triggered loops: keys go in, a function brings
// what the key names from observed to wanted, failures come back later.
package reconcile

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/util/workqueue"

	"minke/client"
)

// Options are a loop's settings; the zero value gives Kubernetes' own.
type Options struct {
	// FirstDelay and LastDelay bound the exponential back-off of a key that
	// fails. They default to 5 ms and 1000 s.
	FirstDelay, LastDelay time.Duration
	// Log defaults to slog.Default().
	Log *slog.Logger
}

// Loop is a queue of keys and the function that handles them. A key is handled
// by one worker at a time; adding it meanwhile has it handled once more after.
type Loop struct {
	name    string
	fn      func(context.Context, client.Key) error
	queue   workqueue.TypedRateLimitingInterface[client.Key]
	counted *counted // what queue is built on
	retries prometheus.Counter
	log     *slog.Logger
}

// New returns a loop that calls fn for each key. It takes keys at once, and
// handles them when Run is called.
func New(name string, opts Options, fn func(context.Context, client.Key) error) *Loop {
	if opts.FirstDelay == 0 {
		opts.FirstDelay = 5 * time.Millisecond
	}
	if opts.LastDelay == 0 {
		opts.LastDelay = 1000 * time.Second
	}
	if opts.Log == nil {
		opts.Log = slog.Default()
	}
	limiter := workqueue.NewTypedItemExponentialFailureRateLimiter[client.Key](opts.FirstDelay, opts.LastDelay)
	counts := newCounted(queueName(name))
	delaying := workqueue.NewTypedDelayingQueueWithConfig(workqueue.TypedDelayingQueueConfig[client.Key]{Queue: counts})
	return &Loop{
		name: name, fn: fn, log: opts.Log.With("part", name), counted: counts, retries: retries.WithLabelValues(queueName(name)),
		queue: workqueue.NewTypedRateLimitingQueueWithConfig(limiter, workqueue.TypedRateLimitingQueueConfig[client.Key]{DelayingQueue: delaying}),
	}
}

// Add has the key handled soon.
func (l *Loop) Add(key client.Key) { l.queue.Add(key) }

// AddAfter has the key handled once the delay has passed.
func (l *Loop) AddAfter(key client.Key, delay time.Duration) { l.queue.AddAfter(key, delay) }

// Run handles keys with so many workers until ctx ends, and returns when they
// have. It can be called once.
func (l *Loop) Run(ctx context.Context, workers int) {
	stop := context.AfterFunc(ctx, l.queue.ShutDown)
	defer stop()
	defer l.counted.forget()
	defer underWay.enter(l.counted, queueName(l.name))()
	var running sync.WaitGroup
	for range workers {
		running.Go(func() {
			for l.next(ctx) {
			}
		})
	}
	running.Wait()
}

func (l *Loop) next(ctx context.Context) bool {
	key, shutdown := l.queue.Get()
	if shutdown {
		return false
	}
	defer l.queue.Done(key)
	err := l.fn(ctx, key)
	switch {
	case err == nil:
		l.queue.Forget(key)
	case ctx.Err() != nil:
	default:
		// A conflict says only that somebody was faster: the next look mends it.
		level := slog.LevelWarn
		if apierrors.IsConflict(err) {
			level = slog.LevelDebug
		}
		l.log.Log(ctx, level, "will try again", "key", key.String(), "err", err, "failures", l.queue.NumRequeues(key))
		l.retries.Inc()
		l.queue.AddRateLimited(key)
	}
	return true
}

// WaitFor returns when all channels are closed, as informers' Synced, or with
// an error when ctx ends before.
func WaitFor(ctx context.Context, synced ...<-chan struct{}) error {
	for _, s := range synced {
		select {
		case <-s:
		case <-ctx.Done():
			return fmt.Errorf("wait for informers: %w", ctx.Err())
		}
	}
	return nil
}
