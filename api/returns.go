package api

import "k8s.io/apimachinery/pkg/runtime/schema"

// returnsDeleted are the resources whose deletion answers with the object as it
// was; the others answer with a Status.
var returnsDeleted = map[string]bool{
	"pods": true, "services": true, "persistentvolumes": true, "persistentvolumeclaims": true,
	"podtemplates": true, "resourcequotas": true, "serviceaccounts": true,
	"storageclasses.storage.k8s.io": true, "csinodes.storage.k8s.io": true, "csidrivers.storage.k8s.io": true,
	"volumeattachments.storage.k8s.io": true, "volumeattributesclasses.storage.k8s.io": true,
	"deviceclasses.resource.k8s.io": true, "resourceclaims.resource.k8s.io": true,
	"resourceclaimtemplates.resource.k8s.io": true, "resourceslices.resource.k8s.io": true,
	"devicetaintrules.resource.k8s.io": true, "resourcepoolstatusrequests.resource.k8s.io": true,
}

// ReturnsDeleted tells whether deleting an object of a resource, in this version,
// answers with the object.
func ReturnsDeleted(r schema.GroupVersionResource) bool {
	name := r.GroupResource().String()
	if name == "devicetaintrules.resource.k8s.io" && r.Version == "v1" {
		return false
	}
	return returnsDeleted[name]
}
