package apiserver

import (
	"sync"
	"time"

	"minke/store"
	"minke/store/cache"
)

// maxPinned is how many states of a resource are kept for the pages of lists.
// What one costs is what has changed since, at most the whole collection.
const maxPinned = 4

// pages keeps the states that lists are read from page by page, so that they
// stay consistent for as long as their tokens live, however much is written in
// the meantime: the cache's window of events may be over in seconds.
type pages struct {
	mu     sync.Mutex // guards pinned
	pinned []*pin     // the one that was used last comes last
}

type pin struct {
	snapshot *cache.Snapshot
	timer    *time.Timer
}

// keep holds the snapshot until nobody may ask for its next page any more, or
// others have taken its place.
func (p *pages) keep(s *cache.Snapshot, since time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, kept := range p.pinned {
		if kept.snapshot.Revision() == s.Revision() {
			p.pinned = append(append(p.pinned[:i:i], p.pinned[i+1:]...), kept)
			return
		}
	}
	if len(p.pinned) == maxPinned {
		p.pinned[0].timer.Stop()
		p.pinned = append(p.pinned[:0:0], p.pinned[1:]...)
	}
	added := &pin{snapshot: s}
	added.timer = time.AfterFunc(time.Until(since.Add(tokenLife)), func() { p.drop(added) })
	p.pinned = append(p.pinned, added)
}

func (p *pages) drop(gone *pin) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, kept := range p.pinned {
		if kept == gone {
			p.pinned = append(p.pinned[:i:i], p.pinned[i+1:]...)
			return
		}
	}
}

// at returns the state as of rev, if it is kept.
func (p *pages) at(rev store.Revision) *cache.Snapshot {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, kept := range p.pinned {
		if kept.snapshot.Revision() == rev {
			return kept.snapshot
		}
	}
	return nil
}
