// Package preview serves the versions that Kubernetes has not promised yet,
// alpha and beta ones, to those who ask for them. What is not asked for is not
// even there.
package preview

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api"
	"minke/api/feature"
)

// offer is one version of a resource that can be switched on.
type offer struct {
	resource schema.GroupResource
	version  api.Version
}

// Versions lists the group versions that this package knows.
func Versions() []schema.GroupVersion {
	var all []schema.GroupVersion
	add := func(gv schema.GroupVersion) {
		for _, known := range all {
			if known == gv {
				return
			}
		}
		all = append(all, gv)
	}
	for _, r := range resources() {
		add(r.Kind.GroupVersion())
	}
	for _, o := range offers() {
		add(o.version.Kind.GroupVersion())
	}
	return all
}

// Resources lists the resources that are not stable in any version.
func Resources() []*api.Resource { return resources() }

// Offered lists the further versions of each resource, whether or not they are
// switched on.
func Offered() map[schema.GroupResource][]api.Version {
	all := map[schema.GroupResource][]api.Version{}
	for _, o := range offers() {
		all[o.resource] = append(all[o.resource], o.version)
	}
	return all
}

// Attach adds the versions for which wanted is true to the stable resources, and
// returns the list with the resources that are not stable in any version.
func Attach(stable []*api.Resource, wanted func(schema.GroupVersionResource) bool, gates feature.Gates) []*api.Resource {
	all := stable
	offered := Offered()
	for _, r := range resources() {
		r.Unserved = !wanted(r.GroupVersionResource()) || !enabled(gates, gatesOf[r.GroupResource()])
		r.Readable = offered[r.GroupResource()]
		all = append(all, r)
	}
	byName := map[schema.GroupResource]*api.Resource{}
	for _, r := range all {
		byName[r.GroupResource()] = r
	}
	for _, o := range offers() {
		gvr := o.version.Kind.GroupVersion().WithResource(o.resource.Resource)
		if r := byName[o.resource]; r != nil && wanted(gvr) && enabled(gates, gatesOf[o.resource]) {
			r.Also = append(r.Also, o.version)
		}
	}
	served := all[:len(stable):len(stable)]
	for _, r := range all[len(stable):] {
		if !r.Unserved || len(r.Also) > 0 {
			served = append(served, r)
		}
	}
	return served
}

func enabled(gates feature.Gates, names []string) bool {
	for _, name := range names {
		if !gates.Enabled(name) {
			return false
		}
	}
	return true
}

// gatesOf are the feature gates without which Kubernetes does not serve a
// resource, even when its version is on.
var gatesOf = map[schema.GroupResource][]string{
	{Group: "internal.apiserver.k8s.io", Resource: "storageversions"}:  {"StorageVersionAPI", "APIServerIdentity"},
	{Group: "resource.k8s.io", Resource: "resourcepoolstatusrequests"}: {"DRAResourcePoolStatus"},
	{Group: "scheduling.k8s.io", Resource: "podgroups"}:                {"GenericWorkload"},
	{Group: "scheduling.k8s.io", Resource: "workloads"}:                {"GenericWorkload"},
	{Group: "coordination.k8s.io", Resource: "leasecandidates"}:        {"CoordinatedLeaderElection"},
}

// minor is the minor version whose semantics are kept: what it deprecates is
// warned of.
const minor = 37

// converted serves From as a version of Stored, in which it is written down.
func converted[From, List, Stored any, PF interface {
	*From
	runtime.Object
}, PL interface {
	*List
	runtime.Object
}, PS interface {
	*Stored
	api.Object
}](kind schema.GroupVersionKind, plural string, a api.Adjust[From, Stored]) offer {
	v := api.Converted[From, List, Stored, PF, PL, PS](kind, a)
	v.Deprecated = deprecation(kind, new(From))
	return offer{resource: schema.GroupResource{Group: kind.Group, Resource: plural}, version: v}
}

// deprecation words Kubernetes' warning about a version, if it is time for one.
func deprecation(kind schema.GroupVersionKind, o any) string {
	d, ok := o.(interface{ APILifecycleDeprecated() (major, minor int) })
	if !ok {
		return ""
	}
	_, since := d.APILifecycleDeprecated()
	if since > minor {
		return ""
	}
	text := fmt.Sprintf("%s %s is deprecated in v1.%d+", kind.GroupVersion(), kind.Kind, since)
	if r, ok := o.(interface{ APILifecycleRemoved() (major, minor int) }); ok {
		_, gone := r.APILifecycleRemoved()
		text += fmt.Sprintf(", unavailable in v1.%d+", gone)
	}
	r, ok := o.(interface {
		APILifecycleReplacement() schema.GroupVersionKind
	})
	if !ok {
		return text
	}
	next := r.APILifecycleReplacement()
	return text + fmt.Sprintf("; use %s %s", next.GroupVersion(), next.Kind)
}
