package preview

import (
	"strings"
	"testing"
	"time"

	certificatesv1beta1 "k8s.io/api/certificates/v1beta1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func compare(t *testing.T, got field.ErrorList, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %v, want %q", got, want)
	}
	for i := range want {
		if !strings.HasPrefix(got[i].Error(), want[i]) {
			t.Errorf("got %q, want %q", got[i], want[i])
		}
	}
}

func TestPodRequest(t *testing.T) {
	day := int32(25 * 60 * 60)
	r := &podRequest{Spec: certificatesv1beta1.PodCertificateRequestSpec{
		SignerName: "kubernetes.io/a", PodName: "p", ServiceAccountName: "s", ServiceAccountUID: "u", NodeName: "n", NodeUID: "u",
		MaxExpirationSeconds: &day, UnverifiedUserAnnotations: map[string]string{"a": "b"},
	}}
	compare(t, validatePodRequest(r), []string{`spec.unverifiedUserAnnotations: Invalid value: "a"`, `spec.podUID: Invalid value: "": must not be empty`,
		`spec.maxExpirationSeconds: Invalid value: 90000: must be in the range [3600, 86400]`, `spec.stubPKCS10Request: Required value: must be set`})
}

func TestPodRequestStatus(t *testing.T) {
	condition := func(kinds ...string) (all []metav1.Condition) {
		for _, kind := range kinds {
			all = append(all, metav1.Condition{Type: kind, Status: metav1.ConditionTrue, Reason: "R", LastTransitionTime: metav1.NewTime(time.Unix(1, 0))})
		}
		return all
	}
	type status = certificatesv1beta1.PodCertificateRequestStatus
	for name, c := range map[string]struct {
		old, now status
		want     []string
	}{
		"untimely":            {status{}, status{CertificateChain: "a"}, []string{`status: Invalid value: status is immutable unless transitioning to "Issued", "Denied", or "Failed"`}},
		"denied":              {status{}, status{Conditions: condition("Denied")}, nil},
		"denied, with more":   {status{}, status{Conditions: condition("Denied"), CertificateChain: "a"}, []string{`status: Invalid value: non-condition status fields must be empty when denying or failing the PodCertificateRequest`}},
		"after its end":       {status{Conditions: condition("Denied")}, status{Conditions: condition("Failed")}, []string{`status: Invalid value: immutable after PodCertificateRequest is issued, denied, or failed`}},
		"issued with nothing": {status{}, status{Conditions: condition("Issued")}, []string{`status.certificateChain: Invalid value: "": issued certificate chain must contain at least one certificate`}},
		"two ends":            {status{}, status{Conditions: condition("Issued", "Failed")}, []string{`status.conditions.[1].type: Invalid value: "Failed": There may be at most one condition with type "Issued", "Denied", or "Failed"`}},
		"of another kind":     {status{}, status{Conditions: condition("Lost")}, []string{`status.conditions.[0].type: Unsupported value: "Lost": supported values: "Issued", "Denied", "Failed"`}},
	} {
		t.Run(name, func(t *testing.T) {
			compare(t, validatePodRequestStatus(&podRequest{Status: c.now}, &podRequest{Status: c.old}), c.want)
		})
	}
}

func TestTrustBundle(t *testing.T) {
	b := &certificatesv1beta1.ClusterTrustBundle{ObjectMeta: metav1.ObjectMeta{Name: "b"}, Spec: certificatesv1beta1.ClusterTrustBundleSpec{TrustBundle: "a"}}
	compare(t, validateBundle(b), []string{`spec.trustBundle: Invalid value: "<value omitted>": at least one trust anchor must be provided`})
}
