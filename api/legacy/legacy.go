// Package legacy serves the versions that Kubernetes has removed, so that old
// manifests still work: each is converted to the version that is stored. A use
// of one earns a warning that names its successor.
package legacy

import (
	"minke/api"
)

// Attach adds the old versions to the resources that they are versions of.
func Attach(resources []*api.Resource) {
	for _, r := range resources {
		r.Also = append(r.Also, versions(r)...)
		r.Readable = append(r.Readable, stored(r)...)
	}
}

// versions lists the old versions of a resource, newest first.
func versions(r *api.Resource) []api.Version {
	switch r.GroupResource().String() {
	case "deployments.apps":
		return deployments()
	case "replicasets.apps":
		return replicaSets()
	case "daemonsets.apps":
		return daemonSets()
	case "statefulsets.apps":
		return statefulSets()
	case "controllerrevisions.apps":
		return controllerRevisions()
	case "ingresses.networking.k8s.io":
		return ingresses()
	case "ingressclasses.networking.k8s.io":
		return ingressClasses()
	case "networkpolicies.networking.k8s.io":
		return networkPolicies()
	case "cronjobs.batch":
		return cronJobs()
	case "poddisruptionbudgets.policy":
		return budgets()
	case "endpointslices.discovery.k8s.io":
		return endpointSlices()
	case "events":
		return events()
	}
	return append(rbac(r), sameShape(r)...)
}
