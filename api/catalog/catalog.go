// Package catalog is the list of all that Minke serves out of the box, one line
// for each API group.
package catalog

import (
	"minke/api"
	"minke/api/admissionregistration"
	"minke/api/apiextensions"
	"minke/api/apiregistration"
	"minke/api/apps"
	"minke/api/authentication"
	"minke/api/authorization"
	"minke/api/autoscaling"
	"minke/api/batch"
	"minke/api/certificates"
	"minke/api/coordination"
	"minke/api/core"
	"minke/api/discovery"
	"minke/api/feature"
	"minke/api/flowcontrol"
	"minke/api/legacy"
	"minke/api/networking"
	"minke/api/node"
	"minke/api/policy"
	"minke/api/rbac"
	"minke/api/resource"
	"minke/api/scheduling"
	"minke/api/storage"
	"minke/api/storagemigration"
)

// Resources lists every built-in resource, each call a fresh list.
func Resources() []*api.Resource { return resources(nil) }

// resources lists them as the feature gates want them validated.
func resources(gates feature.Gates) []*api.Resource {
	var all []*api.Resource
	for _, group := range []func() []*api.Resource{
		core.Resources,
		authentication.Resources,
		authorization.Resources,
		apps.Resources,
		autoscaling.Resources,
		batch.Resources,
		certificates.Resources,
		coordination.Resources,
		discovery.Resources,
		flowcontrol.Resources,
		networking.Resources,
		node.Resources,
		policy.Resources,
		rbac.Resources,
		func() []*api.Resource { return resource.Resources(gates) },
		scheduling.Resources,
		storage.Resources,
		storagemigration.Resources,
		admissionregistration.Resources,
		apiextensions.Resources,
		apiregistration.Resources,
	} {
		all = append(all, group()...)
	}
	legacy.Attach(all)
	return all
}
