package admissionregistration

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api"
)

func mutatingAdmissionPolicyBindings() *api.Resource {
	return api.Definition[*admissionregistrationv1.MutatingAdmissionPolicyBinding]{
		Kind:             admissionregistrationv1.SchemeGroupVersion.WithKind("MutatingAdmissionPolicyBinding"),
		Plural:           "mutatingadmissionpolicybindings",
		Categories:       []string{"api-extensions"},
		Cluster:          true,
		New:              api.New[admissionregistrationv1.MutatingAdmissionPolicyBinding],
		NewList:          api.NewList[admissionregistrationv1.MutatingAdmissionPolicyBindingList],
		PrepareForCreate: mutatingAdmissionPolicyBindingCreate,
		PrepareForUpdate: mutatingAdmissionPolicyBindingUpdate,
		Default:          defaultMutatingBinding,
		Validate: func(b *admissionregistrationv1.MutatingAdmissionPolicyBinding) field.ErrorList {
			return append(validateMutatingBinding(b), notStatic(b.Name)...)
		},
		ValidateUpdate: func(b, _ *admissionregistrationv1.MutatingAdmissionPolicyBinding) field.ErrorList {
			return validateMutatingBinding(b)
		},
		Columns: mutatingBindingColumns(),
	}.Resource()
}

func mutatingAdmissionPolicyBindingCreate(o *admissionregistrationv1.MutatingAdmissionPolicyBinding) {
	o.Generation = 1
}

func mutatingAdmissionPolicyBindingUpdate(o, old *admissionregistrationv1.MutatingAdmissionPolicyBinding) {
	api.BumpGeneration(o, old, o.Spec, old.Spec)
}
