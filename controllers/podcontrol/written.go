package podcontrol

import (
	"strconv"
	"sync"

	"minke/client"
)

// Written remembers, for each owner, the versions of the objects that it wrote
// last, so that no decision is made on a view that does not show them yet. The
// zero value is ready.
type Written struct {
	mu     sync.Mutex // guards owners
	owners map[client.Key]*writes
}

type writes struct {
	versions map[string]uint64 // by name
	unsure   bool
}

func (w *Written) of(owner client.Key) *writes {
	if w.owners == nil {
		w.owners = map[client.Key]*writes{}
	}
	if w.owners[owner] == nil {
		w.owners[owner] = &writes{versions: map[string]uint64{}}
	}
	return w.owners[owner]
}

// Note says that the owner's object name was written at the resourceVersion.
func (w *Written) Note(owner client.Key, name, version string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.of(owner).versions[name] = parseVersion(version)
}

// Unsure says that a write was tried and nobody knows whether it was done.
func (w *Written) Unsure(owner client.Key) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.of(owner).unsure = true
}

// Forget drops the owner.
func (w *Written) Forget(owner client.Key) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.owners, owner)
}

// parseVersion reads a resourceVersion; they can be compared (KEP-5504).
func parseVersion(version string) uint64 {
	n, err := strconv.ParseUint(version, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// Seen tells whether viewed, the owner's objects in the informer, are at least
// as new as the owner's own writes. If not, the event that brings them wakes
// the owner again. live lists the owner's objects as the server has them; it is
// asked only when the view cannot tell.
func Seen[T client.Object](w *Written, owner client.Key, viewed []T, live func() ([]T, error)) (bool, error) {
	w.mu.Lock()
	noted := w.owners[owner]
	w.mu.Unlock()
	if noted == nil {
		return true, nil
	}
	if !noted.unsure && behind(noted.versions, viewed, true) {
		return false, nil
	}
	if noted.unsure || behind(noted.versions, viewed, false) {
		objs, err := live()
		if err != nil {
			return false, err
		}
		noted = &writes{versions: map[string]uint64{}}
		for _, obj := range objs {
			noted.versions[obj.GetName()] = parseVersion(obj.GetResourceVersion())
		}
		w.mu.Lock()
		w.owners[owner] = noted
		w.mu.Unlock()
		if behind(noted.versions, viewed, false) {
			return false, nil
		}
	}
	w.Forget(owner)
	return true, nil
}

// behind tells whether the view shows an older version than was written, or,
// unless only what it shows counts, lacks one that was.
func behind[T client.Object](versions map[string]uint64, viewed []T, onlyShown bool) bool {
	found := 0
	for _, obj := range viewed {
		version, ok := versions[obj.GetName()]
		if !ok {
			continue
		}
		found++
		if parseVersion(obj.GetResourceVersion()) < version {
			return true
		}
	}
	return !onlyShown && found < len(versions)
}
