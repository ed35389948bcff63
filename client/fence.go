package client

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
)

// Fence tells until when at least its owner may act, or why he may not any more.
type Fence func() (until time.Time, err error)

// Fenced returns api for an owner who may lose the right to act: what he asks
// once fence refuses is not done, and what is under way ends when his right does.
// So a part that is late to stop, or a process that was stopped for a while and
// goes on, changes nothing any more.
//
// That holds but for a process that is stopped between the two: for it there is
// store.Guard.
func Fenced(api Interface, fence Fence) Interface {
	f := &fenced{Interface: api, fence: fence}
	if source, ok := api.(Source); ok {
		return struct {
			*fenced
			Source
		}{f, source}
	}
	return f
}

type fenced struct {
	Interface
	fence Fence
}

func (f *fenced) Do(ctx context.Context, r Request) (runtime.Object, error) {
	until, err := f.fence()
	if err != nil {
		return nil, err
	}
	ctx, end := f.within(ctx, until)
	defer end()
	return f.Interface.Do(ctx, r)
}

// within returns a context that ends with the owner's right, which he has until
// then at least, and what ends it before.
func (f *fenced) within(ctx context.Context, until time.Time) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	var timer *time.Timer
	timer = time.AfterFunc(time.Hour, func() {
		later, err := f.fence()
		if err != nil {
			cancel(err)
			return
		}
		timer.Reset(time.Until(later)) // a long request, and a right that was renewed
	})
	timer.Reset(time.Until(until))
	return ctx, func() {
		timer.Stop()
		cancel(nil)
	}
}

func (f *fenced) through() Interface { return Fenced(Through(f.Interface), f.fence) }
