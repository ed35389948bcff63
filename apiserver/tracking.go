package apiserver

import (
	"fmt"
	"maps"
	"reflect"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"minke/api"
	"minke/apiserver/apply"
	"minke/store/cache"
)

// metadata.managedFields says who manages which field:
//
//	created in process        none: what it holds is "before-first-apply"
//	created from afar         all fields that it had before admission are the creator's
//	a status written by parts of this process: not tracked
//
// To work out what a creator owns costs more than all else that a write needs, and
// objects of one shape have the same fields: those of some shapes are kept. For
// large objects, and for those that the server makes beside others, it is put off:
// an entry without fields means that all of them are its manager's.

// largeBody is the size in bytes of a request from which on it is put off, so that
// it is not worked out for what is refused, at a multiple of that in memory.
const largeBody = 64 << 10

// trackNew notes in a new object who made it.
func (c *call) trackNew(obj api.Object, o *writeOptions) error {
	if o.applied {
		return nil
	}
	obj.SetManagedFields(nil)
	_, untyped := obj.(*unstructured.Unstructured)
	if c.objects != nil || untyped && c.end.Merging == nil {
		return nil
	}
	name := c.managerName(o)
	if c.size > largeBody {
		c.putOff(obj, name)
		return nil
	}
	fields, err := c.fieldsOf(cache.NewItem("", obj, 0))
	if err != nil {
		return err
	}
	made := obj.GetCreationTimestamp()
	entries, err := c.ownedBy(c.end, obj, fields, name, &made)
	if err != nil {
		return err
	}
	setManagers(obj, entries)
	return nil
}

// putOff notes in a new object that name made it, and not what of it is his.
func (c *call) putOff(obj api.Object, name string) {
	made := obj.GetCreationTimestamp()
	setManagers(obj, []metav1.ManagedFieldsEntry{{
		Manager: name, Operation: metav1.ManagedFieldsOperationUpdate,
		APIVersion: c.end.Kind.GroupVersion().String(), Time: &made,
		FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1("{}"),
	}})
}

// ownedBy returns the entries that say that all of obj is name's, as somebody who
// created it at e has them. fields are those of an object with a Go type, if they
// are at hand.
func (c *call) ownedBy(e *endpoint, obj api.Object, fields map[string]any, name string, made *metav1.Time) ([]metav1.ManagedFieldsEntry, error) {
	manager, err := e.applier("")
	if err != nil {
		return nil, apierrors.NewInternalError(err)
	}
	shape := ""
	switch {
	case e.version != nil: // obj is of the version that is stored, its owner's fields are not
	case fields != nil:
		shape = apply.TypedShape(fields)
	default:
		shape = apply.Shape(obj)
	}
	if known, ok := manager.FieldsOf(shape); ok {
		return []metav1.ManagedFieldsEntry{{
			Manager: name, Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: e.kind.GroupVersion().String(), Time: made,
			FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(known),
		}}, nil
	}
	empty := e.empty()
	empty.GetObjectKind().SetGroupVersionKind(e.kind)
	var none map[string]any
	if stored, ok := empty.(api.Object); ok && fields != nil {
		if none, err = c.fieldsOf(cache.NewItem("", stored, 0)); err != nil {
			return nil, err
		}
	}
	created := obj.DeepCopyObject().(api.Object)
	created.GetObjectKind().SetGroupVersionKind(e.Kind)
	created.SetManagedFields(nil)
	created, ok := manager.Create(empty, created, none, fields, name).(api.Object)
	if !ok {
		return nil, fmt.Errorf("track %s: the field manager gave another type", e.kind.Kind)
	}
	all := managersOf(created)
	for i := range all {
		all[i].Time = made
	}
	if len(all) == 1 && all[0].FieldsV1 != nil {
		manager.KeepFields(shape, string(all[0].FieldsV1.GetRawBytes()))
	}
	return all, nil
}

// isBrief tells whether the entries are what putOff writes.
func isBrief(entries []metav1.ManagedFieldsEntry) bool {
	return len(entries) == 1 && entries[0].Operation == metav1.ManagedFieldsOperationUpdate &&
		entries[0].FieldsV1 != nil && string(entries[0].FieldsV1.GetRawBytes()) == "{}"
}

// briefOf returns that entry, if obj has no more.
func briefOf(obj api.Object) ([]metav1.ManagedFieldsEntry, bool) {
	if u, ok := obj.(*unstructured.Unstructured); ok {
		list := managerMaps(u)
		if len(list) != 1 {
			return nil, false
		}
		entry, _ := list[0].(map[string]any)
		if fields, _ := entry["fieldsV1"].(map[string]any); len(fields) > 0 {
			return nil, false
		}
	}
	entries := managersOf(obj)
	return entries, isBrief(entries)
}

// spelledOut returns obj with its managedFields in full: obj itself when they
// are, else a copy. fields are those of an object with a Go type, if they are at
// hand.
func (c *call) spelledOut(obj api.Object, fields map[string]any) (api.Object, error) {
	entries, brief := briefOf(obj)
	if !brief {
		return obj, nil
	}
	stored := c.routes.Load().endpoints[c.end.GroupVersionResource()]
	all, err := c.ownedBy(stored, obj, fields, entries[0].Manager, entries[0].Time)
	if err != nil {
		return nil, err
	}
	return withManagers(obj, all), nil
}

// withManagers returns obj with other managedFields; it shares all else.
func withManagers(obj api.Object, entries []metav1.ManagedFieldsEntry) api.Object {
	u, ok := obj.(*unstructured.Unstructured)
	if !ok {
		from := reflect.ValueOf(obj).Elem()
		to := reflect.New(from.Type())
		to.Elem().Set(from)
		full := to.Interface().(api.Object)
		full.SetManagedFields(entries)
		return full
	}
	full := &unstructured.Unstructured{Object: maps.Clone(u.Object)}
	metadata, _ := full.Object["metadata"].(map[string]any)
	full.Object["metadata"] = maps.Clone(metadata)
	setManagers(full, entries)
	return full
}

// track notes in obj who changed what, if the object is tracked.
func (c *call) track(ch *change, obj api.Object, old *cache.Item) (api.Object, error) {
	before := old.Object().(api.Object)
	if ch.options.applied || ch.scale != nil && ch.live != nil { // it is tracked already
		return obj, nil
	}
	if !apply.Tracked(before) {
		obj.SetManagedFields(nil)
		return obj, nil
	}
	if c.objects != nil && c.info.Subresource == "status" {
		obj.SetManagedFields(before.GetManagedFields())
		return obj, nil
	}
	was, err := c.fieldsOf(old)
	if err != nil {
		return nil, err
	}
	live, err := c.spelledOut(before, was)
	if err != nil {
		return nil, err
	}
	if _, brief := briefOf(obj); brief {
		obj.SetManagedFields(nil) // the field manager takes those of live then
	}
	manager, err := c.end.applier(c.info.Subresource)
	if err != nil {
		return nil, apierrors.NewInternalError(err)
	}
	var now map[string]any
	if was != nil {
		if now, err = c.fieldsOf(cache.NewItem("", obj, 0)); err != nil {
			return nil, err
		}
	}
	tracked, ok := manager.Update(live, obj, was, now, c.managerName(ch.options)).(api.Object)
	if !ok {
		return nil, fmt.Errorf("track %s: the field manager gave another type", c.end.kind.Kind)
	}
	ch.live = live
	return tracked, nil
}

// managerName is who writes: what the client says, or else its program.
func (c *call) managerName(o *writeOptions) string {
	if o.manager != "" {
		return o.manager
	}
	name, _, _ := strings.Cut(c.r.UserAgent(), "/")
	if len(name) > 128 {
		name = name[:128]
	}
	if name == "" {
		return "unknown"
	}
	return name
}
