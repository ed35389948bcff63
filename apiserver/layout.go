package apiserver

import (
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api"
)

// The keys of objects are kube-apiserver's, so that either may be started on the
// other's etcd:
//
//	/registry/PLURAL/[NAMESPACE/]NAME        whatever its group
//	/registry/GROUP/PLURAL/[NAMESPACE/]NAME  custom resources, and the two groups
//	                                         of API servers that were once apart
//
// Some have kept a name of old. No two resources share a prefix, and none begins
// another's: a test holds that.
const root = "/registry/"

// placed are the built-in resources that are not where their name says.
var placed = map[schema.GroupResource]string{
	{Resource: "nodes"}:                                                    "minions",
	{Resource: "replicationcontrollers"}:                                   "controllers",
	{Resource: "services"}:                                                 "services/specs",
	{Resource: "endpoints"}:                                                "services/endpoints",
	{Group: "networking.k8s.io", Resource: "ingresses"}:                    "ingress",
	{Group: "apiextensions.k8s.io", Resource: "customresourcedefinitions"}: "apiextensions.k8s.io/customresourcedefinitions",
	{Group: "apiregistration.k8s.io", Resource: "apiservices"}:             "apiregistration.k8s.io/apiservices",
}

// Prefix is what the keys of all objects of a resource begin with.
func Prefix(r *api.Resource) string {
	name := r.GroupResource()
	if at, ok := placed[name]; ok {
		return root + at + "/"
	}
	if r.Conform != nil { // a custom resource
		return root + name.Group + "/" + name.Resource + "/"
	}
	return root + name.Resource + "/"
}
