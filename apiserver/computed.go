package apiserver

import (
	"context"
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api"
	"minke/store/cache"
)

// computed answers for a resource whose objects are not stored but made when
// somebody asks (see Config.Computed).
func (c *call) computed(make func(context.Context) []api.Object) error {
	switch c.info.Verb {
	case "get":
		for _, obj := range make(c.ctx) {
			if obj.GetName() == c.info.Name {
				return c.writeItem(http.StatusOK, c.made(obj))
			}
		}
		return c.notFound()
	case "list":
		_, sel, err := c.listOptions()
		if err != nil {
			return err
		}
		var items []*cache.Item
		for _, obj := range make(c.ctx) {
			if item := c.made(obj); sel.matches(item) {
				items = append(items, item)
			}
		}
		return c.writeList(items, metav1.ListMeta{}, nil)
	}
	return noMethod()
}

func (c *call) made(obj api.Object) *cache.Item {
	obj.GetObjectKind().SetGroupVersionKind(c.end.Kind)
	return cache.NewItem(c.end.key(obj.GetNamespace(), obj.GetName()), obj, 0)
}
