package customresource

import (
	"fmt"
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"minke/store"
	"minke/store/cache"
)

// known is what is kept of a definition while its schemas are not in use. The
// schemas are most of it, and a cluster may have hundreds of which a handful are
// used: they stay as the bytes that are stored, which the cache keeps anyhow.
type known struct {
	revision store.Revision
	// crd lacks the schemas of its versions, its annotations but the
	// one of approval, and its managers.
	crd *definition
	// item decodes to all of it.
	item *cache.Item
}

// know returns what is kept of the item's definition.
func know(item *cache.Item) *known {
	crd := *item.Object().(*definition)
	crd.Annotations, crd.ManagedFields = nil, nil
	if value, ok := item.Object().(*definition).Annotations[apiextensionsv1.KubeAPIApprovedAnnotation]; ok {
		crd.Annotations = map[string]string{apiextensionsv1.KubeAPIApprovedAnnotation: value}
	}
	crd.Status = *crd.Status.DeepCopy()
	crd.Spec.Versions = slices.Clone(crd.Spec.Versions)
	for i := range crd.Spec.Versions {
		crd.Spec.Versions[i].Schema = nil
	}
	// What is left must not hold on to the rest of the decoded object.
	return &known{revision: item.Revision, crd: crd.DeepCopy(), item: item}
}

// whole returns all of the definition, which is shared and must not be changed.
func (k *known) whole() *definition { return k.item.Object().(*definition) }

// definitions is all of them at one revision.
type definitions struct {
	revision string
	// all are copies of what is known of which nothing but the status may be
	// changed, the oldest first: it keeps its names.
	all []*definition
}

// definitions brings m.known to the present.
func (m *Manager) definitions() (*definitions, error) {
	items, revision, err := m.cfg.Server.Items(Definitions, "")
	if err != nil {
		return nil, fmt.Errorf("list custom resource definitions: %w", err)
	}
	d := &definitions{revision: revision}
	now := make(map[string]*known, len(m.known))
	byKey := make(map[string]*known, len(m.known))
	for _, k := range m.known {
		byKey[k.item.Key] = k
	}
	for item := range items {
		k := byKey[item.Key]
		if k == nil || k.revision != item.Revision {
			k = know(item)
		}
		now[k.crd.Name] = k
		crd := *k.crd
		crd.Status = *k.crd.Status.DeepCopy()
		d.all = append(d.all, &crd)
	}
	m.known = now
	slices.SortStableFunc(d.all, func(a, b *definition) int { return a.CreationTimestamp.Compare(b.CreationTimestamp.Time) })
	return d, nil
}
