package apply

import (
	"cmp"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"minke/apiserver/codec/untyped"
)

// entry is one of the managedFields, of an object with a Go type or without.
type entry struct {
	manager, operation, version, subresource string
	time                                     *metav1.Time
	seconds                                  int64
	fields                                   *fieldSet
	// as is the entry as it stands in an object without a Go type.
	as map[string]any
}

// sameManager tells whether two entries are one manager's: who applies is one
// across versions.
func (e *entry) sameManager(f *entry) bool {
	return e.manager == f.manager && e.operation == f.operation && e.subresource == f.subresource &&
		(e.version == f.version || e.operation == string(metav1.ManagedFieldsOperationApply))
}

// plain tells whether the entry is read and is of the version.
func (e *entry) plain(version string) bool {
	switch metav1.ManagedFieldsOperationType(e.operation) {
	case metav1.ManagedFieldsOperationApply, metav1.ManagedFieldsOperationUpdate:
	default:
		return false
	}
	return e.version == version && e.fields != nil && e.fields.plain
}

// entriesOf reads the managedFields of a typed object.
func entriesOf(list []metav1.ManagedFieldsEntry, in *fieldSets) ([]entry, bool) {
	out := make([]entry, len(list), len(list)+1)
	for i := range list {
		from := &list[i]
		text := "{}"
		if from.FieldsV1 != nil {
			text = from.FieldsV1.GetRawString()
		}
		if from.FieldsType != "FieldsV1" {
			return nil, false
		}
		e := entry{manager: from.Manager, operation: string(from.Operation), version: from.APIVersion,
			subresource: from.Subresource, time: from.Time, fields: in.read(text)}
		if e.time != nil {
			e.seconds = e.time.Unix()
		}
		out[i] = e
	}
	return out, true
}

// entriesIn reads the managedFields of an object without a Go type.
func entriesIn(u *unstructured.Unstructured, in *fieldSets) ([]entry, bool) {
	metadata, _ := u.Object["metadata"].(map[string]any)
	given, there := metadata["managedFields"]
	list, ok := given.([]any)
	if there && !ok {
		return nil, false
	}
	out := make([]entry, len(list), len(list)+1)
	var text []byte
	for i := range list {
		fields, ok := list[i].(map[string]any)
		if !ok || fields["fieldsType"] != "FieldsV1" {
			return nil, false
		}
		e, asIs := entry{as: fields}, true
		text = append(text[:0], "{}"...)
		for name, v := range fields {
			s, isText := v.(string)
			if name == "fieldsV1" {
				var err error
				if text, err = untyped.Append(text[:0], v); err != nil {
					return nil, false
				}
				continue
			}
			if !isText {
				return nil, false
			}
			asIs = asIs && s != ""
			switch name {
			case "manager":
				e.manager = s
			case "operation":
				e.operation = s
			case "apiVersion":
				e.version = s
			case "subresource":
				e.subresource = s
			case "fieldsType":
			case "time":
				t, err := time.Parse(time.RFC3339, s)
				if err != nil {
					return nil, false
				}
				e.time, e.seconds = &metav1.Time{Time: t}, t.Unix()
				asIs = asIs && t.UTC().Format(time.RFC3339) == s
			default:
				return nil, false
			}
		}
		e.fields = in.readBytes(text)
		if !asIs || e.fields == nil || e.fields.text != string(text) {
			e.as = nil // it would be written in another way
		}
		out[i] = e
	}
	return out, true
}

// with returns the entry with other fields.
func (e *entry) with(f *fieldSet) entry {
	out := *e
	out.fields, out.as = f, nil
	return out
}

// sortEntries puts entries into the order in which they are shown.
func sortEntries(list []entry) {
	slices.SortFunc(list, func(a, b entry) int {
		return cmp.Or(
			cmp.Compare(a.operation, b.operation), cmp.Compare(a.seconds, b.seconds), cmp.Compare(a.manager, b.manager),
			cmp.Compare(a.version, b.version), cmp.Compare(a.subresource, b.subresource))
	})
}

// typedEntries are the managedFields of an object with a Go type.
func typedEntries(list []entry) []metav1.ManagedFieldsEntry {
	if len(list) == 0 {
		return nil
	}
	out := make([]metav1.ManagedFieldsEntry, len(list))
	for i := range list {
		e := &list[i]
		out[i] = metav1.ManagedFieldsEntry{Manager: e.manager, Operation: metav1.ManagedFieldsOperationType(e.operation),
			APIVersion: e.version, Subresource: e.subresource, Time: e.time,
			FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(e.fields.text)}
	}
	return out
}

// untypedEntries are the managedFields of an object without a Go type. What the
// fields are is shared with other objects; nobody changes it in place.
func untypedEntries(list []entry) ([]any, bool) {
	out := make([]any, len(list))
	for i := range list {
		e := &list[i]
		if e.as != nil {
			out[i] = e.as
			continue
		}
		fields := map[string]any{"manager": e.manager, "operation": e.operation, "apiVersion": e.version,
			"fieldsType": "FieldsV1", "fieldsV1": e.fields.decoded()}
		if fields["fieldsV1"] == nil {
			return nil, false
		}
		if e.subresource != "" {
			fields["subresource"] = e.subresource
		}
		if e.time != nil {
			fields["time"] = e.time.UTC().Format(time.RFC3339)
		}
		if e.manager == "" {
			delete(fields, "manager")
		}
		out[i] = fields
	}
	return out, true
}
