package cluster

import (
	"context"
	"fmt"
	"slices"
	"sync"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/apiserver/discovery"
	"minke/client"
)

// elsewhere is what API servers behind this one were last known to serve.
type elsewhere struct {
	changed chan struct{}

	mu     sync.Mutex // guards what follows
	remote []discovery.Remote
}

func newElsewhere() *elsewhere { return &elsewhere{changed: make(chan struct{}, 1)} }

func (e *elsewhere) set(remote []discovery.Remote) {
	e.mu.Lock()
	e.remote = remote
	e.mu.Unlock()
	select {
	case e.changed <- struct{}{}:
	default:
	}
}

// resources lists what can be listed and deleted, each resource in the version
// that comes first, and tells which servers do not answer now.
func (e *elsewhere) resources(known map[schema.GroupResource]bool) (all []client.APIResource, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	failed := map[schema.GroupVersion]error{}
	for _, remote := range e.remote {
		if remote.Stale {
			failed[remote.GroupVersion] = fmt.Errorf("stale GroupVersion discovery: %s", remote.GroupVersion)
		}
		for i := range remote.Resources {
			r := &remote.Resources[i]
			name := remote.WithResource(r.Resource)
			if known[name.GroupResource()] || r.ResponseKind == nil || !slices.Contains(r.Verbs, "list") || !slices.Contains(r.Verbs, "delete") {
				continue
			}
			known[name.GroupResource()] = true
			all = append(all, client.APIResource{Resource: name, Kind: r.ResponseKind.Kind, Cluster: r.Scope == apidiscoveryv2.ScopeCluster,
				Elsewhere: true, Unwatched: !slices.Contains(r.Verbs, "watch")})
		}
	}
	if len(failed) > 0 {
		return all, &client.DiscoveryError{Groups: failed}
	}
	return all, nil
}

// allResources lists what controllers find in the cluster: all that is kept here,
// custom resources among it, and what other API servers hold. The error may be a client.DiscoveryError about
// some of those; the rest is complete.
func (s *Server) allResources(context.Context) ([]client.APIResource, error) {
	// Who waits for what is not served would wait for ever.
	all := slices.DeleteFunc(client.BuiltIn(), func(r client.APIResource) bool { return !s.served(r.Resource.Group, r.Resource.Resource) })
	known := map[schema.GroupResource]bool{}
	for _, r := range all {
		known[r.Resource.GroupResource()] = true
	}
	further := s.custom.Resources()
	for _, r := range s.resources {
		// Of those that controllers have no other use for, neither a namespace's nor
		// an owner's end may leave any behind.
		if !known[r.GroupResource()] && !r.Unserved && r.Serves("deletecollection") {
			further = append(further, r)
		}
	}
	for _, r := range further {
		known[r.GroupResource()] = true
		all = append(all, client.APIResource{Resource: r.GroupVersionResource(), Kind: r.Kind.Kind, Cluster: !r.Namespaced, Bulky: r.Bulky})
	}
	remote, err := s.elsewhere.resources(known)
	return append(all, remote...), err
}
