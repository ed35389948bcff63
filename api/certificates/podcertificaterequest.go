package certificates

import (
	certificatesv1 "k8s.io/api/certificates/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api"
)

func podCertificateRequests() *api.Resource {
	type request = certificatesv1.PodCertificateRequest
	return api.Definition[*request]{
		Kind:                  certificatesv1.SchemeGroupVersion.WithKind("PodCertificateRequest"),
		Plural:                "podcertificaterequests",
		ConditionalUpdateOnly: true,
		New:                   api.New[request],
		NewList:               api.NewList[certificatesv1.PodCertificateRequestList],
		Default:               func(r *request) { api.FillPointer(&r.Spec.MaxExpirationSeconds, 24*60*60) },
		PrepareForCreate:      func(r *request) { r.Status = certificatesv1.PodCertificateRequestStatus{} },
		PrepareForUpdate:      func(r, old *request) { r.Status = old.Status },
		Validate:              validatePodRequest,
		ValidateUpdate: func(r, old *request) field.ErrorList {
			return apivalidation.ValidateImmutableField(r.Spec, old.Spec, podSpec)
		},
		Subresources: map[string]api.Subresource[*request]{
			"status": {Prepare: func(r, old *request) { r.Spec = old.Spec; api.KeepMetadata(r, old) }, ValidateUpdate: validatePodRequestStatus},
		},
		Fields: map[string]func(*request) string{
			"spec.signerName": func(r *request) string { return r.Spec.SignerName },
			"spec.podName":    func(r *request) string { return r.Spec.PodName },
			"spec.nodeName":   func(r *request) string { return string(r.Spec.NodeName) },
		},
		Columns: []api.Column[*request]{
			{Name: "PodName", Cell: func(r *request) any { return r.Spec.PodName }},
			{Name: "ServiceAccountName", Cell: func(r *request) any { return r.Spec.ServiceAccountName }},
			{Name: "NodeName", Cell: func(r *request) any { return string(r.Spec.NodeName) }},
			{Name: "SignerName", Cell: func(r *request) any { return r.Spec.SignerName }},
			{Name: "State", Description: "Is the request Pending, Issued, Denied, or Failed?", Cell: podRequestState},
			{Name: "UnverifiedUserAnnotations", Cell: func(r *request) any { return labels.FormatLabels(r.Spec.UnverifiedUserAnnotations) }},
		},
	}.Resource()
}

func podRequestState(r *podRequest) any {
	for _, c := range r.Status.Conditions {
		return c.Type // at most one, which says how it ended
	}
	return "Pending"
}
