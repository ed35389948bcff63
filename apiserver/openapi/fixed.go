package openapi

import (
	"reflect"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	apiversion "k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/kubernetes/scheme"
)

var (
	apiVersions  = reflect.TypeFor[metav1.APIVersions]()
	groupList    = reflect.TypeFor[metav1.APIGroupList]()
	apiGroup     = reflect.TypeFor[metav1.APIGroup]()
	resourceList = reflect.TypeFor[metav1.APIResourceList]()
	versionInfo  = reflect.TypeFor[apiversion.Info]()
)

// fixedTypes are those that paths of no resource of their own answer with, or
// that all resources have.
var fixedTypes = []reflect.Type{apiVersions, groupList, apiGroup, resourceList, watchEvent, deleteOptions, status, patchType, versionInfo}

// fixed returns the operations of the documents that tell of no resource, by
// the documents' names: discovery down to groups, and what stands beside the
// API.
func (s *Server) fixed(groups []string) map[string][]operation {
	answer := func(t reflect.Type) model { return model{goType: t} }
	ok := []string{"200"}
	out := map[string][]operation{
		"api":     {{path: "/api/", id: "getCoreAPIVersions", description: "get available API versions", answer: answer(apiVersions), codes: ok, media: found, tag: "core"}},
		"apis":    {{path: "/apis/", id: "getAPIVersions", description: "get available API versions", answer: answer(groupList), codes: ok, media: found, tag: "apis"}},
		"version": {{path: "/version/", id: "getCodeVersion", description: "get the version information for this server", answer: answer(versionInfo), codes: ok, media: plainJSON, tag: "version"}},
		".well-known/openid-configuration": {{
			path: "/.well-known/openid-configuration/", id: "getServiceAccountIssuerOpenIDConfiguration",
			description: "get service account issuer OpenID configuration, also known as the 'OIDC discovery doc'",
			answer:      answer(reflect.TypeFor[string]()), codes: ok, media: answeredJSON, tag: "WellKnown",
		}},
		"openid/v1/jwks": {{
			path: "/openid/v1/jwks/", id: "getServiceAccountIssuerOpenIDKeyset",
			description: "get service account issuer OpenID JSON Web Key Set (contains public token verification keys)",
			answer:      answer(reflect.TypeFor[string]()), codes: ok, media: keySet, tag: "openid",
		}},
	}
	if s.logs {
		out["logs"] = []operation{
			{path: "/logs/", id: "logFileListHandler", media: none, tag: "logs"},
			{path: "/logs/{logpath}", id: "logFileHandler", parameters: []parameter{logpath}, media: none, tag: "logs"},
		}
	}
	for _, group := range groups {
		tag, _, _ := strings.Cut(tagOf(schema.GroupVersion{Group: group}), "_")
		out["apis/"+group] = []operation{{
			path: "/apis/" + group + "/", id: "get" + groupID(group) + "APIGroup", description: "get information of a group",
			answer: answer(apiGroup), codes: ok, media: found, tag: tag,
		}}
	}
	for name := range out {
		for i := range out[name] {
			out[name][i].method = "get"
		}
	}
	return out
}

// listResources is how a group version tells its resources.
func listResources(gv schema.GroupVersion) operation {
	return operation{
		path: "/" + prefixOf(gv) + "/", method: "get", id: "get" + groupID(gv.Group) + title(gv.Version) + "APIResources",
		description: "get available resources", answer: model{goType: resourceList}, codes: []string{"200"}, media: found, tag: tagOf(gv),
	}
}

// everyVersion lists the group versions in which the kinds that all of them
// have (DeleteOptions, WatchEvent) are known, whether served or not: those of
// Kubernetes' API, of reviews that others are sent, and of what extends it.
func everyVersion() []schema.GroupVersion {
	all := scheme.Scheme.PrioritizedVersionsAllGroups()
	for _, more := range []schema.GroupVersion{
		{Group: "admission.k8s.io", Version: "v1"}, {Group: "admission.k8s.io", Version: "v1beta1"},
		{Group: "apiextensions.k8s.io", Version: "v1"}, {Group: "apiextensions.k8s.io", Version: "v1beta1"},
		{Group: "apiregistration.k8s.io", Version: "v1"}, {Group: "apiregistration.k8s.io", Version: "v1beta1"},
		{Group: "imagepolicy.k8s.io", Version: "v1alpha1"},
	} {
		if !slices.Contains(all, more) {
			all = append(all, more)
		}
	}
	return all
}
