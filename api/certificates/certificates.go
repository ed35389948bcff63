// Package certificates holds the resources of the group certificates.k8s.io.
package certificates

import (
	"minke/api"
)

// Resources lists what the group serves.
func Resources() []*api.Resource {
	return []*api.Resource{
		certificateSigningRequests(),
		clusterTrustBundles(),
		podCertificateRequests(),
	}
}
