package clustertrustbundleattest

import (
	"context"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api/inprocess"
	"minke/apiserver/admission"
	"minke/apiserver/admission/admissiontest"
	"minke/apiserver/authz"
)

// may lets a user attest for one signer.
type may string

func (m may) Allows(_ context.Context, _ *inprocess.User, a authz.Attributes) (bool, string) {
	return a.Verb == "attest" && a.Resource == "signers" && a.Name == string(m), ""
}

func TestAttest(t *testing.T) {
	bundle := func(signer, trust string, finalizers ...string) *certificatesv1.ClusterTrustBundle {
		return &certificatesv1.ClusterTrustBundle{ObjectMeta: metav1.ObjectMeta{Name: "b", Finalizers: finalizers},
			Spec: certificatesv1.ClusterTrustBundleSpec{SignerName: signer, TrustBundle: trust}}
	}
	create := admissiontest.Create
	for _, c := range []struct {
		name    string
		a       *admission.Attributes
		right   may
		allowed bool
	}{
		{"no signer", create(bundle("", "x")), "", true},
		{"by right", create(bundle("example.com/a", "x")), "example.com/a", true},
		{"by right on the domain", create(bundle("example.com/a", "x")), "example.com/*", true},
		{"without", create(bundle("example.com/a", "x")), "example.com/b", false},
		{"changed", admissiontest.Write(admission.Update, bundle("example.com/a", "y"), bundle("example.com/a", "x")), "", false},
		{"finalized", admissiontest.Write(admission.Update, bundle("example.com/a", "x"), bundle("example.com/a", "x", "f")), "", true},
	} {
		c.a.User = &inprocess.User{Name: "u"}
		if err := admissiontest.Run(Plugin{c.right}, c.a); c.allowed != (err == nil) || !c.allowed && !apierrors.IsForbidden(err) {
			t.Errorf("%s: %v, want allowed %v", c.name, err, c.allowed)
		}
	}
}
