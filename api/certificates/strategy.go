package certificates

import (
	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func certificateSigningRequestCreate(r *certificatesv1.CertificateSigningRequest) {
	r.Status = certificatesv1.CertificateSigningRequestStatus{}
}

// certificateSigningRequestUpdate takes back all changes but those to metadata:
// what was asked for must stay what is approved.
func certificateSigningRequestUpdate(r, old *certificatesv1.CertificateSigningRequest) {
	r.Spec = old.Spec
	r.Status = old.Status
}

// certificateSigningRequestStatus is the signer's: it may not approve or deny. Where
// it has as many decisions as there were, they are what they were; to add or remove
// one is refused by validation.
func certificateSigningRequestStatus(r, old *certificatesv1.CertificateSigningRequest) {
	r.Spec = old.Spec
	for _, kind := range []certificatesv1.RequestConditionType{certificatesv1.CertificateApproved, certificatesv1.CertificateDenied} {
		before := conditionsOf(old, kind)
		if len(conditionsOf(r, kind)) != len(before) {
			continue
		}
		for i := range r.Status.Conditions {
			if r.Status.Conditions[i].Type == kind {
				r.Status.Conditions[i], before = before[0], before[1:]
			}
		}
	}
	setTimes(r, old)
}

// certificateSigningRequestApproval is the approver's: it may not sign.
func certificateSigningRequestApproval(r, old *certificatesv1.CertificateSigningRequest) {
	r.Spec = old.Spec
	conditions := r.Status.Conditions
	r.Status = old.Status
	r.Status.Conditions = conditions
	setTimes(r, old)
}

// setTimes fills in when conditions were written and when they last turned,
// where the client did not say.
func setTimes(r, old *certificatesv1.CertificateSigningRequest) {
	now := metav1.Now().Rfc3339Copy()
	for i := range r.Status.Conditions {
		c := &r.Status.Conditions[i]
		if c.LastUpdateTime.IsZero() {
			c.LastUpdateTime = now
		}
		if !c.LastTransitionTime.IsZero() {
			continue
		}
		c.LastTransitionTime = now
		for _, before := range old.Status.Conditions {
			if before.Type == c.Type && before.Status == c.Status && !before.LastTransitionTime.IsZero() {
				c.LastTransitionTime = before.LastTransitionTime
			}
		}
	}
}

func requestFields() map[string]func(*certificatesv1.CertificateSigningRequest) string {
	return map[string]func(*certificatesv1.CertificateSigningRequest) string{
		"spec.signerName": func(r *certificatesv1.CertificateSigningRequest) string { return r.Spec.SignerName },
	}
}
