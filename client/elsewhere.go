package client

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Through returns the API as its handler gives it, read by requests alone: what
// other API servers hold, behind this one, is in no cache of this process. Objects
// without a Go type come as unstructured ones.
func Through(api Interface) Interface {
	if c, ok := api.(interface{ through() Interface }); ok {
		return c.through()
	}
	return api
}

func (c *inProcess) through() Interface {
	return &inProcess{handler: c.handler, user: c.user, counts: c.counts}
}

// Elsewhere is for informers of resources that another API server holds.
func Elsewhere() InformerOption {
	return func(k *viewKey) { k.elsewhere = true }
}

// Reach returns how the resource's objects are read.
func (r APIResource) Reach(api Interface) Interface {
	if r.Elsewhere {
		return Through(api)
	}
	return api
}

// BuiltIn tells whether the resource is one of Kubernetes' own that this program
// has a Go type for.
func (r APIResource) BuiltIn() bool {
	return slices.ContainsFunc(BuiltIn(), func(b APIResource) bool { return b.Resource == r.Resource })
}

// Identities are the options of an informer for those who care for all resources,
// and of most for no more than whose they are and that they exist. Informers of
// built-in kinds are whole: they are shared with others and cost nothing; those of
// custom resources hold identities, and are shared by all who ask so.
func (r APIResource) Identities() []InformerOption {
	switch {
	case r.Elsewhere:
		return []InformerOption{IdentityOnly(), Elsewhere()}
	case r.BuiltIn():
		return nil
	case r.Bulky:
		return []InformerOption{IdentityOnly(), func(k *viewKey) { k.bulky = true }}
	}
	return []InformerOption{IdentityOnly()}
}

// DiscoveryError tells of which group versions nobody can say now what they
// serve. What is listed beside it is all the same true.
type DiscoveryError struct {
	Groups map[schema.GroupVersion]error
}

func (e *DiscoveryError) Error() string {
	var parts []string
	for gv, err := range e.Groups {
		parts = append(parts, fmt.Sprintf("%s: %v", gv, err))
	}
	slices.Sort(parts)
	return "unable to retrieve the complete list of server APIs: " + strings.Join(parts, ", ")
}

// Undiscovered tells whether err says so of the group version.
func Undiscovered(err error, gv schema.GroupVersion) bool {
	var failed *DiscoveryError
	return errors.As(err, &failed) && failed.Groups[gv] != nil
}
