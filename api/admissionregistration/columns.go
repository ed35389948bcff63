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
		{Name: "ParamKind", Cell: func(p *admissionregistrationv1.ValidatingAdmissionPolicy) any { return paramKind(p.Spec.ParamKind) }},
		api.AgeColumn[*admissionregistrationv1.ValidatingAdmissionPolicy](),
	}
}

func mutatingPolicyColumns() []api.Column[*admissionregistrationv1.MutatingAdmissionPolicy] {
	return []api.Column[*admissionregistrationv1.MutatingAdmissionPolicy]{
		{Name: "Mutations", Type: "integer", Cell: func(p *admissionregistrationv1.MutatingAdmissionPolicy) any { return int64(len(p.Spec.Mutations)) }},
		{Name: "ParamKind", Cell: func(p *admissionregistrationv1.MutatingAdmissionPolicy) any { return paramKind(p.Spec.ParamKind) }},
		api.AgeColumn[*admissionregistrationv1.MutatingAdmissionPolicy](),
	}
}

func paramKind(k *admissionregistrationv1.ParamKind) string {
	if k == nil {
		return api.Unset
	}
	return k.APIVersion + "/" + k.Kind
}

func bindingColumns() []api.Column[*admissionregistrationv1.ValidatingAdmissionPolicyBinding] {
	return []api.Column[*admissionregistrationv1.ValidatingAdmissionPolicyBinding]{
		{Name: "PolicyName", Cell: func(b *admissionregistrationv1.ValidatingAdmissionPolicyBinding) any { return b.Spec.PolicyName }},
		{Name: "ParamRef", Cell: func(b *admissionregistrationv1.ValidatingAdmissionPolicyBinding) any {
			return paramRef(b.Spec.ParamRef)
		}},
		api.AgeColumn[*admissionregistrationv1.ValidatingAdmissionPolicyBinding](),
	}
}

func mutatingBindingColumns() []api.Column[*admissionregistrationv1.MutatingAdmissionPolicyBinding] {
	return []api.Column[*admissionregistrationv1.MutatingAdmissionPolicyBinding]{
		{Name: "PolicyName", Cell: func(b *admissionregistrationv1.MutatingAdmissionPolicyBinding) any { return b.Spec.PolicyName }},
		{Name: "ParamRef", Cell: func(b *admissionregistrationv1.MutatingAdmissionPolicyBinding) any { return paramRef(b.Spec.ParamRef) }},
		api.AgeColumn[*admissionregistrationv1.MutatingAdmissionPolicyBinding](),
	}
}

// paramRef shows which objects parameterize a policy. Whether they are in
// namespaces is not known here.
func paramRef(ref *admissionregistrationv1.ParamRef) string {
	switch {
	case ref == nil, ref.Name == "" && ref.Selector == nil:
		return api.Unset
	case ref.Name == "":
		return ref.Selector.String()
	case ref.Namespace != "":
		return ref.Namespace + "/" + ref.Name
	}
	return "*/" + ref.Name
}
