// Package core holds the resources of the core group: pods, services, nodes and what
// they need.
package core

import (
	"minke/api"
)

// Resources lists what the group serves.
func Resources() []*api.Resource {
	return []*api.Resource{
		pods(),
		podTemplates(),
		replicationControllers(),
		services(),
		endpoints(),
		nodes(),
		events(),
		limitRanges(),
		resourceQuotas(),
		secrets(),
		serviceAccounts(),
		persistentVolumes(),
		persistentVolumeClaims(),
		configMaps(),
		namespaces(),
		componentStatuses(),
		bindings(),
	}
}
