package certificates

import (
	"context"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"

	"minke/api"
	"minke/api/inprocess"
	"minke/apiserver/admission"
	"minke/apiserver/authz"
)

// signers allows what it names, as in "approve example.com/*".
type signers string

func (s signers) Allows(_ context.Context, _ *inprocess.User, a authz.Attributes) (bool, string) {
	return string(s) == a.Verb+" "+a.Name, ""
}

func resource() *api.Resource {
	return api.Definition[*certificatesv1.CertificateSigningRequest]{
		Kind: certificatesv1.SchemeGroupVersion.WithKind("CertificateSigningRequest"), Plural: "certificatesigningrequests",
		Cluster: true, New: api.New[certificatesv1.CertificateSigningRequest],
	}.Resource()
}

// TestIdentity: nobody asks in another's name.
func TestIdentity(t *testing.T) {
	r := &certificatesv1.CertificateSigningRequest{}
	r.Spec.Username, r.Spec.Groups = "system:admin", []string{authz.Masters}
	a := &admission.Attributes{Operation: admission.Create, Resource: resource(), Object: r,
		User: &inprocess.User{Name: "ann", Groups: []string{"system:authenticated"}}}
	if err := (Author{}).Admit(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if r.Spec.Username != "ann" || len(r.Spec.Groups) != 1 || r.Spec.Groups[0] != "system:authenticated" {
		t.Errorf("got %s of %v", r.Spec.Username, r.Spec.Groups)
	}
}

func TestApproval(t *testing.T) {
	for _, c := range []struct {
		may, sub string
		allowed  bool
	}{
		{"approve example.com/a", "approval", true},
		{"approve example.com/*", "approval", true},
		{"approve example.com/b", "approval", false},
		{"sign example.com/a", "approval", false},
		{"sign example.com/a", "status", true},
		{"approve example.com/a", "status", false},
	} {
		old := &certificatesv1.CertificateSigningRequest{}
		old.Spec.SignerName = "example.com/a"
		r := old.DeepCopy()
		r.Status.Certificate = []byte("x")
		chain := admission.Chain{Approval{signers(c.may)}, Signing{signers(c.may)}}
		err := chain.Validate(t.Context(), &admission.Attributes{
			Operation: admission.Update, Subresource: c.sub, Resource: resource(), Object: r, Old: old, User: &inprocess.User{Name: "ann"},
		})
		if (err == nil) != c.allowed {
			t.Errorf("%s by one who may %s: %v", c.sub, c.may, err)
		}
	}
}

// TestPodSigning: who ends a pod's request must have the right to sign.
func TestPodSigning(t *testing.T) {
	old := &certificatesv1.PodCertificateRequest{}
	old.Spec.SignerName = "example.com/a"
	ended := old.DeepCopy()
	ended.Status.CertificateChain = "x"
	for _, c := range []struct {
		may     string
		r       *certificatesv1.PodCertificateRequest
		allowed bool
	}{
		{"sign example.com/a", ended, true},
		{"sign example.com/*", ended, true},
		{"sign example.com/b", ended, false},
		{"approve example.com/a", ended, false},
		{"nothing", old.DeepCopy(), true},
	} {
		err := admission.Chain{PodSigning{signers(c.may)}}.Validate(t.Context(), &admission.Attributes{
			Operation: admission.Update, Subresource: "status", Object: c.r, Old: old, User: &inprocess.User{Name: "ann"},
		})
		if (err == nil) != c.allowed {
			t.Errorf("one who may %s: %v", c.may, err)
		}
	}
}
