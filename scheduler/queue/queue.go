// Package queue holds the pods that wait to be scheduled.
//
//	from           to             when
//	(new)          active         Set
//	active         in hand        Pop, the first in line
//	in hand        unschedulable  Return: rules refused it
//	in hand        helped         Return: and an event that helps came meanwhile
//	in hand        failed         Return: for another reason
//	unschedulable  helped         an event that helps
//	unschedulable  active         5 minutes passed
//	helped         in hand        Pop, when none is active
//	helped         active         its backoff is over
//	failed         active         its backoff is over
//
// Helped pods wait out their backoff only while others are active (KEP-5142):
// when the scheduler has nothing else to do, nothing is gained by waiting.
// Failed ones always do.
package queue

import (
	"container/heap"
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	schedulinghelper "k8s.io/component-helpers/scheduling/corev1"

	"minke/scheduler/plugins"
)

// The pauses before a pod is tried again double from the first to the last. A
// pod that nothing helps is tried again after stale all the same.
const (
	firstBackoff = time.Second
	lastBackoff  = 10 * time.Second
	stale        = 5 * time.Minute
)

type place int

const (
	active place = iota
	helped
	failed
	unschedulable
	inHand
)

// Item is a pod in hand.
type Item struct {
	Pod *corev1.Pod
	// Attempts counts the times that it was tried, this one included.
	Attempts int
	entry    *entry
}

// entry is a pod in the queue. Queue.mu guards it.
type entry struct {
	pod      *corev1.Pod
	attempts int
	// helps is what the rules said that refused it last.
	helps plugins.Event
	// missed gathers the events that came while it was in hand.
	missed plugins.Event

	added  time.Time // first; orders pods of equal priority
	tried  time.Time // last
	due    time.Time // when backoff or unschedulable ends
	place  place
	index  int
	gone   bool
	number uint64 // of arrival, when times are equal
}

// Queue is safe for concurrent use, but only one goroutine may Pop.
type Queue struct {
	mu      sync.Mutex // guards all below
	pods    map[types.UID]*entry
	active  ordered
	helped  ordered // by due
	waiting ordered // failed and unschedulable, by due
	// hand and refused are the pods that events concern: those in hand, and
	// the unschedulable by what helps them, so that an event which helps
	// nobody costs nothing however many they are.
	hand     map[*entry]struct{}
	refused  map[plugins.Event]map[*entry]struct{}
	wake     chan struct{}
	arrivals uint64
}

// New returns an empty queue.
func New() *Queue {
	return &Queue{
		pods:    map[types.UID]*entry{},
		hand:    map[*entry]struct{}{},
		refused: map[plugins.Event]map[*entry]struct{}{},
		active:  ordered{before: firstInLine},
		helped:  ordered{before: func(a, b *entry) bool { return a.due.Before(b.due) }},
		waiting: ordered{before: func(a, b *entry) bool { return a.due.Before(b.due) }},
		wake:    make(chan struct{}, 1),
	}
}

// firstInLine orders by priority, then by arrival.
func firstInLine(a, b *entry) bool {
	if pa, pb := schedulinghelper.PodPriority(a.pod), schedulinghelper.PodPriority(b.pod); pa != pb {
		return pa > pb
	}
	if !a.added.Equal(b.added) {
		return a.added.Before(b.added)
	}
	return a.number < b.number
}

// Set adds pod, or updates it where it is. An unschedulable pod whose wishes
// changed is tried again.
func (q *Queue) Set(pod *corev1.Pod, changed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	p, ok := q.pods[pod.UID]
	if !ok {
		q.arrivals++
		p = &entry{pod: pod, added: time.Now(), number: q.arrivals, index: -1}
		q.pods[pod.UID] = p
		q.put(p, active, time.Time{})
		return
	}
	p.pod = pod
	if p.place == active {
		heap.Fix(&q.active, p.index)
	}
	if changed {
		q.help(p, plugins.Forced)
	}
}

// Has tells whether the pod is in the queue or in hand.
func (q *Queue) Has(uid types.UID) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	_, ok := q.pods[uid]
	return ok
}

// Delete forgets a pod: it is gone, assigned, or not ours any more.
func (q *Queue) Delete(uid types.UID) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if p, ok := q.pods[uid]; ok {
		p.gone = true
		q.take(p)
		delete(q.pods, uid)
	}
}

// Pop waits for the next pod and takes it in hand. It must be given back by
// Return, or be deleted.
func (q *Queue) Pop(ctx context.Context) (*Item, error) {
	for {
		p, due := q.next()
		if p != nil {
			return p, nil
		}
		var timer *time.Timer
		var expired <-chan time.Time
		if !due.IsZero() {
			timer = time.NewTimer(time.Until(due))
			expired = timer.C
		}
		var err error
		select {
		case <-q.wake:
		case <-expired:
		case <-ctx.Done():
			err = ctx.Err()
		}
		if timer != nil {
			timer.Stop()
		}
		if err != nil {
			return nil, err
		}
	}
}

// next takes the first active pod in hand, or tells when one becomes active.
func (q *Queue) next() (*Item, time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	for _, from := range []*ordered{&q.helped, &q.waiting} {
		for len(from.pods) > 0 && !from.pods[0].due.After(now) {
			q.put(from.pods[0], active, time.Time{})
		}
	}
	from := &q.active
	if len(from.pods) == 0 {
		from = &q.helped
	}
	if len(from.pods) > 0 {
		p := from.pods[0]
		q.take(p)
		p.place, p.missed, p.tried = inHand, 0, now
		p.attempts++
		q.hand[p] = struct{}{}
		return &Item{Pod: p.pod, Attempts: p.attempts, entry: p}, time.Time{}
	}
	if len(q.waiting.pods) > 0 {
		return nil, q.waiting.pods[0].due
	}
	return nil, time.Time{}
}

// Return gives back a pod that was not scheduled. helps are the events that can
// change that; zero means that it failed for another reason and is to be tried
// again after its backoff.
func (q *Queue) Return(item *Item, helps plugins.Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	p := item.entry
	if p.gone || p.place != inHand {
		return
	}
	q.take(p)
	p.helps = helps | plugins.Forced
	switch {
	case helps == 0:
		q.put(p, failed, p.tried.Add(pause(p.attempts)))
	case p.missed&p.helps != 0:
		q.put(p, helped, p.tried.Add(pause(p.attempts)))
	default:
		q.put(p, unschedulable, p.tried.Add(stale))
	}
}

// Happened tells of an event, and moves the pods that it can help.
func (q *Queue) Happened(e plugins.Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for p := range q.hand {
		q.help(p, e)
	}
	for helps, group := range q.refused {
		if helps&e == 0 {
			continue
		}
		for p := range group {
			q.help(p, e)
		}
	}
}

// help lets e work on p; q.mu must be held.
func (q *Queue) help(p *entry, e plugins.Event) {
	switch {
	case p.place == inHand:
		p.missed |= e
	case p.place == unschedulable && p.helps&e != 0:
		q.put(p, helped, p.tried.Add(pause(p.attempts)))
	}
}

// put moves p; q.mu must be held.
func (q *Queue) put(p *entry, to place, due time.Time) {
	q.take(p)
	p.place, p.due = to, due
	if to == unschedulable {
		if q.refused[p.helps] == nil {
			q.refused[p.helps] = map[*entry]struct{}{}
		}
		q.refused[p.helps][p] = struct{}{}
	}
	heap.Push(q.heap(to), p)
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take removes p from where it is.
func (q *Queue) take(p *entry) {
	delete(q.hand, p)
	if group, ok := q.refused[p.helps]; ok {
		delete(group, p)
		if len(group) == 0 {
			delete(q.refused, p.helps)
		}
	}
	if p.index < 0 {
		return
	}
	heap.Remove(q.heap(p.place), p.index)
	p.index = -1
}

// heap returns the heap of the pods in a place.
func (q *Queue) heap(p place) *ordered {
	switch p {
	case active:
		return &q.active
	case helped:
		return &q.helped
	}
	return &q.waiting
}

func pause(attempts int) time.Duration {
	d := firstBackoff
	for i := 1; i < attempts && d < lastBackoff; i++ {
		d *= 2
	}
	return min(d, lastBackoff)
}

// ordered is a heap of pods.
type ordered struct {
	pods   []*entry
	before func(a, b *entry) bool
}

func (o *ordered) Len() int           { return len(o.pods) }
func (o *ordered) Less(i, j int) bool { return o.before(o.pods[i], o.pods[j]) }

func (o *ordered) Swap(i, j int) {
	o.pods[i], o.pods[j] = o.pods[j], o.pods[i]
	o.pods[i].index, o.pods[j].index = i, j
}

// Push implements heap.Interface.
func (o *ordered) Push(p any) {
	p.(*entry).index = len(o.pods)
	o.pods = append(o.pods, p.(*entry))
}

// Pop implements heap.Interface.
func (o *ordered) Pop() any {
	last := o.pods[len(o.pods)-1]
	o.pods[len(o.pods)-1] = nil
	o.pods = o.pods[:len(o.pods)-1]
	return last
}
