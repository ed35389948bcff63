package apiserver

import (
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// deleteCollection deletes what is selected, one object after the other, and
// answers with the list of what was selected, as it was before.
func (c *call) deleteCollection() error {
	lo, sel, err := c.listOptions()
	if err != nil {
		return err
	}
	o, err := c.deleteOptions()
	if err != nil {
		return err
	}
	if err := noUnsafeCollection(o); err != nil {
		return err
	}
	if lo.ResourceVersion != "0" && lo.ResourceVersionMatch == "" && lo.ResourceVersion != "" {
		lo.ResourceVersionMatch = metav1.ResourceVersionMatchExact // Kubernetes reads pages
	}
	p, err := c.page(lo, sel)
	if err != nil {
		return err
	}
	for _, item := range p.items {
		obj := metaOf(item)
		c.info.Name = obj.GetName()
		one := *o
		if _, _, err := c.remove(&one); err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	c.warnOrphans(o)
	return c.writeList(p.items, p.meta, nil)
}
