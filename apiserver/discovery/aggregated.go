package discovery

import (
	"mime"
	"sort"
	"strings"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// aggregatedVersion returns the version of APIGroupDiscoveryList that the
// client accepts first, or "" when it rather wants the plain documents.
func aggregatedVersion(accept []string) string {
	for _, part := range strings.Split(strings.Join(accept, ","), ",") {
		media, params, err := mime.ParseMediaType(strings.TrimSpace(part))
		if err != nil {
			continue
		}
		if params["as"] == "" {
			if media == "application/json" || media == "*/*" || media == "application/*" || media == protobufType {
				return ""
			}
			continue
		}
		known := params["v"] == "v2" || params["v"] == "v2beta1"
		if media == "application/json" && params["g"] == apidiscoveryv2.GroupName && params["as"] == "APIGroupDiscoveryList" && known {
			return params["v"]
		}
	}
	return ""
}

// aggregated returns the document of /api or /apis with all that is below it.
// Versions v2 and v2beta1 differ in nothing but their name.
func (d *documents) aggregated(path, version string) *document {
	contentType := "application/json;g=apidiscovery.k8s.io;v=" + version + ";as=APIGroupDiscoveryList"
	return d.once(path+" "+version, contentType, func() object {
		list := &apidiscoveryv2.APIGroupDiscoveryList{
			TypeMeta: metav1.TypeMeta{Kind: "APIGroupDiscoveryList", APIVersion: apidiscoveryv2.GroupName + "/" + version},
			Items:    []apidiscoveryv2.APIGroupDiscovery{},
		}
		for _, g := range d.groups {
			if (g.name == "") == (path == "/api") {
				list.Items = append(list.Items, groupDiscovery(g))
			}
		}
		return list
	})
}

func groupDiscovery(g group) apidiscoveryv2.APIGroupDiscovery {
	out := apidiscoveryv2.APIGroupDiscovery{ObjectMeta: metav1.ObjectMeta{Name: g.name}}
	for _, gv := range g.versions {
		v := apidiscoveryv2.APIVersionDiscovery{Version: gv.version, Freshness: apidiscoveryv2.DiscoveryFreshnessCurrent}
		if gv.remote != nil {
			v.Resources = gv.remote.Resources
			if gv.remote.Stale {
				v.Freshness = apidiscoveryv2.DiscoveryFreshnessStale
			}
		}
		for _, s := range gv.served {
			v.Resources = append(v.Resources, resourceDiscovery(schema.GroupVersion{Group: g.name, Version: gv.version}, s))
		}
		out.Versions = append(out.Versions, v)
	}
	return out
}

func resourceDiscovery(gv schema.GroupVersion, s served) apidiscoveryv2.APIResourceDiscovery {
	scope := apidiscoveryv2.ScopeCluster
	if s.resource.Namespaced {
		scope = apidiscoveryv2.ScopeNamespace
	}
	out := apidiscoveryv2.APIResourceDiscovery{
		Resource: s.resource.Plural, SingularResource: s.resource.Singular, Scope: scope,
		ResponseKind: s.kindIn(gv, s.kind), Verbs: s.verbs(),
		ShortNames: s.shortNames(), Categories: s.categories(),
	}
	for _, sub := range s.subs {
		out.Subresources = append(out.Subresources, apidiscoveryv2.APISubresourceDiscovery{
			Subresource: sub.name, ResponseKind: s.kindIn(gv, sub.kind), Verbs: sub.verbs,
		})
	}
	return out
}

// kindIn names a kind as what is told of a group version does: with the group and
// the version only if they are others, save for custom resources.
func (s served) kindIn(gv schema.GroupVersion, k schema.GroupVersionKind) *metav1.GroupVersionKind {
	if k.GroupVersion() == gv && !s.custom() {
		return &metav1.GroupVersionKind{Kind: k.Kind}
	}
	return &metav1.GroupVersionKind{Group: k.Group, Version: k.Version, Kind: k.Kind}
}

// custom tells that the resource has no Go type.
func (s served) custom() bool {
	_, untyped := s.resource.New().(runtime.Unstructured)
	return untyped
}

// verbs are those of the resource, in Kubernetes' order. Of what is made of a definition
// that goes it names none by which objects are written, though they may be changed.
func (s served) verbs() []string {
	switch {
	case !s.custom():
		return sortedVerbs(s.resource.Verbs)
	case s.resource.Serves("create"):
		return []string{"delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"}
	}
	return []string{"delete", "deletecollection", "get", "list", "watch"}
}

func sortedVerbs(verbs []string) []string {
	out := append([]string{}, verbs...)
	sort.Strings(out)
	return out
}
