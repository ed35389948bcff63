package apiserver

import (
	"fmt"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"minke/api"
	"minke/apiserver/admission"
	"minke/apiserver/apply"
	"minke/apiserver/codec/untyped"
)

// managersOf is obj.GetManagedFields, without reflection for an object that has
// no Go type.
func managersOf(obj api.Object) []metav1.ManagedFieldsEntry {
	u, ok := obj.(*unstructured.Unstructured)
	if !ok {
		return obj.GetManagedFields()
	}
	list := managerMaps(u)
	entries := make([]metav1.ManagedFieldsEntry, 0, len(list))
	for _, item := range list {
		e, ok := managerOf(item, true)
		if !ok {
			return obj.GetManagedFields()
		}
		entries = append(entries, e)
	}
	return entries
}

// admit lets admission complete an object. Webhooks and policies, which make another
// one of it, may change who manages what; what they spoil is taken back, as Kubernetes
// does. What is wrong with a Scale's entries is told elsewhere.
func (c *call) admit(a *admission.Attributes) error {
	given := a.Object
	if err := c.cfg.Admission.Admit(c.ctx, a); err != nil {
		return err
	}
	if _, scale := a.Object.(*autoscalingv1.Scale); scale || a.Object == given || given == nil {
		return nil
	}
	if err := apply.CheckManaged(a.Object.GetManagedFields()); err != nil {
		c.warnSpoilt(err)
		a.Object.SetManagedFields(given.GetManagedFields())
	}
	return nil
}

func (c *call) warnSpoilt(err error) {
	c.warn(fmt.Sprintf(".metadata.managedFields was in an invalid state after admission; this could be caused by an outdated mutating admission controller; please fix your requests: %v", err))
}

// whoManages is obj for those who read its metadata through its methods and do not
// ask which fields anybody manages.
func whoManages(obj api.Object) metav1.Object {
	if u, ok := obj.(*unstructured.Unstructured); ok {
		return managersAlone{u}
	}
	return obj
}

type managersAlone struct{ *unstructured.Unstructured }

func (m managersAlone) GetManagedFields() []metav1.ManagedFieldsEntry {
	list := managerMaps(m.Unstructured)
	entries := make([]metav1.ManagedFieldsEntry, 0, len(list))
	for _, item := range list {
		e, ok := managerOf(item, false)
		if !ok {
			return m.Unstructured.GetManagedFields()
		}
		entries = append(entries, e)
	}
	return entries
}

// managerMaps are the entries as the object holds them.
func managerMaps(u *unstructured.Unstructured) []any {
	metadata, _ := u.Object["metadata"].(map[string]any)
	list, _ := metadata["managedFields"].([]any)
	return list
}

func managerOf(item any, whole bool) (e metav1.ManagedFieldsEntry, ok bool) {
	fields, ok := item.(map[string]any)
	for name, v := range fields {
		text, isText := v.(string)
		switch {
		case name == "fieldsV1" && !whole:
			continue
		case name == "fieldsV1":
			raw, err := untyped.Append(nil, v)
			if err != nil {
				return e, false
			}
			e.FieldsV1 = metav1.NewFieldsV1(string(raw))
			continue
		case !isText:
			return e, false
		}
		switch name {
		case "manager":
			e.Manager = text
		case "operation":
			e.Operation = metav1.ManagedFieldsOperationType(text)
		case "apiVersion":
			e.APIVersion = text
		case "fieldsType":
			e.FieldsType = text
		case "subresource":
			e.Subresource = text
		case "time":
			t, err := time.Parse(time.RFC3339, text)
			if err != nil {
				return e, false
			}
			e.Time = &metav1.Time{Time: t.Local()}
		default:
			return e, false
		}
	}
	return e, ok
}

// setManagers is obj.SetManagedFields, without reflection for an object that has
// no Go type.
func setManagers(obj api.Object, entries []metav1.ManagedFieldsEntry) {
	u, ok := obj.(*unstructured.Unstructured)
	metadata, isMap := map[string]any(nil), false
	if ok {
		metadata, isMap = u.Object["metadata"].(map[string]any)
	}
	if !isMap || len(entries) == 0 {
		obj.SetManagedFields(entries)
		return
	}
	list := make([]any, len(entries))
	for i := range entries {
		fields, ok := managerMap(&entries[i])
		if !ok {
			obj.SetManagedFields(entries)
			return
		}
		list[i] = fields
	}
	metadata["managedFields"] = list
}

func managerMap(e *metav1.ManagedFieldsEntry) (map[string]any, bool) {
	fields := make(map[string]any, 8)
	for name, text := range map[string]string{"manager": e.Manager, "operation": string(e.Operation),
		"apiVersion": e.APIVersion, "fieldsType": e.FieldsType, "subresource": e.Subresource} {
		if text != "" {
			fields[name] = text
		}
	}
	if e.Time != nil {
		fields["time"] = e.Time.UTC().Format(time.RFC3339)
	}
	if e.FieldsV1 != nil {
		v, ok := untyped.Decode(e.FieldsV1.GetRawBytes())
		if !ok {
			return nil, false
		}
		fields["fieldsV1"] = v
	}
	return fields, true
}

// keepTimes gives obj the managedFields of before when it differs from live,
// which is before with these spelled out, in nothing but their times: such a
// write changes nothing.
func keepTimes(obj, live, before api.Object) {
	u, untypedNow := obj.(*unstructured.Unstructured)
	l, untypedThen := live.(*unstructured.Unstructured)
	if untypedNow && untypedThen {
		if sameManagerMaps(managerMaps(u), managerMaps(l)) && sameButManagers(u.Object, l.Object) {
			setManagers(obj, managersOf(before))
		}
		return
	}
	now := obj.GetManagedFields()
	if !sameManagers(now, live.GetManagedFields()) {
		return
	}
	obj.SetManagedFields(live.GetManagedFields())
	if equality.Semantic.DeepEqual(obj, live) {
		obj.SetManagedFields(before.GetManagedFields())
	} else {
		obj.SetManagedFields(now)
	}
}

// sameManagerMaps tells whether entries differ in nothing but their times.
func sameManagerMaps(a, b []any) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		x, ok := a[i].(map[string]any)
		y, same := b[i].(map[string]any)
		if !ok || !same || !sameBut("time", x, y) {
			return false
		}
	}
	return true
}

// sameButManagers compares whole objects.
func sameButManagers(a, b map[string]any) bool {
	x, _ := a["metadata"].(map[string]any)
	y, _ := b["metadata"].(map[string]any)
	return sameBut("managedFields", x, y) && sameBut("metadata", a, b)
}

func sameBut(name string, a, b map[string]any) bool {
	seen := 0
	for k, v := range a {
		if k == name {
			continue
		}
		w, ok := b[k]
		if !ok || !untyped.Equal(v, w) {
			return false
		}
		seen++
	}
	if _, ok := b[name]; ok {
		seen++
	}
	return seen == len(b)
}

func sameManagers(a, b []metav1.ManagedFieldsEntry) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		x, y := a[i], b[i]
		x.Time, y.Time = nil, nil
		if !equality.Semantic.DeepEqual(x, y) {
			return false
		}
	}
	return true
}
