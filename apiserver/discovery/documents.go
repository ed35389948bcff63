package discovery

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// documents is all that can be asked about one set of groups.
type documents struct {
	address string
	groups  []group
	// mu guards made, the documents asked for so far by path, or by path and
	// version for the aggregated ones.
	mu   sync.Mutex
	made map[string]*document
}

func newDocuments(address string, groups []group) *documents {
	return &documents{address: address, groups: groups, made: map[string]*document{}}
}

// once returns the document kept under key, making it first if need be. A nil
// object means that there is no such document. contentType is empty for those
// that come in every encoding.
func (d *documents) once(key, contentType string, build func() object) *document {
	d.mu.Lock()
	defer d.mu.Unlock()
	if made, ok := d.made[key]; ok {
		return made
	}
	obj := build()
	if obj == nil {
		// Unknown paths are not kept, or anybody could fill the memory.
		return nil
	}
	made := &document{object: obj, contentType: contentType}
	d.made[key] = made
	return made
}

// plain returns the unaggregated document of path, or nil.
func (d *documents) plain(path string) *document {
	return d.once(path, "", func() object {
		parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
		switch {
		case path == "/api":
			return d.coreVersions()
		case path == "/apis":
			return d.groupList()
		case parts[0] == "api" && len(parts) == 2:
			return d.resourceList("", parts[1])
		case parts[0] == "apis" && len(parts) == 2 && parts[1] != "":
			return d.group(parts[1])
		case parts[0] == "apis" && len(parts) == 3 && parts[1] != "":
			return d.resourceList(parts[1], parts[2])
		}
		return nil
	})
}

func (d *documents) coreVersions() object {
	v := &metav1.APIVersions{TypeMeta: metav1.TypeMeta{Kind: "APIVersions"}, Versions: []string{}}
	for _, g := range d.groups {
		if g.name == "" {
			for _, gv := range g.versions {
				v.Versions = append(v.Versions, gv.version)
			}
		}
	}
	v.ServerAddressByClientCIDRs = []metav1.ServerAddressByClientCIDR{{ClientCIDR: "0.0.0.0/0", ServerAddress: d.address}}
	return v
}

func (d *documents) groupList() object {
	list := &metav1.APIGroupList{TypeMeta: metav1.TypeMeta{Kind: "APIGroupList", APIVersion: "v1"}, Groups: []metav1.APIGroup{}}
	for _, g := range d.groups {
		if g.name != "" {
			list.Groups = append(list.Groups, apiGroup(g))
		}
	}
	return list
}

func (d *documents) group(name string) object {
	for _, g := range d.groups {
		if g.name == name {
			one := apiGroup(g)
			one.TypeMeta = metav1.TypeMeta{Kind: "APIGroup", APIVersion: "v1"}
			return &one
		}
	}
	return nil
}

func apiGroup(g group) metav1.APIGroup {
	a := metav1.APIGroup{Name: g.name, PreferredVersion: groupVersionForDiscovery(g.name, g.versions[0].version)}
	for _, gv := range g.versions {
		a.Versions = append(a.Versions, groupVersionForDiscovery(g.name, gv.version))
	}
	return a
}

func (d *documents) resourceList(group, version string) object {
	for _, g := range d.groups {
		for _, gv := range g.versions {
			if g.name == group && gv.version == version && gv.remote == nil {
				return apiResources(schema.GroupVersion{Group: group, Version: version}, gv.served)
			}
		}
	}
	return nil
}

// moved tells that the resource is stored in another group, and served in this
// one for old manifests alone. Its nicknames then mean the stored one only.
func (s served) moved() bool {
	for _, v := range s.resource.Also {
		if v.Kind == s.kind && v.Hidden {
			return s.kind.Group != s.resource.Kind.Group
		}
	}
	return false
}

func (s served) shortNames() []string {
	if s.moved() {
		return nil
	}
	return s.resource.ShortNames
}

func (s served) categories() []string {
	if s.moved() {
		return nil
	}
	return s.resource.Categories
}

func apiResources(gv schema.GroupVersion, all []served) *metav1.APIResourceList {
	list := &metav1.APIResourceList{
		TypeMeta:     metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"},
		GroupVersion: gv.String(),
		APIResources: []metav1.APIResource{},
	}
	if gv.Group == "" {
		list.APIVersion = "" // as Kubernetes' oldest list always was
	}
	for _, s := range all {
		r := s.resource
		one := metav1.APIResource{
			Name: r.Plural, SingularName: r.Singular, Namespaced: r.Namespaced, Kind: s.kind.Kind,
			Verbs: s.verbs(), ShortNames: s.shortNames(), Categories: s.categories(),
		}
		switch stored := r.Kind; {
		case s.custom():
			if r.StoredVersion != "" {
				stored.Version = r.StoredVersion
			}
			one.StorageVersionHash = storageVersionHash(stored)
		case r.Serves("get") && r.Serves("create"): // else it is not stored
			one.StorageVersionHash = storageVersionHash(stored)
		}
		list.APIResources = append(list.APIResources, one)
		for _, sub := range s.subs {
			item := metav1.APIResource{Name: r.Plural + "/" + sub.name, Namespaced: r.Namespaced, Kind: sub.kind.Kind, Verbs: sub.verbs}
			if sub.kind.GroupVersion() != gv {
				item.Group, item.Version = sub.kind.Group, sub.kind.Version
			}
			list.APIResources = append(list.APIResources, item)
		}
	}
	return list
}

// storageVersionHash changes exactly when the kind in which a resource is
// stored does; migrators compare it.
func storageVersionHash(kind schema.GroupVersionKind) string {
	sum := sha256.Sum256([]byte(kind.Group + "/" + kind.Version + "/" + kind.Kind))
	return base64.StdEncoding.EncodeToString(sum[:8])
}
