// Package discovery tells clients what the server serves: the documents below
// /api and /apis, each group and version by itself or all of them aggregated
// (KEP-3352, apidiscovery.k8s.io), and the index of paths at the root.
//
// The documents are made when first asked for and kept until Set replaces what
// is served.
package discovery

import (
	"net/http"
	"sort"
	"strings"
	"sync"
	"sync/atomic"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/version"

	"minke/api"
	"minke/api/apiregistration"
)

// Action is a subresource that acts instead of showing the object in another
// way, such as pods/binding.
type Action struct {
	// Resource and the Group in which it is served.
	Group, Resource string
	Subresource     string
	// Kind is what is sent or answered. It may belong to another group.
	Kind  schema.GroupVersionKind
	Verbs []string
}

// Remote is a group version that another server serves, behind this one.
type Remote struct {
	schema.GroupVersion
	Priority apiregistration.Priority
	// Resources are those that the server named last; Stale tells that it does
	// not answer now.
	Resources []apidiscoveryv2.APIResourceDiscovery
	Stale     bool
}

// Server answers discovery requests.
type Server struct {
	address string
	current atomic.Pointer[documents]

	mu        sync.Mutex // guards what follows
	resources []*api.Resource
	actions   []Action
	remote    []Remote
}

// New returns a server that announces address ("host:port") to its clients.
func New(address string, resources []*api.Resource, actions []Action) *Server {
	s := &Server{address: address}
	s.Set(resources, actions)
	return s
}

// Set replaces what is served, as when a CustomResourceDefinition comes or goes.
func (s *Server) Set(resources []*api.Resource, actions []Action) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.resources, s.actions = resources, actions
	s.renew()
}

// SetRemote replaces what is served by others.
func (s *Server) SetRemote(remote []Remote) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remote = remote
	s.renew()
}

// renew makes the documents anew; s.mu must be held.
func (s *Server) renew() {
	s.current.Store(newDocuments(s.address, arrange(s.resources, s.actions, s.remote)))
}

// group is one API group with its versions, the preferred one first.
type group struct {
	name     string
	priority int32
	versions []groupVersion
}

type groupVersion struct {
	version  string
	priority apiregistration.Priority
	hidden   bool
	served   []served
	// remote is nil for what this server serves itself.
	remote *Remote
}

// served is one resource in one version, with its subresources.
type served struct {
	resource *api.Resource
	kind     schema.GroupVersionKind
	// stored tells that this is the version in which the object is kept.
	stored bool
	subs   []subresource
}

type subresource struct {
	name  string
	kind  schema.GroupVersionKind
	verbs []string
}

// arrange sorts resources into groups and versions. A version that is served by
// others is not this server's.
func arrange(resources []*api.Resource, actions []Action, remote []Remote) []group {
	byGroup := map[string]map[string]*groupVersion{}
	add := func(r *api.Resource, kind schema.GroupVersionKind, stored, hidden bool) {
		versions := byGroup[kind.Group]
		if versions == nil {
			versions = map[string]*groupVersion{}
			byGroup[kind.Group] = versions
		}
		gv := versions[kind.Version]
		if gv == nil {
			gv = &groupVersion{version: kind.Version, hidden: true, priority: apiregistration.PriorityOf(kind.GroupVersion())}
			versions[kind.Version] = gv
		}
		// A version is hidden only while all that it serves is.
		gv.hidden = gv.hidden && hidden
		gv.served = append(gv.served, served{resource: r, kind: kind, stored: stored, subs: subresourcesOf(r, kind, actions)})
	}
	for _, r := range resources {
		if !r.Unserved {
			add(r, r.Kind, true, false)
		}
		for _, v := range r.Also {
			add(r, v.Kind, false, v.Hidden)
		}
	}
	for i := range remote {
		r := &remote[i]
		if byGroup[r.Group] == nil {
			byGroup[r.Group] = map[string]*groupVersion{}
		}
		byGroup[r.Group][r.Version] = &groupVersion{version: r.Version, priority: r.Priority, remote: r}
	}
	return sorted(byGroup)
}

func sorted(byGroup map[string]map[string]*groupVersion) []group {
	groups := make([]group, 0, len(byGroup))
	for name, versions := range byGroup {
		g := group{name: name}
		for _, v := range versions {
			sort.Slice(v.served, func(i, j int) bool { return v.served[i].resource.Plural < v.served[j].resource.Plural })
			g.versions = append(g.versions, *v)
			g.priority = max(g.priority, v.priority.Group)
		}
		sort.Slice(g.versions, func(i, j int) bool {
			a, b := g.versions[i], g.versions[j]
			if a.hidden != b.hidden {
				return b.hidden
			}
			if a.priority.Version != b.priority.Version {
				return a.priority.Version > b.priority.Version
			}
			return version.CompareKubeAwareVersionStrings(a.version, b.version) > 0
		})
		groups = append(groups, g)
	}
	sort.Slice(groups, func(i, j int) bool {
		if a, b := groups[i].priority, groups[j].priority; a != b {
			return a > b
		}
		return groups[i].name < groups[j].name
	})
	return groups
}

// subresourceVerbs are the verbs of subresources that are other ways to update
// an object.
var subresourceVerbs = map[string][]string{"finalize": {"update"}}

func subresourcesOf(r *api.Resource, kind schema.GroupVersionKind, actions []Action) []subresource {
	var subs []subresource
	for name := range r.Subresources {
		verbs, special := subresourceVerbs[name]
		if !special {
			verbs = []string{"get", "patch", "update"}
		}
		subs = append(subs, subresource{name: name, kind: kind, verbs: verbs})
	}
	if r.Scale != nil {
		subs = append(subs, subresource{
			name:  "scale",
			kind:  schema.GroupVersionKind{Group: "autoscaling", Version: "v1", Kind: "Scale"},
			verbs: []string{"get", "patch", "update"},
		})
	}
	for _, a := range actions {
		if a.Group == kind.Group && a.Resource == r.Plural {
			verbs := append([]string(nil), a.Verbs...)
			sort.Strings(verbs)
			subs = append(subs, subresource{name: a.Subresource, kind: a.Kind, verbs: verbs})
		}
	}
	// Of custom resources the status comes first, as in Kubernetes.
	_, custom := r.New().(runtime.Unstructured)
	sort.Slice(subs, func(i, j int) bool { return (subs[i].name < subs[j].name) != custom })
	return subs
}

// ServeHTTP answers GET on /api, /apis and what lies below them down to a
// version.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "405 method not allowed", http.StatusMethodNotAllowed)
		return
	}
	docs := s.current.Load()
	path := strings.TrimSuffix(r.URL.Path, "/")
	if path == "/api" || path == "/apis" {
		w.Header().Set("Vary", "Accept")
		if v := aggregatedVersion(r.Header.Values("Accept")); v != "" {
			docs.aggregated(path, v).serve(w, r)
			return
		}
	}
	if d := docs.plain(path); d != nil {
		d.serve(w, r)
		return
	}
	http.Error(w, "404 page not found", http.StatusNotFound)
}

// groupVersionForDiscovery is how both forms name a version.
func groupVersionForDiscovery(group, version string) metav1.GroupVersionForDiscovery {
	return metav1.GroupVersionForDiscovery{
		GroupVersion: schema.GroupVersion{Group: group, Version: version}.String(),
		Version:      version,
	}
}
