package certificates

import (
	"slices"
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

func TestSignerKeepsDecisions(t *testing.T) {
	type condition = certificatesv1.CertificateSigningRequestCondition
	approved := condition{Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue, Reason: "Approver"}
	changed := approved
	changed.Reason = "Signer"
	other := condition{Type: "Other", Status: corev1.ConditionTrue}
	for _, c := range []struct {
		name        string
		was, given  []condition
		want        []condition // but for their times
		refusedWith string
	}{
		{name: "another condition comes after", was: []condition{approved}, given: []condition{approved, other}, want: []condition{approved, other}},
		{name: "another condition comes before", was: []condition{approved}, given: []condition{other, approved}, want: []condition{other, approved}},
		{name: "the decision is changed", was: []condition{approved}, given: []condition{changed}, want: []condition{approved}},
		{name: "the decision is added", given: []condition{approved}, want: []condition{approved}, refusedWith: `updates may not add a condition of type "Approved"`},
		{name: "the decision is removed", was: []condition{approved}, given: []condition{other}, want: []condition{other}, refusedWith: `updates may not remove a condition of type "Approved"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			with := func(list []condition) *certificatesv1.CertificateSigningRequest {
				return &certificatesv1.CertificateSigningRequest{Status: certificatesv1.CertificateSigningRequestStatus{Conditions: slices.Clone(list)}}
			}
			r, old := with(c.given), with(c.was)
			setTimes(old, old)
			certificateSigningRequestStatus(r, old)
			errs := validateSigned(r, old)
			for i := range r.Status.Conditions {
				r.Status.Conditions[i].LastUpdateTime, r.Status.Conditions[i].LastTransitionTime = metav1.Time{}, metav1.Time{}
			}
			if !slices.Equal(r.Status.Conditions, c.want) {
				t.Errorf("conditions %+v, want %+v", r.Status.Conditions, c.want)
			}
			if refused := ""; c.refusedWith != "" {
				for _, err := range errs {
					refused += err.Detail
				}
				if refused != c.refusedWith {
					t.Errorf("refused with %q, want %q", refused, c.refusedWith)
				}
			} else if len(errs) > 0 {
				t.Errorf("refused: %v", errs)
			}
		})
	}
}
