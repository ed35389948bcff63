package fake

import (
	"context"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"minke/client"
)

func listFrom(revision string) metav1.ListOptions {
	return metav1.ListOptions{ResourceVersion: revision}
}

// Watch implements client.Interface.
func (s *Server) Watch(ctx context.Context, r client.Request) (watch.Interface, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	selected, err := parse(r.List)
	if err != nil {
		return nil, err
	}
	if s.faults.chance(s.faults.Fail) {
		return nil, s.faults.failure()
	}
	after := s.revision
	if r.List.ResourceVersion != "" && r.List.ResourceVersion != "0" {
		if after, err = strconv.ParseInt(r.List.ResourceVersion, 10, 64); err != nil {
			return nil, apierrors.NewBadRequest(err.Error())
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	w := &watcher{
		server: s, table: s.table(r.Resource), namespace: r.Namespace, selected: selected,
		cancel: cancel, events: make(chan watch.Event), after: after,
	}
	go w.run(ctx)
	return w, nil
}

type watcher struct {
	server    *Server
	table     *table
	namespace string
	selected  selection
	cancel    context.CancelFunc
	events    chan watch.Event
	after     int64 // owned by run
}

func (w *watcher) Stop()                          { w.cancel() }
func (w *watcher) ResultChan() <-chan watch.Event { return w.events }

func (w *watcher) run(ctx context.Context) {
	defer close(w.events)
	defer w.cancel()
	for {
		batch, changed, end := w.next()
		for _, event := range batch {
			select {
			case w.events <- event:
			case <-ctx.Done():
				return
			}
		}
		if end {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// next returns the events that came since, and a channel that is closed when
// there may be more.
func (w *watcher) next() (batch []watch.Event, changed <-chan struct{}, end bool) {
	s := w.server
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.after < w.table.compacted || s.faults.chance(s.faults.Expire) {
		status := apierrors.NewResourceExpired("the revision is compacted").Status()
		return []watch.Event{{Type: watch.Error, Object: &status}}, nil, true
	}
	start := len(w.table.history)
	for start > 0 && w.table.history[start-1].revision > w.after {
		start--
	}
	for _, c := range w.table.history[start:] {
		if s.faults.chance(s.faults.EndWatch) {
			return batch, nil, true
		}
		w.after = c.revision
		if event, ok := w.filter(c.event); ok {
			batch = append(batch, event)
		}
	}
	return batch, s.changed, false
}

func (w *watcher) filter(event watch.Event) (watch.Event, bool) {
	obj := event.Object.(client.Object)
	if w.namespace != "" && obj.GetNamespace() != w.namespace {
		return event, false
	}
	if w.selected.matches(obj) {
		return event, true
	}
	known := event.Type == watch.Modified
	event.Type = watch.Deleted
	return event, known
}
