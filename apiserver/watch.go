package apiserver

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
//	N                unset               changes after N, which may be yet to come
//	any              true                ADDED for everything, then changes; if
//	                                     bookmarks are allowed, one in between
//	any              false               changes after N, or after now
func (c *call) watch() error {
	o, sel, err := c.listOptions()
	if err != nil {
		return err
	}
	if c.info.Name != "" { // the path /watch/…/<name>
		switch {
		case sel.fields == nil:
			sel.name, sel.fields = c.info.Name, fields.OneTermEqualSelector("metadata.name", c.info.Name)
		case sel.name != c.info.Name:
			return apierrors.NewBadRequest("fieldSelector metadata.name doesn't match requested name")
		}
	}
	if c.accepted.Format == codec.YAML { // which no stream is written in, whatever else would do
		return notAcceptable("only the following media types are accepted: " + c.offer().StreamMedia())
	}
	if c.accepted.As == "Table" {
		if _, err := c.includes(); err != nil {
			return err
		}
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
	if refused, ok := errors.AsType[*apierrors.StatusError](err); ok && apierrors.HasStatusCause(refused, metav1.CauseTypeResourceVersionTooLarge) {
		return c.endAtOnce(err)
	}
	if err != nil {
		return err
	}
	span := c.work.Child("cacher.Watch", tracing.String("type", c.end.Plural))
	s := newStream(c, sel)
	w, err := c.end.cache.Watch(ctx, c.end.prefixIn(c.info.Namespace), from)
	if errors.Is(err, store.ErrFutureRevision) {
		s.after = from
		w, err = c.end.cache.Watch(ctx, c.end.prefixIn(c.info.Namespace), c.end.cache.Revision())
	}
	span.End()
	if tooOld, ok := errors.AsType[*cache.TooOldError](err); ok {
		return c.endAtOnce(apierrors.NewResourceExpired(fmt.Sprintf("too old resource version: %d (%d)", from, tooOld.Oldest)))
	}
	if err != nil {
		return err
	}
	c.end.watching.Add(1)
	defer c.end.watching.Add(-1)
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
	sends := o.SendInitialEvents != nil && *o.SendInitialEvents
	if o.ResourceVersion != "" {
		rev, err := parseRevision(o.ResourceVersion)
		if err != nil || rev > 0 && !sends {
			return nil, rev, err
		}
		if rev > 0 {
			if err := c.waitFor(o.ResourceVersion); err != nil {
				return nil, 0, err
			}
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

// endAtOnce tells by the one event of a stream that succeeds why a watch cannot
// begin, which is what clients expect.
func (c *call) endAtOnce(why error) error {
	s := newStream(c, &selection{})
	s.begin()
	s.error(why)
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
