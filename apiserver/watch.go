package apiserver

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	"k8s.io/apimachinery/pkg/fields"

	"minke/apiserver/codec"
	"minke/store"
	"minke/store/cache"
	"minke/tracing"
)

// watch streams changes:
//
//	resourceVersion  sendInitialEvents   begins with
//	""  or "0"       unset               ADDED for everything, then changes
//	N                unset               changes after N
//	any              true                ADDED for everything, then changes; if
//	                                     bookmarks are allowed, one in between
//	any              false               changes after N, or after now
func (c *call) watch() error {
	o, sel, err := c.listOptions()
	if err != nil {
		return err
	}
	if c.info.Name != "" && sel.fields == nil { // the path /watch/…/<name>
		sel.name, sel.fields = c.info.Name, fields.OneTermEqualSelector("metadata.name", c.info.Name)
	}
	if c.accepted.Format == codec.YAML {
		o := c.offer()
		o.Untyped = c.end.Conform != nil
		a, ok := o.NegotiateStream(c.r.Header.Get("Accept"))
		if !ok {
			return notAcceptable("only the following media types are accepted: " + c.offer().StreamMedia())
		}
		c.accepted = a
	}
	if c.accepted.As == "PartialObjectMetadataList" {
		return notAcceptable("a watch has objects, not lists: ask for PartialObjectMetadata")
	}
	ctx, cancel := context.WithTimeout(c.ctx, c.watchTime(o))
	defer cancel()
	stop := context.AfterFunc(c.cfg.Context, cancel)
	defer stop()
	begun := func() {}
	if o.SendInitialEvents != nil && *o.SendInitialEvents && c.work.Recording() {
		begun = c.below("WatchList")
		defer begun()
	}
	initial, from, err := c.watchStart(ctx, o)
	if err != nil {
		return err
	}
	span := c.work.Child("cacher.Watch", tracing.String("type", c.end.Plural))
	w, err := c.end.cache.Watch(ctx, c.end.prefixIn(c.info.Namespace), from)
	span.End()
	if err != nil {
		return c.watchError(err, from)
	}
	c.end.watching.Add(1)
	defer c.end.watching.Add(-1)
	s := newStream(c, sel)
	s.begin()
	if initial != nil {
		all := c.shownAll(ctx, initial.All(c.end.prefixIn(c.info.Namespace), ""), nil)
		for item := range all.each {
			if sel.matches(item) && !s.add("ADDED", item) {
				return nil
			}
		}
		if all.err != nil {
			s.fail(all.err)
			return nil
		}
		if o.SendInitialEvents != nil && *o.SendInitialEvents && o.AllowWatchBookmarks {
			s.bookmark(initial.Revision(), true)
		}
		if !s.flush() {
			return nil
		}
	}
	begun()
	c.ticket.Release()
	return s.run(ctx, w, o.AllowWatchBookmarks)
}

// watchTime returns how long the watch lasts.
func (c *call) watchTime(o *internalversion.ListOptions) time.Duration {
	if o.TimeoutSeconds != nil && *o.TimeoutSeconds > 0 {
		return span(*o.TimeoutSeconds)
	}
	least := c.cfg.Limits.WatchMin
	return least + rand.N(least)
}

// watchStart returns the state to begin with, if any, and the revision after
// which to go on.
func (c *call) watchStart(ctx context.Context, o *internalversion.ListOptions) (*cache.Snapshot, store.Revision, error) {
	anew := o.ResourceVersion == "" || o.ResourceVersion == "0"
	sends := o.SendInitialEvents != nil && *o.SendInitialEvents
	if !anew {
		if sends {
			if err := c.waitFor(o.ResourceVersion); err != nil {
				return nil, 0, err
			}
		} else {
			rev, err := parseRevision(o.ResourceVersion)
			return nil, rev, err
		}
	}
	read := c.end.cache.Held
	if o.ResourceVersion != "0" {
		read = func(ctx context.Context) (*cache.Snapshot, error) { return c.end.cache.Snapshot(ctx, 0) }
	}
	s, err := read(ctx)
	if err != nil {
		return nil, 0, err
	}
	if o.SendInitialEvents != nil && !sends {
		return nil, s.Revision(), nil
	}
	return s, s.Revision(), nil
}

// watchError answers a watch that cannot begin.
func (c *call) watchError(err error, from store.Revision) error {
	switch {
	case errors.Is(err, store.ErrCompacted):
		return c.tooOld()
	case errors.Is(err, store.ErrFutureRevision):
		return tooLargeRevision(from, c.end.cache.Revision())
	}
	return err
}

// tooOld tells that the events after a revision are not there any more: as an
// event of a stream that succeeds, which is what clients expect.
func (c *call) tooOld() error {
	s := newStream(c, &selection{})
	s.begin()
	s.error(expired())
	s.flush()
	return nil
}

// endOf tells the client why a watch ended, if it must know.
func endOf(err error) error {
	switch {
	case errors.Is(err, store.ErrCompacted), errors.Is(err, store.ErrSlowWatcher):
		return apierrors.NewResourceExpired("The watch did not keep up with the changes: list again")
	case errors.Is(err, store.ErrClosed), err == nil,
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return nil
	}
	return apierrors.NewInternalError(err)
}
