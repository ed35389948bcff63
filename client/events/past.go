package events

import (
	"time"

	corev1 "k8s.io/api/core/v1"
)

// The figures are Kubernetes' (client-go's event correlator).
const (
	// spamBurst events about one object are let through at once, and one more
	// each spamEvery.
	spamBurst = 25
	spamEvery = 300 * time.Second
	// similarMost events that differ only in their message are kept apart
	// within similarWindow; further ones are combined.
	similarMost   = 10
	similarWindow = 600 * time.Second
	// rememberMost bounds what is remembered of each sort.
	rememberMost = 4096
)

// past is what was sent, as far as it decides about what comes next.
type past struct {
	records map[recordKey]*record
	similar map[recordKey]*similar
	buckets map[recordKey]*bucket
}

// recordKey identifies what an event is about; message and reason are left
// empty where events that differ in them count together.
type recordKey struct {
	object                corev1.ObjectReference
	kind, reason, message string
}

type record struct {
	event corev1.Event
	// name is the stored event's, empty until it was created.
	name string
}

type similar struct {
	messages map[string]bool
	last     time.Time
}

type bucket struct {
	tokens float64
	last   time.Time
}

func newPast() *past {
	return &past{records: map[recordKey]*record{}, similar: map[recordKey]*similar{}, buckets: map[recordKey]*bucket{}}
}

// admit returns the record to write for the event, or nil when it is spam.
func (p *past) admit(event *corev1.Event) *record {
	now := event.LastTimestamp.Time
	object := event.InvolvedObject
	object.ResourceVersion = ""
	if !p.take(recordKey{object: object}, now) {
		return nil
	}
	key := recordKey{object: object, kind: event.Type, reason: event.Reason, message: event.Message}
	if p.tooSimilar(key, now) {
		key.message = ""
		event.Message = "(combined from similar events): " + event.Message
	}
	if old := p.records[key]; old != nil {
		old.event.Count++
		old.event.LastTimestamp = event.LastTimestamp
		old.event.Message = event.Message
		return old
	}
	room(p.records)
	r := &record{event: *event}
	p.records[key] = r
	return r
}

func (p *past) tooSimilar(key recordKey, now time.Time) bool {
	message := key.message
	key.message = ""
	s := p.similar[key]
	if s == nil || now.Sub(s.last) > similarWindow {
		room(p.similar)
		s = &similar{messages: map[string]bool{}}
		p.similar[key] = s
	}
	s.last = now
	if !s.messages[message] && len(s.messages) >= similarMost {
		return true
	}
	s.messages[message] = true
	return false
}

// take spends one token of the object's bucket.
func (p *past) take(key recordKey, now time.Time) bool {
	b := p.buckets[key]
	if b == nil {
		room(p.buckets)
		b = &bucket{tokens: spamBurst, last: now}
		p.buckets[key] = b
	}
	b.tokens = min(spamBurst, b.tokens+float64(now.Sub(b.last))/float64(spamEvery))
	b.last = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// room makes place for one more by forgetting any: losing a record costs at
// most a new Event object.
func room[V any](m map[recordKey]V) {
	for key := range m {
		if len(m) < rememberMost {
			return
		}
		delete(m, key)
	}
}
