package certificates

import (
	"strings"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"minke/api"
)

func requestColumns() []api.Column[*certificatesv1.CertificateSigningRequest] {
	return []api.Column[*certificatesv1.CertificateSigningRequest]{
		api.AgeColumn[*certificatesv1.CertificateSigningRequest](),
		{Name: "SignerName", Cell: func(r *certificatesv1.CertificateSigningRequest) any { return api.OrNone(r.Spec.SignerName) }},
		{Name: "Requestor", Cell: func(r *certificatesv1.CertificateSigningRequest) any { return r.Spec.Username }},
		{Name: "RequestedDuration", Cell: func(r *certificatesv1.CertificateSigningRequest) any {
			if r.Spec.ExpirationSeconds == nil {
				return api.None
			}
			return duration.HumanDuration(time.Duration(*r.Spec.ExpirationSeconds) * time.Second)
		}},
		{Name: "Condition", Cell: func(r *certificatesv1.CertificateSigningRequest) any { return condition(r) }},
	}
}

func condition(r *certificatesv1.CertificateSigningRequest) string {
	has := map[certificatesv1.RequestConditionType]bool{}
	for _, c := range r.Status.Conditions {
		has[c.Type] = true
	}
	var parts []string
	switch {
	case has[certificatesv1.CertificateDenied]:
		parts = append(parts, "Denied")
	case has[certificatesv1.CertificateApproved]:
		parts = append(parts, "Approved")
	default:
		parts = append(parts, "Pending")
	}
	if has[certificatesv1.CertificateFailed] {
		parts = append(parts, "Failed")
	}
	if len(r.Status.Certificate) > 0 {
		parts = append(parts, "Issued")
	}
	return strings.Join(parts, ",")
}
