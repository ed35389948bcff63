// Package certificates signs the certificate signing requests that somebody
// approved, for Kubernetes' own signers, and approves those by which a kubelet
// asks for its own client certificate.
//
//	created --approve--> Approved --sign--> Issued (status.certificate)
//	                        \--not for this signer--> Failed
//	        --deny-----> Denied
package certificates

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"minke/client"
	"minke/client/reconcile"
)

const component = "certificate-controller"

// Requests is the kind of certificate signing requests.
var Requests = client.Kind[*certificatesv1.CertificateSigningRequest]{
	Resource: certificatesv1.SchemeGroupVersion.WithResource("certificatesigningrequests"), Kind: "CertificateSigningRequest",
	New:     func() *certificatesv1.CertificateSigningRequest { return new(certificatesv1.CertificateSigningRequest) },
	NewList: func() runtime.Object { return new(certificatesv1.CertificateSigningRequestList) },
	Cluster: true,
}

// accessReviews is the kind by which the approver asks what a requester may do.
var accessReviews = client.Kind[*authorizationv1.SubjectAccessReview]{
	Resource: authorizationv1.SchemeGroupVersion.WithResource("subjectaccessreviews"), Kind: "SubjectAccessReview",
	New:     func() *authorizationv1.SubjectAccessReview { return new(authorizationv1.SubjectAccessReview) },
	Cluster: true,
}

// Signer is the cluster's certificate authority.
type Signer interface {
	// Sign returns the PEM of a certificate for the request's subject, names
	// and key, that holds for at most life.
	Sign(request *x509.CertificateRequest, usage x509.KeyUsage, extended []x509.ExtKeyUsage, life time.Duration) ([]byte, error)
}

// Controller approves and signs.
type Controller struct {
	signer   Signer
	longest  time.Duration
	requests client.Resource[*certificatesv1.CertificateSigningRequest]
	reviews  client.Resource[*authorizationv1.SubjectAccessReview]
	view     client.Informer[*certificatesv1.CertificateSigningRequest]
	loop     *reconcile.Loop
}

// New returns a controller that signs with signer, for at most longest; zero means
// DefaultLife.
func New(api client.Interface, informers *client.Informers, signer Signer, longest time.Duration) *Controller {
	c := &Controller{
		longest:  cmp.Or(longest, DefaultLife),
		signer:   signer,
		requests: client.Of(api, Requests),
		reviews:  client.Of(api, accessReviews),
		view:     client.InformerOf(informers, Requests),
	}
	c.loop = reconcile.New(component, reconcile.Options{}, c.sync)
	add := func(r *certificatesv1.CertificateSigningRequest) { c.loop.Add(client.KeyOf(r)) }
	c.view.Handle(client.Handler[*certificatesv1.CertificateSigningRequest]{
		Add: add, Update: func(_, r *certificatesv1.CertificateSigningRequest) { add(r) },
	})
	return c
}

// Run approves and signs until ctx ends.
func (c *Controller) Run(ctx context.Context) error {
	if err := reconcile.WaitFor(ctx, c.view.Synced()); err != nil {
		return fmt.Errorf("%s: %w", component, err)
	}
	c.loop.Run(ctx, 1)
	return nil
}

func (c *Controller) sync(ctx context.Context, key client.Key) error {
	r, ok := c.view.Get("", key.Name)
	if !ok || len(r.Status.Certificate) > 0 || has(r, certificatesv1.CertificateDenied) || has(r, certificatesv1.CertificateFailed) {
		return nil
	}
	request, err := parse(r.Spec.Request)
	if err != nil {
		return fmt.Errorf("parse request %s: %w", r.Name, err)
	}
	if has(r, certificatesv1.CertificateApproved) {
		err = c.sign(ctx, r, request)
	} else {
		err = c.approve(ctx, r, request)
	}
	if err == nil || apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// approve approves a kubelet's request for a client certificate, if the
// requester may make such requests; all others wait for a human.
func (c *Controller) approve(ctx context.Context, r *certificatesv1.CertificateSigningRequest, request *x509.CertificateRequest) error {
	if r.Spec.SignerName != certificatesv1.KubeAPIServerClientKubeletSignerName || check(r, request) != nil {
		return nil
	}
	for _, rule := range []struct {
		applies              bool
		subresource, message string
	}{
		{r.Spec.Username == request.Subject.CommonName, "selfnodeclient", "Auto approving self kubelet client certificate after SubjectAccessReview."},
		{true, "nodeclient", "Auto approving kubelet client certificate after SubjectAccessReview."},
	} {
		if !rule.applies {
			continue
		}
		allowed, err := c.may(ctx, r, rule.subresource)
		if err != nil {
			return err
		}
		if allowed {
			next := r.DeepCopy()
			next.Status.Conditions = append(next.Status.Conditions, condition(certificatesv1.CertificateApproved, "AutoApproved", rule.message))
			_, err := c.requests.UpdateSubresource(ctx, next, "approval")
			return err
		}
	}
	return nil
}

// may asks whether the requester may create requests of a kind.
func (c *Controller) may(ctx context.Context, r *certificatesv1.CertificateSigningRequest, subresource string) (bool, error) {
	extra := make(map[string]authorizationv1.ExtraValue, len(r.Spec.Extra))
	for key, values := range r.Spec.Extra {
		extra[key] = authorizationv1.ExtraValue(values)
	}
	review, err := c.reviews.Create(ctx, &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: r.Spec.Username, UID: r.Spec.UID, Groups: r.Spec.Groups, Extra: extra,
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Group: certificatesv1.GroupName, Resource: Requests.Resource.Resource, Verb: "create", Subresource: subresource, Version: "*",
		},
	}})
	if err != nil {
		return false, fmt.Errorf("review the requester of %s: %w", r.Name, err)
	}
	return review.Status.Allowed, nil
}

// sign writes the certificate, or why there will be none.
func (c *Controller) sign(ctx context.Context, r *certificatesv1.CertificateSigningRequest, request *x509.CertificateRequest) error {
	if !slices.Contains(signers, r.Spec.SignerName) {
		return nil // somebody else's
	}
	next := r.DeepCopy()
	if err := check(r, request); err != nil {
		next.Status.Conditions = append(next.Status.Conditions, condition(certificatesv1.CertificateFailed, "SignerValidationFailure", err.Error()))
	} else {
		usage, extended := usages(r.Spec.Usages)
		cert, err := c.signer.Sign(request, usage, extended, life(r, c.longest))
		if err != nil {
			return fmt.Errorf("sign request %s: %w", r.Name, err)
		}
		next.Status.Certificate = cert
	}
	_, err := c.requests.UpdateStatus(ctx, next)
	return err
}

func parse(text []byte) (*x509.CertificateRequest, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("no PEM block")
	}
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, err
	}
	return request, request.CheckSignature()
}

func has(r *certificatesv1.CertificateSigningRequest, t certificatesv1.RequestConditionType) bool {
	return slices.ContainsFunc(r.Status.Conditions, func(c certificatesv1.CertificateSigningRequestCondition) bool { return c.Type == t })
}

func condition(t certificatesv1.RequestConditionType, reason, message string) certificatesv1.CertificateSigningRequestCondition {
	now := metav1.Now()
	return certificatesv1.CertificateSigningRequestCondition{
		Type: t, Status: corev1.ConditionTrue, Reason: reason, Message: message, LastUpdateTime: now, LastTransitionTime: now,
	}
}
