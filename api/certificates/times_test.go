package certificates

import (
	"testing"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestTimes(t *testing.T) {
	with := func(c ...certificatesv1.CertificateSigningRequestCondition) *certificatesv1.CertificateSigningRequest {
		return &certificatesv1.CertificateSigningRequest{Status: certificatesv1.CertificateSigningRequestStatus{Conditions: c}}
	}
	approved := certificatesv1.CertificateSigningRequestCondition{Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue}
	r := with(approved)
	certificateSigningRequestApproval(r, with())
	if c := r.Status.Conditions[0]; c.LastTransitionTime.IsZero() || c.LastUpdateTime.IsZero() {
		t.Errorf("a new condition has no times: %+v", c)
	}
	before := approved
	before.LastTransitionTime = metav1.NewTime(time.Unix(1, 0))
	r = with(approved)
	certificateSigningRequestApproval(r, with(before))
	if c := r.Status.Conditions[0]; !c.LastTransitionTime.Equal(&before.LastTransitionTime) {
		t.Errorf("a condition that did not turn has %v", c.LastTransitionTime)
	}
}
