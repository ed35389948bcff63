package local

import (
	"encoding/binary"

	"minke/store"
)

// pending is the state that the group in the making will leave: the published
// tree with the group's own writes over it. The leader alone uses it.
type pending struct {
	store    *Store
	revision store.Revision
	compact  store.Revision
	entries  map[string]*store.Entry // nil: deleted by the group
	batches  []store.Batch
	records  []record
}

func (p *pending) init(s *Store) {
	p.store = s
	p.entries = map[string]*store.Entry{}
}

func (p *pending) begin() {
	p.revision, p.compact = p.store.revision, 0
	clear(p.entries)
	p.batches, p.records = nil, p.records[:0]
}

func (p *pending) get(key string) *store.Entry {
	if e, ok := p.entries[key]; ok {
		return e
	}
	p.store.mu.RLock()
	defer p.store.mu.RUnlock()
	e, _ := p.store.tree.Get(&store.Entry{Key: key})
	return e
}

// add evaluates t and adds its writes if its conditions hold.
func (p *pending) add(t store.Txn) store.TxnResult {
	for _, c := range t.If {
		e := p.get(c.Key)
		if (e == nil && c.Modified == 0) || (e != nil && e.Modified == c.Modified) {
			continue
		}
		return store.TxnResult{Revision: p.revision, Current: p.current(t.If)}
	}
	p.write(t.Writes)
	return store.TxnResult{Succeeded: true, Revision: p.revision}
}

func (p *pending) current(conditions []store.Condition) []*store.Entry {
	current := make([]*store.Entry, len(conditions))
	for i, c := range conditions {
		if e := p.get(c.Key); e != nil {
			copied := *e
			current[i] = &copied
		}
	}
	return current
}

// write makes writes at the next revision, unless they change nothing.
func (p *pending) write(writes []store.Write) {
	next := p.revision + 1
	var events []store.Event
	var kept []store.Write
	for _, w := range writes {
		prev := p.get(w.Key)
		event := store.Event{Entry: store.Entry{Key: w.Key, Value: w.Value, Created: next, Modified: next}, Prev: prev, Deleted: w.Delete}
		if prev != nil {
			event.Entry.Key, event.Entry.Created = prev.Key, prev.Created // one copy of the key
		}
		if w.Delete {
			if prev == nil {
				continue
			}
			event.Entry.Value = nil
		} else if event.Entry.Value == nil {
			event.Entry.Value = []byte{}
		}
		events = append(events, event)
		kept = append(kept, w)
	}
	if len(events) == 0 {
		return
	}
	for i := range events {
		e := &events[i]
		p.entries[e.Entry.Key] = nil
		if !e.Deleted {
			entry := e.Entry // apart from the event, which leaves with the history
			p.entries[e.Entry.Key] = &entry
		}
	}
	p.revision = next
	p.batches = append(p.batches, store.Batch{Revision: next, Events: events})
	p.records = append(p.records, record{writes: kept})
}

// commit makes group durable, then visible, then answers it. Only the leader
// calls it.
func (s *Store) commit(group []*request) {
	if len(group) == 0 {
		return
	}
	err := s.writable()
	if err == nil {
		s.pending.begin()
		for _, r := range group {
			if r.compact != 0 {
				s.pending.compact = max(s.pending.compact, r.compact)
				s.pending.records = append(s.pending.records, record{compact: r.compact})
				continue
			}
			r.result = s.pending.add(r.txn)
		}
		err = s.persist()
	}
	if err == nil {
		s.publish()
	}
	for _, r := range group {
		if err != nil {
			r.finish(store.TxnResult{}, err)
		} else {
			r.finish(r.result, nil)
		}
	}
	if err == nil {
		s.maybeCheckpoint()
	}
}

func (s *Store) writable() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return store.ErrClosed
	}
	return s.failed
}

// persist appends the pending group to the log and syncs it.
func (s *Store) persist() error {
	if s.log == nil || len(s.pending.records) == 0 {
		return nil
	}
	b := beginFrame(s.buffer[:0])
	b = binary.AppendUvarint(b, uint64(s.revision))
	for _, r := range s.pending.records {
		b = appendRecord(b, r)
	}
	b = s.log.salt.endFrame(b, 0)
	if cap(b) <= maxGroup {
		s.buffer = b
	}
	clear(s.pending.records)
	return s.append(b)
}

// publish shows the pending group to readers and watchers.
func (s *Store) publish() {
	p := &s.pending
	if p.revision == s.revision && p.compact == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.apply(p)
	for _, b := range p.batches {
		s.watchers.send(b)
	}
	// After the watchers' queues have the batches: see watcher.Position.
	s.published.Store(int64(s.revision))
}

// apply makes p the current state; s.mu must be held.
func (s *Store) apply(p *pending) {
	for key, e := range p.entries {
		var old *store.Entry
		if e == nil {
			old, _ = s.tree.Delete(&store.Entry{Key: key})
		} else {
			old, _ = s.tree.Set(e)
			if old == nil && s.tree.Len()%tidyEach == 0 {
				s.tree.Copy()
			}
			s.size += int64(len(e.Key) + len(e.Value))
		}
		if old != nil {
			s.size -= int64(len(old.Key) + len(old.Value))
		}
	}
	s.view = nil
	s.revision = p.revision
	for _, b := range p.batches {
		s.history.add(b)
	}
	if p.compact != 0 {
		s.history.compact(min(p.compact, s.revision))
	}
}
