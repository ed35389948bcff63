// Package admissionregistration holds the resources of the group
// admissionregistration.k8s.io.
package admissionregistration

import (
	"minke/api"
)

// Resources lists what the group serves.
func Resources() []*api.Resource {
	return []*api.Resource{
		validatingWebhookConfigurations(),
		mutatingWebhookConfigurations(),
		validatingAdmissionPolicies(),
		validatingAdmissionPolicyBindings(),
		mutatingAdmissionPolicies(),
		mutatingAdmissionPolicyBindings(),
	}
}
