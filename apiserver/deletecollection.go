package apiserver

import (
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"minke/store/cache"
)

// deleteCollection deletes what is selected, one object after the other, and
// answers with the list of what was selected.
func (c *call) deleteCollection() error {
	lo, sel, err := c.listOptions()
	if err != nil {
		return err
	}
	o, err := c.deleteOptions()
	if err != nil {
		return err
	}
	p, err := c.page(lo, sel)
	if err != nil {
		return err
	}
	var gone []*cache.Item
	for _, item := range p.items {
		obj := metaOf(item)
		c.info.Name = obj.GetName()
		one := *o
		deleted, _, err := c.remove(&one)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return err
		}
		gone = append(gone, deleted)
	}
	if c.objects != nil || c.accepted.As == "" {
		return c.writeList(gone, p.meta, nil)
	}
	return c.writeTable(http.StatusOK, gone, p.meta)
}
