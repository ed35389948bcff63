// Package storage holds the resources of the group storage.k8s.io.
package storage

import (
	"minke/api"
)

// Resources lists what the group serves.
func Resources() []*api.Resource {
	return []*api.Resource{
		storageClasses(),
		volumeAttachments(),
		csiNodes(),
		csiDrivers(),
		csiStorageCapacities(),
		volumeAttributesClasses(),
	}
}
