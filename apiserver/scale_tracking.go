package apiserver

import (
	"fmt"
	"strings"
	"sync"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"minke/api"
	"minke/apiserver/apply"
	"minke/store/cache"
)

// scaleManager is the field manager of all Scales.
var scaleManager = sync.OnceValues(apply.NewScaleManager)

// untyped tells whether the objects have a schema instead of a Go type.
func (e *endpoint) untyped() bool {
	_, untyped := e.empty().(*unstructured.Unstructured)
	return untyped
}

// replicasPaths tells which field a Scale's replicas are in each version that
// managers may have used.
func (e *endpoint) replicasPaths() map[string][]string {
	named := e.Scale.Paths
	if named == nil {
		named = map[string]string{e.Kind.GroupVersion().String(): e.Scale.SpecPath}
		for _, versions := range [][]api.Version{e.Also, e.Readable} {
			for i := range versions {
				named[versions[i].Kind.GroupVersion().String()] = e.Scale.SpecPath
			}
		}
	}
	paths := map[string][]string{}
	for version, path := range named {
		paths[version] = nil
		if path != "" {
			paths[version] = strings.Split(strings.TrimPrefix(path, "."), ".")
		}
	}
	return paths
}

// replicasManaged returns the object with its managedFields spelled out, which it
// keeps in ch, if this write is tracked.
func (c *call) replicasManaged(ch *change, old *cache.Item) (api.Object, error) {
	before := old.Object().(api.Object)
	if !apply.Tracked(before) && !ch.options.applied {
		return before, nil
	}
	fields, err := map[string]any(nil), error(nil)
	if _, brief := briefOf(before); brief {
		fields, err = c.fieldsOf(old)
	}
	if err != nil {
		return nil, err
	}
	ch.live, err = c.spelledOut(before, fields)
	return ch.live, err
}

// scaling is a change of the number of replicas by a Scale: what ties the
// managedFields of the object to those of its Scale, and those of the Scale before
// the change and with it, as admission sees them.
type scaling struct {
	fields      apply.ScaleFields
	before, now []metav1.ManagedFieldsEntry
}

// scaleManagers gives obj the managedFields that follow from those of its Scale, if
// this write is tracked. Those that admission has spoilt are taken back, as
// Kubernetes does.
func (c *call) scaleManagers(ch *change, obj api.Object, scale *autoscalingv1.Scale) error {
	if ch.live == nil {
		return nil
	}
	if err := apply.CheckManaged(scale.ManagedFields); err != nil {
		c.warnSpoilt(err)
		scale.ManagedFields = ch.scale.now
	}
	entries, err := ch.scale.fields.OfObject(scale.ManagedFields)
	if err != nil {
		return applyError(err)
	}
	setManagers(obj, entries)
	return nil
}

// trackScale notes in scale who changed live to it.
func (c *call) trackScale(live, scale *autoscalingv1.Scale, o *writeOptions) (*autoscalingv1.Scale, error) {
	manager, err := scaleManager()
	if err != nil {
		return nil, apierrors.NewInternalError(err)
	}
	scale.SetGroupVersionKind(scaleKind)
	tracked, ok := manager.Update(live, scale, nil, nil, c.managerName(o)).(*autoscalingv1.Scale)
	if !ok {
		return nil, fmt.Errorf("track Scale: the field manager gave another type")
	}
	return tracked, nil
}
