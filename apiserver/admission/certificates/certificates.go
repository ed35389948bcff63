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

	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/apiserver/admission"
	"minke/apiserver/authz"
)

// Author writes into each request who asks: that is the server's to say.
type Author struct{}

// Approval lets nobody approve or deny without the right to, for the signer.
type Approval struct{ Authorizer authz.Authorizer }

// Signing lets nobody sign without the right to, for the signer.
type Signing struct{ Authorizer authz.Authorizer }

// PodSigning lets nobody end a PodCertificateRequest without the right to sign
// for its signer. It is part of the API (KEP-4317).
type PodSigning struct{ Authorizer authz.Authorizer }

// SubjectRestriction refuses to make masters of the cluster by way of a
// certificate.
type SubjectRestriction struct{}

var (
	_ admission.Mutator   = Author{}
	_ admission.Validator = Approval{}
	_ admission.Validator = Signing{}
	_ admission.Validator = SubjectRestriction{}
	_ admission.Validator = PodSigning{}
)

// Admit implements admission.Mutator.
func (Author) Admit(_ context.Context, a *admission.Attributes) error {
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
func (p Approval) Validate(ctx context.Context, a *admission.Attributes) error {
	if _, old := update(a, "approval"); old != nil {
		return require(ctx, p.Authorizer, a, "approve", old.Spec.SignerName)
	}
	return nil
}

// Validate implements admission.Validator.
func (p Signing) Validate(ctx context.Context, a *admission.Attributes) error {
	r, old := update(a, "status")
	if old == nil || equality.Semantic.DeepEqual(r.Status, old.Status) {
		return nil
	}
	return require(ctx, p.Authorizer, a, "sign", old.Spec.SignerName)
}

// Validate implements admission.Validator.
func (SubjectRestriction) Validate(_ context.Context, a *admission.Attributes) error {
	if r, ok := a.Object.(*certificatesv1.CertificateSigningRequest); ok && a.Operation == admission.Create && a.Subresource == "" {
		return subject(a, r)
	}
	return nil
}

// Validate implements admission.Validator.
func (p PodSigning) Validate(ctx context.Context, a *admission.Attributes) error {
	r, ok := a.Object.(*certificatesv1.PodCertificateRequest)
	old, had := a.Old.(*certificatesv1.PodCertificateRequest)
	if !ok || !had || a.Subresource != "status" || a.User == nil || equality.Semantic.DeepEqual(r.Status, old.Status) {
		return nil
	}
	if authz.ForSigner(ctx, p.Authorizer, a.User, "sign", old.Spec.SignerName) {
		return nil
	}
	return apierrors.NewInvalid(certificatesv1.SchemeGroupVersion.WithKind("PodCertificateRequest").GroupKind(), a.Name, field.ErrorList{
		field.Forbidden(field.NewPath("spec", "signerName"), fmt.Sprintf("User %q is not permitted to \"sign\" for signer %q", a.User.Name, old.Spec.SignerName))})
}

// update returns the request as it is to be and as it was, when a is an update
// of the subresource.
func update(a *admission.Attributes, subresource string) (r, old *certificatesv1.CertificateSigningRequest) {
	if a.Operation != admission.Update || a.Subresource != subresource || a.User == nil {
		return nil, nil
	}
	r, _ = a.Object.(*certificatesv1.CertificateSigningRequest)
	old, _ = a.Old.(*certificatesv1.CertificateSigningRequest)
	if r == nil {
		return nil, nil
	}
	return r, old
}

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

// require asks for the verb on the signer.
func require(ctx context.Context, by authz.Authorizer, a *admission.Attributes, verb, signer string) error {
	if authz.ForSigner(ctx, by, a.User, verb, signer) {
		return nil
	}
	return refuse(a, fmt.Errorf("user not permitted to %s requests with signerName %q", verb, signer))
}

func refuse(a *admission.Attributes, err error) error {
	return apierrors.NewForbidden(a.Resource.GroupResource(), a.Name, err)
}
