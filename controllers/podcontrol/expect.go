package podcontrol

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"minke/client"
)

// expectationsLast is how long an owner waits for what it asked for to show in
// its informer, before it looks again regardless.
const expectationsLast = 5 * time.Minute

// Expectations keep an owner from asking twice for what its informer does not
// show yet. The zero value is ready.
type Expectations struct {
	mu     sync.Mutex // guards owners
	owners map[client.Key]*expectation
}

type expectation struct {
	creations int
	deletions map[types.UID]bool
	since     time.Time
}

func (e *Expectations) of(owner client.Key) *expectation {
	if e.owners == nil {
		e.owners = map[client.Key]*expectation{}
	}
	x := e.owners[owner]
	if x == nil || time.Since(x.since) > expectationsLast {
		x = &expectation{deletions: map[types.UID]bool{}}
		e.owners[owner] = x
	}
	return x
}

// ExpectCreations says that n creations are about to be asked for.
func (e *Expectations) ExpectCreations(owner client.Key, n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	x := e.of(owner)
	x.creations += n
	x.since = time.Now()
}

// ExpectDeletion says that the deletion of uid is about to be asked for.
func (e *Expectations) ExpectDeletion(owner client.Key, uid types.UID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	x := e.of(owner)
	x.deletions[uid] = true
	x.since = time.Now()
}

// Created says that n creations were seen, or failed.
func (e *Expectations) Created(owner client.Key, n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if x := e.owners[owner]; x != nil {
		x.creations = max(0, x.creations-n)
	}
}

// Deleted says that the deletion of uid was seen, or failed.
func (e *Expectations) Deleted(owner client.Key, uid types.UID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if x := e.owners[owner]; x != nil {
		delete(x.deletions, uid)
	}
}

// Met tells whether everything asked for was seen, or has been waited for long
// enough.
func (e *Expectations) Met(owner client.Key) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	x := e.owners[owner]
	return x == nil || x.creations == 0 && len(x.deletions) == 0 || time.Since(x.since) > expectationsLast
}

// Forget drops the owner.
func (e *Expectations) Forget(owner client.Key) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.owners, owner)
}
