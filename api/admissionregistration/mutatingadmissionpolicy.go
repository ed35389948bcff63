package admissionregistration

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"minke/api"
)

func mutatingAdmissionPolicies() *api.Resource {
	return api.Definition[*admissionregistrationv1.MutatingAdmissionPolicy]{
		Kind:             admissionregistrationv1.SchemeGroupVersion.WithKind("MutatingAdmissionPolicy"),
		Plural:           "mutatingadmissionpolicies",
		Categories:       []string{"api-extensions"},
		Cluster:          true,
		New:              api.New[admissionregistrationv1.MutatingAdmissionPolicy],
		NewList:          api.NewList[admissionregistrationv1.MutatingAdmissionPolicyList],
		PrepareForCreate: mutatingAdmissionPolicyCreate,
		PrepareForUpdate: mutatingAdmissionPolicyUpdate,
		Default:          defaultMutatingPolicy,
		Validate:         validateMutatingPolicy,
		ValidateUpdate:   validateMutatingPolicyUpdate,
		Columns:          mutatingPolicyColumns(),
	}.Resource()
}

func mutatingAdmissionPolicyCreate(o *admissionregistrationv1.MutatingAdmissionPolicy) {
	o.Generation = 1
}

func mutatingAdmissionPolicyUpdate(o, old *admissionregistrationv1.MutatingAdmissionPolicy) {
	api.BumpGeneration(o, old, o.Spec, old.Spec)
}
