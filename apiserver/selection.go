package apiserver

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"

	"minke/api"
	"minke/apiserver/codec/untyped"
	"minke/store/cache"
)

// selection is what a request selects by labels and fields. A nil selector
// matches everything.
type selection struct {
	labels labels.Selector
	fields fields.Selector
	// name is the one name that can match, if the field selector says so.
	name string
	set  *fieldSets
}

// maxSelector bounds a selector's text, in bytes: parsing takes some eighty times
// as much.
const maxSelector = 256 << 10

func (c *call) selection(labelText, fieldText string) (*selection, error) {
	if len(labelText) > maxSelector || len(fieldText) > maxSelector {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("a selector may have %d bytes at most", maxSelector))
	}
	s := &selection{set: c.end.fieldSets}
	if labelText != "" {
		parsed, err := labels.Parse(labelText)
		if err != nil {
			return nil, badSelector(err)
		}
		if !parsed.Empty() {
			s.labels = parsed
		}
	}
	if fieldText != "" {
		parsed, err := fields.ParseSelector(fieldText)
		if err != nil {
			return nil, apierrors.NewBadRequest(err.Error())
		}
		if err := c.checkFields(parsed); err != nil {
			return nil, err
		}
		if !parsed.Empty() {
			s.fields = parsed
			s.name, _ = parsed.RequiresExactMatch("metadata.name")
		}
	}
	return s, nil
}

// checkFields refuses fields that the resource cannot be selected by.
func (c *call) checkFields(selector fields.Selector) error {
	for _, r := range selector.Requirements() {
		if slices.Contains(c.end.FieldNames, r.Field) {
			continue
		}
		own := slices.ContainsFunc(c.end.FieldNames, func(name string) bool { return !strings.HasPrefix(name, "metadata.") })
		switch {
		case c.end.use != nil:
			return apierrors.NewBadRequest("field label not supported: " + r.Field)
		case own && c.end.FieldRefusal != "":
			return apierrors.NewBadRequest(fmt.Sprintf(c.end.FieldRefusal, r.Field))
		case own:
			return apierrors.NewBadRequest("field label not supported: " + r.Field)
		case r.Field == "metadata.namespace":
			continue // cluster resources without fields of their own know it, as empty
		}
		return apierrors.NewBadRequest(fmt.Sprintf("%q is not a known field selector: only \"metadata.name\", \"metadata.namespace\"", r.Field))
	}
	return nil
}

func (s *selection) everything() bool { return s.labels == nil && s.fields == nil }

func (s *selection) matches(item *cache.Item) bool {
	if s.labels == nil && s.fields == nil {
		return true
	}
	if text, _, ok := item.Text(); ok && s.fields == nil {
		return s.labels.Matches(untyped.Labels(text))
	}
	obj, ok := item.Object().(api.Object)
	if !ok {
		return false
	}
	if s.name != "" && obj.GetName() != s.name {
		return false
	}
	if s.labels != nil && !s.labels.Matches(labels.Set(obj.GetLabels())) {
		return false
	}
	return s.fields == nil || s.fields.Matches(s.set.of(item, obj))
}

// fieldSets remembers the selectable fields of the items looked at last, so that
// an event which a thousand watchers compare with their selectors is looked at
// once.
type fieldSets struct {
	compute func(api.Object) fields.Set
	recent  [64]atomic.Pointer[fieldSet]
}

type fieldSet struct {
	item *cache.Item
	set  fields.Set
}

func (f *fieldSets) of(item *cache.Item, obj api.Object) fields.Set {
	slot := &f.recent[uint64(item.Revision)%uint64(len(f.recent))]
	if known := slot.Load(); known != nil && known.item == item {
		return known.set
	}
	set := f.compute(obj)
	slot.Store(&fieldSet{item, set})
	return set
}
