package apiserver

import (
	"slices"
	"sync"
	"time"

	"minke/store"
	"minke/store/cache"
)

// maxPinned is how many states of a resource are kept for the pages of lists.
// What one costs is what has changed since, at most the whole collection.
const maxPinned = 4

// lingering is how long a state stays when the last page of every list from it
// was asked for: a client that lost the answer asks once more.
const lingering = 2 * time.Second

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
	lists    int // have more pages to come
}

// keep holds the snapshot until nobody may ask for its next page any more, or
// others have taken its place. begins tells that this is a list's first page.
func (p *pages) keep(s *cache.Snapshot, since time.Time, begins bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, kept := range p.pinned {
		if kept.snapshot.Revision() == s.Revision() {
			p.pinned = append(append(p.pinned[:i:i], p.pinned[i+1:]...), kept)
			if kept.lists == 0 {
				kept.timer.Reset(time.Until(since.Add(tokenLife)))
				begins = true
			}
			if begins {
				kept.lists++
			}
			return
		}
	}
	if len(p.pinned) == maxPinned {
		p.pinned[0].timer.Stop()
		p.pinned = append(p.pinned[:0:0], p.pinned[1:]...)
	}
	added := &pin{snapshot: s, lists: 1}
	added.timer = time.AfterFunc(time.Until(since.Add(tokenLife)), func() { p.drop(added) })
	p.pinned = append(p.pinned, added)
}

// ended tells that the last page of a list as of rev was read.
func (p *pages) ended(rev store.Revision) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, kept := range p.pinned {
		if kept.snapshot.Revision() == rev {
			if kept.lists = max(0, kept.lists-1); kept.lists == 0 {
				kept.timer.Reset(lingering)
			}
			return
		}
	}
}

func (p *pages) drop(gone *pin) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(p.pinned, gone); i >= 0 {
		p.pinned = slices.Delete(p.pinned, i, i+1) // and out of its array
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
