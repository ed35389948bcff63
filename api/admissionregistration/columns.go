package admissionregistration

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"minke/api"
)

func validatingColumns() []api.Column[*admissionregistrationv1.ValidatingWebhookConfiguration] {
	return []api.Column[*admissionregistrationv1.ValidatingWebhookConfiguration]{
		{Name: "Webhooks", Type: "integer", Cell: func(c *admissionregistrationv1.ValidatingWebhookConfiguration) any { return int64(len(c.Webhooks)) }},
		api.AgeColumn[*admissionregistrationv1.ValidatingWebhookConfiguration](),
	}
}

func mutatingColumns() []api.Column[*admissionregistrationv1.MutatingWebhookConfiguration] {
	return []api.Column[*admissionregistrationv1.MutatingWebhookConfiguration]{
		{Name: "Webhooks", Type: "integer", Cell: func(c *admissionregistrationv1.MutatingWebhookConfiguration) any { return int64(len(c.Webhooks)) }},
		api.AgeColumn[*admissionregistrationv1.MutatingWebhookConfiguration](),
	}
}

func policyColumns() []api.Column[*admissionregistrationv1.ValidatingAdmissionPolicy] {
	return []api.Column[*admissionregistrationv1.ValidatingAdmissionPolicy]{
		{Name: "Validations", Type: "integer", Cell: func(p *admissionregistrationv1.ValidatingAdmissionPolicy) any { return int64(len(p.Spec.Validations)) }},
		{Name: "ParamKind", Cell: func(p *admissionregistrationv1.ValidatingAdmissionPolicy) any {
			if p.Spec.ParamKind == nil {
				return api.Unset
			}
			return p.Spec.ParamKind.APIVersion + "/" + p.Spec.ParamKind.Kind
		}},
		api.AgeColumn[*admissionregistrationv1.ValidatingAdmissionPolicy](),
	}
}

func bindingColumns() []api.Column[*admissionregistrationv1.ValidatingAdmissionPolicyBinding] {
	return []api.Column[*admissionregistrationv1.ValidatingAdmissionPolicyBinding]{
		{Name: "PolicyName", Cell: func(b *admissionregistrationv1.ValidatingAdmissionPolicyBinding) any { return b.Spec.PolicyName }},
		{Name: "ParamRef", Cell: func(b *admissionregistrationv1.ValidatingAdmissionPolicyBinding) any {
			ref := b.Spec.ParamRef
			switch {
			case ref == nil:
				return api.Unset
			case ref.Namespace != "":
				return ref.Namespace + "/" + ref.Name
			case ref.Name != "":
				return "*/" + ref.Name
			}
			return "*/*"
		}},
		api.AgeColumn[*admissionregistrationv1.ValidatingAdmissionPolicyBinding](),
	}
}
