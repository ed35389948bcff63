package client

import (
	"context"

	"k8s.io/apimachinery/pkg/watch"
)

// filterWatch passes on the events of w that selected matches. An object that a
// change took out of the selection comes as a deletion, perhaps of something
// the consumer never saw: every consumer must bear that anyway.
func filterWatch(ctx context.Context, w watch.Interface, selected selection) watch.Interface {
	ctx, cancel := context.WithCancel(ctx)
	out := &streamWatch{cancel: cancel, events: make(chan watch.Event)}
	go func() {
		defer close(out.events)
		defer cancel()
		defer w.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case event, ok := <-w.ResultChan():
				if !ok {
					return
				}
				event, keep := selectEvent(event, selected)
				if !keep {
					continue
				}
				select {
				case out.events <- event:
				case <-ctx.Done():
					return
				}
			}
		}
	}()
	return out
}

func selectEvent(event watch.Event, selected selection) (watch.Event, bool) {
	if event.Type == watch.Bookmark || event.Type == watch.Error || selected.matches(event.Object) {
		return event, true
	}
	known := event.Type == watch.Modified
	event.Type = watch.Deleted
	return event, known
}
