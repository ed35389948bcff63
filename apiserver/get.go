package apiserver

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api"
	"minke/store"
	"minke/store/cache"
	"minke/tracing"
)

// get answers with one object, at least as new as the resourceVersion that the
// client names, and with all writes acknowledged before unless it names "0".
func (c *call) get() error {
	text := c.query.Get("resourceVersion")
	if text == "0" {
		return c.getHeld()
	}
	if text != "" {
		if err := c.waitFor(text); err != nil {
			return err
		}
	}
	item, err := c.current()
	if err != nil {
		return err
	}
	return c.writeItem(http.StatusOK, item)
}

// getHeld answers with the object as it is here, be the store away or not.
func (c *call) getHeld() error {
	s, err := c.end.cache.Held(c.ctx)
	if err != nil {
		return err
	}
	item, ok := s.Get(c.key())
	if !ok {
		return c.notFound()
	}
	return c.writeItem(http.StatusOK, item)
}

// current returns the object that the request names.
func (c *call) current() (*cache.Item, error) {
	key := c.key()
	span := c.work.Child("cacher.Get", tracing.String("key", key))
	item, ok, err := c.end.cache.Get(span.Within(c.ctx), key)
	span.Fail(err)
	span.End()
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, c.notFound()
	}
	return c.shownItem(item)
}

// waitFor returns when the resource is as new as the revision that text names.
func (c *call) waitFor(text string) error {
	rev, err := parseRevision(text)
	if err != nil {
		return err
	}
	err = c.end.cache.WaitFor(c.ctx, rev)
	if errors.Is(err, store.ErrFutureRevision) {
		return tooLargeRevision(rev, c.end.cache.Revision())
	}
	return err
}

// parseRevision reads a resourceVersion.
func parseRevision(text string) (store.Revision, error) {
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return 0, apierrors.NewBadRequest(fmt.Sprintf("invalid resource version: %v", field.Invalid(field.NewPath("resourceVersion"), text, err.Error())))
	}
	return store.Revision(n), nil
}

// metaOf returns the metadata of an item.
func metaOf(item *cache.Item) metav1.Object {
	if o, ok := item.Object().(api.Object); ok {
		return o
	}
	m, err := meta.Accessor(item.Object())
	if err != nil {
		return &metav1.ObjectMeta{}
	}
	return m
}
