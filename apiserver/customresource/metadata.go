package customresource

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// plainMetadata tells that an object's metadata is in the form that reading it
// into metav1.ObjectMeta and writing it again would give, so that this can be
// left out. In doubt it is not.
func plainMetadata(fields map[string]any) bool {
	metadata, ok := fields["metadata"].(map[string]any)
	if !ok || len(metadata) == 0 {
		return false
	}
	for name, v := range metadata {
		check, known := metadataFields[name]
		if !known || !check(v) {
			return false
		}
	}
	return true
}

var metadataFields = map[string]func(any) bool{
	"name": isText, "generateName": isText, "namespace": isText, "uid": isText, "resourceVersion": isText,
	"generation": func(v any) bool { n, ok := v.(int64); return ok && n != 0 },
	"labels":     isTexts, "annotations": isTexts, "creationTimestamp": isTime,
	"finalizers":    isList(isText),
	"managedFields": isList(isManager),
}

func isText(v any) bool {
	s, ok := v.(string)
	return ok && s != ""
}

func isTexts(v any) bool {
	m, ok := v.(map[string]any)
	if !ok || len(m) == 0 {
		return false
	}
	for _, v := range m {
		if _, ok := v.(string); !ok {
			return false
		}
	}
	return true
}

// isTime takes the one form in which times are written: RFC 3339 in UTC, to the
// second.
func isTime(v any) bool {
	s, ok := v.(string)
	if !ok || len(s) != len("2006-01-02T15:04:05Z") || s[len(s)-1] != 'Z' {
		return false
	}
	_, err := time.Parse(time.RFC3339, s)
	return err == nil
}

func isList(check func(any) bool) func(any) bool {
	return func(v any) bool {
		list, ok := v.([]any)
		if !ok || len(list) == 0 {
			return false
		}
		for _, item := range list {
			if !check(item) {
				return false
			}
		}
		return true
	}
}

func isManager(v any) bool {
	entry, ok := v.(map[string]any)
	if !ok {
		return false
	}
	for name, v := range entry {
		switch name {
		case "manager", "apiVersion", "fieldsType", "subresource":
			ok = isText(v)
		case "operation":
			ok = v == string(metav1.ManagedFieldsOperationApply) || v == string(metav1.ManagedFieldsOperationUpdate)
		case "time":
			ok = isTime(v)
		case "fieldsV1":
			_, ok = v.(map[string]any)
		default:
			ok = false
		}
		if !ok {
			return false
		}
	}
	return true
}
