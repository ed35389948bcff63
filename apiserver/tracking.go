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

// metadata.managedFields says who manages which field. To work it out costs
// more than all else that a write needs, and few ask. So it is put off:
//
//	created in process        none: what it holds is "before-first-apply"
//	created from afar         one entry without fields: all of them are the creator's
//	updated by its creator    the same: all fields are still the creator's
//	updated by others, apply  the entry is spelled out from the object as it stands
//
// A status that a part of this process writes is not tracked at all.

// trackNew notes in a new object who made it.
func (c *call) trackNew(obj api.Object, o *writeOptions) {
	if o.applied {
		return
	}
	obj.SetManagedFields(nil)
	_, untyped := obj.(*unstructured.Unstructured)
	if c.objects != nil || untyped && c.end.Merging == nil {
		return
	}
	now := obj.GetCreationTimestamp()
	setManagers(obj, []metav1.ManagedFieldsEntry{{
		Manager: c.managerName(o), Operation: metav1.ManagedFieldsOperationUpdate,
		APIVersion: c.end.Kind.GroupVersion().String(), Time: &now,
		FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1("{}"),
	}})
}

// isBrief tells whether the entries are what trackNew wrote.
func isBrief(entries []metav1.ManagedFieldsEntry) bool {
	return len(entries) == 1 && entries[0].Operation == metav1.ManagedFieldsOperationUpdate &&
		entries[0].FieldsV1 != nil && string(entries[0].FieldsV1.GetRawBytes()) == "{}"
}

// briefOf returns the one entry that trackNew wrote, if obj has no more.
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
	manager, err := stored.applier("")
	if err != nil {
		return nil, apierrors.NewInternalError(err)
	}
	// All objects of one shape have the same fields.
	whole := metav1.ManagedFieldsEntry{
		Manager: entries[0].Manager, Operation: metav1.ManagedFieldsOperationUpdate,
		APIVersion: c.end.Kind.GroupVersion().String(), FieldsType: "FieldsV1",
	}
	shape := apply.Shape(obj)
	if fields != nil {
		shape = apply.TypedShape(fields)
	}
	if known, ok := manager.FieldsOf(shape); ok {
		whole.FieldsV1, whole.Time = metav1.NewFieldsV1(known), entries[0].Time
		return withManagers(obj, whole), nil
	}
	empty := c.end.New()
	empty.GetObjectKind().SetGroupVersionKind(c.end.Kind)
	full := obj.DeepCopyObject().(api.Object)
	full.SetManagedFields(nil)
	full, ok := manager.Update(empty, full, nil, nil, entries[0].Manager).(api.Object)
	if !ok {
		return nil, fmt.Errorf("track %s: the field manager gave another type", c.end.kind.Kind)
	}
	all := managersOf(full)
	if len(all) == 1 && all[0].FieldsV1 != nil {
		fields := all[0].FieldsV1
		if all[0].FieldsV1, all[0].Time = nil, nil; all[0] == whole {
			manager.KeepFields(shape, string(fields.GetRawBytes()))
		}
		all[0].FieldsV1 = fields
	}
	for i := range all {
		all[i].Time = entries[0].Time
	}
	setManagers(full, all)
	return full, nil
}

// withManagers returns obj with one entry in its managedFields; it shares all else.
func withManagers(obj api.Object, entry metav1.ManagedFieldsEntry) api.Object {
	u, ok := obj.(*unstructured.Unstructured)
	if !ok {
		from := reflect.ValueOf(obj).Elem()
		to := reflect.New(from.Type())
		to.Elem().Set(from)
		full := to.Interface().(api.Object)
		full.SetManagedFields([]metav1.ManagedFieldsEntry{entry})
		return full
	}
	full := &unstructured.Unstructured{Object: maps.Clone(u.Object)}
	metadata, _ := full.Object["metadata"].(map[string]any)
	full.Object["metadata"] = maps.Clone(metadata)
	setManagers(full, []metav1.ManagedFieldsEntry{entry})
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
	if c.staysBrief(ch, obj, before) {
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

// staysBrief notes in obj that it was its creator who changed it, and tells true,
// when that is so: all fields are the creator's still, whatever they are.
func (c *call) staysBrief(ch *change, obj, before api.Object) bool {
	entries, ok := briefOf(before)
	if !ok || c.info.Subresource != "" || c.end.version != nil {
		return false
	}
	brief := entries[0]
	if brief.Manager != c.managerName(ch.options) || brief.Subresource != "" || brief.APIVersion != c.end.kind.GroupVersion().String() {
		return false
	}
	given := managersOf(obj)
	if len(given) > 0 && !sameManagers(given, entries) || emptyManagers(obj) {
		return false
	}
	now := metav1.Now()
	brief.Time = &now
	setManagers(obj, []metav1.ManagedFieldsEntry{brief})
	ch.live = before
	return true
}

// emptyManagers tells that the client asks for managedFields to be forgotten,
// by an empty list.
func emptyManagers(obj api.Object) bool {
	if u, ok := obj.(*unstructured.Unstructured); ok {
		metadata, _ := u.Object["metadata"].(map[string]any)
		_, given := metadata["managedFields"]
		return given && len(managerMaps(u)) == 0
	}
	given := obj.GetManagedFields()
	return given != nil && len(given) == 0
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
