package cache

import (
	"strings"

	"minke/store"
)

// watchers are the registered watchers by prefix, so that an event costs only
// those that it concerns. Cache.mu guards it.
type watchers struct {
	// byPath has those whose prefix ends in a slash, or is empty: they are
	// looked up by the event's path. others are tried one by one.
	byPath  map[string]map[*Watcher]struct{}
	others  map[*Watcher]struct{}
	touched []*Watcher // got events since the last flush
	due     []*Watcher // are to be served by the fan
}

func (s *watchers) init() {
	s.byPath = map[string]map[*Watcher]struct{}{}
	s.others = map[*Watcher]struct{}{}
	s.touched, s.due = nil, nil
}

func (s *watchers) register(w *Watcher) {
	if w.prefix != "" && !strings.HasSuffix(w.prefix, "/") {
		s.others[w] = struct{}{}
		return
	}
	group := s.byPath[w.prefix]
	if group == nil {
		group = map[*Watcher]struct{}{}
		s.byPath[w.prefix] = group
	}
	group[w] = struct{}{}
}

func (s *watchers) unregister(w *Watcher) {
	delete(s.others, w)
	if group, ok := s.byPath[w.prefix]; ok {
		delete(group, w)
		if len(group) == 0 {
			delete(s.byPath, w.prefix)
		}
	}
}

// add queues e for all whom it concerns.
func (s *watchers) add(e *Event) {
	key := e.Item.Key
	for w := range s.byPath[""] {
		s.queue(w, e)
	}
	for i := 0; i < len(key); i++ {
		if key[i] == '/' {
			for w := range s.byPath[key[:i+1]] {
				s.queue(w, e)
			}
		}
	}
	for w := range s.others {
		if strings.HasPrefix(key, w.prefix) {
			s.queue(w, e)
		}
	}
}

func (s *watchers) queue(w *Watcher, e *Event) {
	w.queue = append(w.queue, e)
	if !w.touched {
		w.touched = true
		s.touched = append(s.touched, w)
	}
}

// flush wakes those who got events, or puts them on the fan's list, and ends those more than limit behind.
func (s *watchers) flush(limit int) {
	for i, w := range s.touched {
		w.touched = false
		s.touched[i] = nil
		if len(w.batch)+len(w.queue) > limit {
			s.unregister(w)
			w.finish(store.ErrSlowWatcher)
			continue
		}
		switch {
		case !w.direct:
			w.signal()
		case !w.held:
			s.fan(w)
		}
	}
	s.touched = s.touched[:0]
}

// end ends all watchers.
func (s *watchers) end(err error) {
	for _, group := range s.byPath {
		for w := range group {
			w.finish(err)
		}
	}
	for w := range s.others {
		w.finish(err)
	}
	s.init()
}
