// Package certificates guards certificate signing requests: each says truly who
// asks, nobody approves or signs for a signer without the right to, and nobody
// asks for the group of the cluster's masters.
package certificates

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"minke/api/inprocess"
	"minke/apiserver/admission"
	"minke/apiserver/authz"
)

// Plugin is the admission plug-in.
type Plugin struct {
	// Authorizer answers who may approve and sign for which signer.
	Authorizer authz.Authorizer
}

var (
	_ admission.Mutator   = Plugin{}
	_ admission.Validator = Plugin{}
)

// Admit implements admission.Mutator. What a request says of its author is the
// server's to say.
func (p Plugin) Admit(_ context.Context, a *admission.Attributes) error {
	r, ok := a.Object.(*certificatesv1.CertificateSigningRequest)
	if !ok || a.Operation != admission.Create || a.Subresource != "" {
		return nil
	}
	r.Spec.Username, r.Spec.UID, r.Spec.Groups, r.Spec.Extra = "", "", nil, nil
	if a.User == nil {
		return nil
	}
	r.Spec.Username, r.Spec.UID, r.Spec.Groups = a.User.Name, a.User.UID, slices.Clone(a.User.Groups)
	for key, values := range a.User.Extra {
		if r.Spec.Extra == nil {
			r.Spec.Extra = map[string]certificatesv1.ExtraValue{}
		}
		r.Spec.Extra[key] = slices.Clone(values)
	}
	return nil
}

// Validate implements admission.Validator.
func (p Plugin) Validate(ctx context.Context, a *admission.Attributes) error {
	r, ok := a.Object.(*certificatesv1.CertificateSigningRequest)
	if !ok || a.Operation == admission.Delete || a.User == nil {
		return nil
	}
	old, _ := a.Old.(*certificatesv1.CertificateSigningRequest)
	switch {
	case old == nil:
		return subject(a, r)
	case a.Subresource == "approval":
		return p.require(ctx, a, "approve", old.Spec.SignerName)
	case a.Subresource == "status" && !equality.Semantic.DeepEqual(r.Status, old.Status):
		return p.require(ctx, a, "sign", old.Spec.SignerName)
	}
	return nil
}

// subject refuses to make masters of the cluster by way of a certificate.
func subject(a *admission.Attributes, r *certificatesv1.CertificateSigningRequest) error {
	if r.Spec.SignerName != certificatesv1.KubeAPIServerClientSignerName {
		return nil
	}
	block, _ := pem.Decode(r.Spec.Request)
	if block == nil {
		return refuse(a, errors.New("unable to parse CSR: no PEM block"))
	}
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return refuse(a, fmt.Errorf("unable to parse CSR: %w", err))
	}
	if slices.Contains(csr.Subject.Organization, authz.Masters) {
		return refuse(a, fmt.Errorf("use of %s signer with %s group is not allowed", r.Spec.SignerName, authz.Masters))
	}
	return nil
}

// require asks for the verb on the signer, or on all signers of its domain.
func (p Plugin) require(ctx context.Context, a *admission.Attributes, verb, signer string) error {
	domain, _, _ := strings.Cut(signer, "/")
	for _, name := range []string{signer, domain + "/*"} {
		if p.allows(ctx, a.User, verb, name) {
			return nil
		}
	}
	return refuse(a, fmt.Errorf("user not permitted to %s requests with signerName %q", verb, signer))
}

func (p Plugin) allows(ctx context.Context, user *inprocess.User, verb, name string) bool {
	allowed, _ := p.Authorizer.Allows(ctx, user, authz.Attributes{
		Verb: verb, Group: certificatesv1.GroupName, Version: "*", Resource: "signers", Name: name,
	})
	return allowed
}

func refuse(a *admission.Attributes, err error) error {
	return apierrors.NewForbidden(a.Resource.GroupResource(), a.Name, err)
}
