package admissionregistration

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"minke/api"
)

func validatingAdmissionPolicies() *api.Resource {
	return api.Definition[*admissionregistrationv1.ValidatingAdmissionPolicy]{
		Kind:             admissionregistrationv1.SchemeGroupVersion.WithKind("ValidatingAdmissionPolicy"),
		Plural:           "validatingadmissionpolicies",
		Categories:       []string{"api-extensions"},
		Cluster:          true,
		New:              api.New[admissionregistrationv1.ValidatingAdmissionPolicy],
		NewList:          api.NewList[admissionregistrationv1.ValidatingAdmissionPolicyList],
		PrepareForCreate: validatingAdmissionPolicyCreate,
		PrepareForUpdate: validatingAdmissionPolicyUpdate,
		Subresources: map[string]api.Subresource[*admissionregistrationv1.ValidatingAdmissionPolicy]{
			"status": {Prepare: validatingAdmissionPolicyStatus, ValidateUpdate: validatePolicyStatus},
		},
		Default: defaultPolicy,
		Columns: policyColumns(),

		Validate: validatePolicy, ValidateUpdate: validatePolicyUpdate,
	}.Resource()
}

func validatingAdmissionPolicyCreate(o *admissionregistrationv1.ValidatingAdmissionPolicy) {
	o.Status = admissionregistrationv1.ValidatingAdmissionPolicyStatus{}
	o.Generation = 1
}

func validatingAdmissionPolicyUpdate(o, old *admissionregistrationv1.ValidatingAdmissionPolicy) {
	o.Status = old.Status
	api.BumpGeneration(o, old, o.Spec, old.Spec)
}

// validatingAdmissionPolicyStatus lets the status subresource change nothing but the status.
func validatingAdmissionPolicyStatus(o, old *admissionregistrationv1.ValidatingAdmissionPolicy) {
	o.Spec = old.Spec
}
