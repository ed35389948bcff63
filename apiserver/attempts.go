package apiserver

import (
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"minke/store/cache"
)

// unconditionalTries bounds the attempts of a write that others overtake.
const unconditionalTries = 50

// attempt makes a write to old. It tells whether the write insists on old, and
// fails with *cache.ConflictError when old is not the current state.
type attempt func(old *cache.Item) (item *cache.Item, once bool, err error)

// attempts makes a write to the object that the request names, once more
// whenever somebody was faster, unless it insists on a state that is gone.
//
// The first attempt is made to the state that is held here, unless live: the
// store is not asked before it is written to. A refusal of what turns out not to
// be the current state does not count.
func (c *call) attempts(live bool, missing func() (*cache.Item, error), try attempt) (*cache.Item, error) {
	for n := range unconditionalTries {
		held := n == 0 && !live
		old, err := c.state(held)
		if err != nil {
			return nil, err
		}
		if old == nil {
			item, err := missing()
			if err != nil && apierrors.IsAlreadyExists(err) && c.ctx.Err() == nil {
				continue
			}
			return item, err
		}
		item, once, err := try(old)
		if err == nil {
			return item, nil
		}
		if overtakenBeside(err) {
			if once {
				return nil, c.besideError(err)
			}
			continue
		}
		conflict := conflictOf(err)
		if conflict == nil && held {
			conflict = c.overtaken(old)
		}
		switch {
		case conflict == nil:
			return nil, err
		case once && conflict.Current == nil:
			return nil, c.notFound()
		case once:
			return nil, c.modified()
		}
	}
	return nil, c.modified()
}

// state returns the object that the request names, nil if there is none.
func (c *call) state(held bool) (*cache.Item, error) {
	var item *cache.Item
	var ok bool
	var err error
	if held {
		item, ok, err = c.end.cache.HeldItem(c.ctx, c.key())
	}
	if err == nil && !ok {
		item, ok, err = c.end.cache.Get(c.ctx, c.key())
	}
	if err != nil || !ok {
		return nil, err
	}
	return c.shownItem(item)
}

// overtaken returns a conflict if old is not the current state.
func (c *call) overtaken(old *cache.Item) *cache.ConflictError {
	now, ok, err := c.end.cache.Get(c.ctx, c.key())
	switch {
	case err != nil || ok && now.Revision == old.Revision:
		return nil
	case !ok:
		now = nil
	}
	return &cache.ConflictError{Key: old.Key, Current: now}
}

// none refuses a write to an object that does not exist.
func (c *call) none() (*cache.Item, error) { return nil, c.notFound() }
