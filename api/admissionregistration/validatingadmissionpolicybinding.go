package admissionregistration

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api"
)

func validatingAdmissionPolicyBindings() *api.Resource {
	return api.Definition[*admissionregistrationv1.ValidatingAdmissionPolicyBinding]{
		Kind:             admissionregistrationv1.SchemeGroupVersion.WithKind("ValidatingAdmissionPolicyBinding"),
		Plural:           "validatingadmissionpolicybindings",
		Categories:       []string{"api-extensions"},
		Cluster:          true,
		New:              api.New[admissionregistrationv1.ValidatingAdmissionPolicyBinding],
		NewList:          api.NewList[admissionregistrationv1.ValidatingAdmissionPolicyBindingList],
		PrepareForCreate: validatingAdmissionPolicyBindingCreate,
		PrepareForUpdate: validatingAdmissionPolicyBindingUpdate,
		Default:          defaultBinding,
		Validate: func(b *admissionregistrationv1.ValidatingAdmissionPolicyBinding) field.ErrorList {
			return append(validateBinding(b), notStatic(b.Name)...)
		},
		ValidateUpdate: func(b, _ *admissionregistrationv1.ValidatingAdmissionPolicyBinding) field.ErrorList {
			return validateBinding(b)
		},
		Columns: bindingColumns(),
	}.Resource()
}

func validatingAdmissionPolicyBindingCreate(o *admissionregistrationv1.ValidatingAdmissionPolicyBinding) {
	o.Generation = 1
}

func validatingAdmissionPolicyBindingUpdate(o, old *admissionregistrationv1.ValidatingAdmissionPolicyBinding) {
	api.BumpGeneration(o, old, o.Spec, old.Spec)
}
