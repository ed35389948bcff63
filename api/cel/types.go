package cel

import (
	apiservercel "k8s.io/apiserver/pkg/cel"
)

// fields describes an object's fields, all required.
type fields map[string]*declType

// object makes a type; optional names the fields that may be missing.
func object(name string, fields fields, optional ...string) *declType {
	out := map[string]*apiservercel.DeclField{}
	for name, kind := range fields {
		out[name] = apiservercel.NewDeclField(name, kind, true, nil, nil)
	}
	for _, name := range optional {
		out[name].Required = false
	}
	return apiservercel.NewObjectType(name, out)
}

func listOf(kind *declType) *declType { return apiservercel.NewListType(kind, -1) }

func mapOf(kind *declType) *declType {
	return apiservercel.NewMapType(apiservercel.StringType, kind, -1)
}

// requestType is what expressions see of admission.k8s.io/v1 AdmissionRequest:
// all but its uid and its objects, which are variables of their own.
func requestType() *declType {
	text := apiservercel.StringType
	kind := object("kubernetes.GroupVersionKind", fields{"group": text, "version": text, "kind": text})
	resource := object("kubernetes.GroupVersionResource", fields{"group": text, "version": text, "resource": text})
	user := object("kubernetes.UserInfo", fields{
		"username": text, "uid": text, "groups": listOf(text), "extra": mapOf(listOf(text)),
	}, "username", "uid", "groups", "extra")
	return object("kubernetes.AdmissionRequest", fields{
		"kind": kind, "resource": resource, "subResource": text,
		"requestKind": kind, "requestResource": resource, "requestSubResource": text,
		"name": text, "namespace": text, "operation": text, "userInfo": user,
		"dryRun": apiservercel.BoolType, "options": apiservercel.DynType,
	}, "subResource", "requestSubResource", "namespace", "dryRun", "options")
}

// namespaceType is what expressions see of a Namespace.
func namespaceType() *declType {
	text, time, number := apiservercel.StringType, apiservercel.TimestampType, apiservercel.IntType
	condition := object("kubernetes.NamespaceCondition", fields{
		"status": text, "type": text, "lastTransitionTime": time, "message": text, "reason": text,
	})
	return object("kubernetes.Namespace", fields{
		"metadata": object("kubernetes.NamespaceMetadata", fields{
			"name": text, "generateName": text, "namespace": text, "labels": mapOf(text), "annotations": mapOf(text),
			"UID": text, "creationTimestamp": time, "deletionGracePeriodSeconds": number, "deletionTimestamp": time,
			"generation": number, "resourceVersion": text, "finalizers": listOf(text),
		}),
		"spec":   object("kubernetes.NamespaceSpec", fields{"finalizers": listOf(text)}),
		"status": object("kubernetes.NamespaceStatus", fields{"conditions": listOf(condition), "phase": text}),
	})
}
