package apiserver

import (
	"errors"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/uuid"

	"minke/api"
	"minke/apiserver/admission"
	"minke/store/cache"
)

// keeps tells whether something may be written beside obj.
func (c *call) keeps(obj api.Object) bool {
	return slices.ContainsFunc(c.keepers, func(k admission.Keeper) bool { return k.Keeps(obj) })
}

// beside is what admission wants written in the transaction that stores obj in
// place of old.
func (c *call) beside(obj, old api.Object) (all []cache.Beside, err error) {
	for _, k := range c.keepers {
		for _, b := range k.Beside(obj, old) {
			if all, err = c.addBeside(all, b); err != nil {
				return nil, err
			}
		}
		books, ok := k.(admission.Bookkeeper)
		if !ok {
			continue
		}
		entries, err := books.Entries(c.ctx, obj, old)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			all = append(all, cache.Entry(e.Key, e.Modified, e.Value))
		}
	}
	return all, nil
}

func (c *call) addBeside(all []cache.Beside, b admission.Beside) ([]cache.Beside, error) {
	if b.Create != nil {
		return c.addCreation(all, b.Resource, b.Create)
	}
	other, err := c.direct(c.ctx, "delete", b.Resource, b.Namespace, b.Name)
	if err != nil {
		return nil, err
	}
	item, ok, err := other.end.cache.Get(c.ctx, other.key())
	if err != nil || !ok || len(metaOf(item).GetFinalizers()) > 0 || !b.Is(item.Object().(api.Object)) {
		return all, err
	}
	return append(all, other.end.cache.Deletion(item)), nil
}

func (c *call) addCreation(all []cache.Beside, resource schema.GroupVersionResource, obj api.Object) ([]cache.Beside, error) {
	other, err := c.direct(c.ctx, "create", resource, obj.GetNamespace(), obj.GetName())
	if err != nil {
		return nil, err
	}
	obj.SetUID(uuid.NewUUID())
	obj.SetCreationTimestamp(metav1.Time{Time: time.Now().UTC().Truncate(time.Second)})
	// The first one is made at start, which would wait for the schema of all kinds.
	other.putOff(obj, "kube-apiserver")
	other.end.Default(obj)
	other.end.PrepareForCreate(obj)
	creation, err := other.end.cache.Creation(c.ctx, other.key(), obj)
	return append(all, creation), err
}

// drop deletes old and what was kept beside it.
func (c *call) drop(old *cache.Item) (*cache.Item, error) {
	c.ticket.Away()
	defer c.ticket.Back()
	var beside []cache.Beside
	if len(c.keepers) > 0 {
		var err error
		if beside, err = c.beside(nil, old.Object().(api.Object)); err != nil {
			return nil, err
		}
	}
	ctx, span := c.traceStore("Delete", old.Key)
	item, err := c.end.cache.Delete(ctx, old, beside...)
	c.traceStored(span, err)
	return item, err
}

// overtakenBeside tells that a write was not made since somebody changed what was
// to be written beside it.
func overtakenBeside(err error) bool {
	var overtaken *cache.BesideError
	return errors.As(err, &overtaken)
}

// besideError asks a client whose write was overtaken so to come again: the choice
// that admission made, such as of an address, does not hold any more.
func (c *call) besideError(err error) error {
	if !overtakenBeside(err) {
		return err
	}
	return apierrors.NewServerTimeout(c.end.asked(), c.info.Verb, 1)
}
