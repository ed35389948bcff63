package apiserver

import (
	"fmt"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"minke/api"
	"minke/store/cache"
)

// update replaces the object, or the part of it that a subresource covers.
func (c *call) update() error {
	o, err := c.writeOptions("UpdateOptions")
	if err != nil {
		return err
	}
	obj, err := c.decodeObject(o.validation)
	if err != nil {
		return err
	}
	if err := c.checkName(obj); err != nil {
		return err
	}
	c.dropDoubleOwners(obj, false)
	ch := &change{options: o, way: c.end.Subresources[c.info.Subresource]}
	ch.ofSub = c.info.Subresource != ""
	given := obj
	ch.compute = func(*cache.Item) (api.Object, error) {
		if conditional(given) {
			return given, nil // there is no second attempt
		}
		return given.DeepCopyObject().(api.Object), nil
	}
	if c.end.CreateOnUpdate && !ch.ofSub {
		ch.missing = func() (api.Object, error) { return given.DeepCopyObject().(api.Object), nil }
	}
	item, created, err := c.apply(ch)
	if err != nil {
		return err
	}
	if created {
		return c.writeItem(http.StatusCreated, item)
	}
	return c.writeItem(http.StatusOK, item)
}

// conditional tells whether a write insists on one state of the object.
func conditional(obj api.Object) bool {
	rv := obj.GetResourceVersion()
	return rv != "" && rv != "0"
}

// checkName compares what the object says it is with the URL.
func (c *call) checkName(obj api.Object) error {
	if err := c.checkNamespace(obj); err != nil {
		return err
	}
	want := c.info.Name
	switch obj.GetName() {
	case want:
	case "":
		return apierrors.NewBadRequest(fmt.Sprintf("the name of the object (%s based on URL) was undeterminable: name must be provided", want))
	default:
		return apierrors.NewBadRequest(fmt.Sprintf("the name of the object (%s) does not match the name on the URL (%s)", obj.GetName(), want))
	}
	return nil
}
