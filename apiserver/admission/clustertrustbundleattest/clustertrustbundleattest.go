// Package clustertrustbundleattest lets nobody vouch for a signer's trust anchors
// without the right to attest for that signer.
package clustertrustbundleattest

import (
	"context"
	"fmt"

	certificatesv1 "k8s.io/api/certificates/v1"
	certificatesv1alpha1 "k8s.io/api/certificates/v1alpha1"
	certificatesv1beta1 "k8s.io/api/certificates/v1beta1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"minke/api"
	"minke/apiserver/admission"
	"minke/apiserver/authz"
)

// Plugin is the admission plug-in.
type Plugin struct {
	// Authorizer answers who may attest for which signer.
	Authorizer authz.Authorizer
}

var _ admission.Validator = Plugin{}

// Validate implements admission.Validator.
func (p Plugin) Validate(ctx context.Context, a *admission.Attributes) error {
	if a.Operation == admission.Delete || a.User == nil {
		return nil
	}
	signer := signerOf(a.Object)
	if signer == "" || a.Old != nil && sameBut(a.Object, a.Old) {
		return nil
	}
	if !authz.ForSigner(ctx, p.Authorizer, a.User, "attest", signer) {
		return apierrors.NewForbidden(a.Resource.GroupResource(), a.Name, fmt.Errorf("user not permitted to attest for signerName %q", signer))
	}
	return nil
}

// signerOf names the signer of a bundle; empty for none and for other objects.
func signerOf(obj api.Object) string {
	switch b := obj.(type) {
	case *certificatesv1.ClusterTrustBundle:
		return b.Spec.SignerName
	case *certificatesv1beta1.ClusterTrustBundle:
		return b.Spec.SignerName
	case *certificatesv1alpha1.ClusterTrustBundle:
		return b.Spec.SignerName
	}
	return ""
}

// sameBut tells an update that changes nothing but what garbage collection
// writes: owners, finalizers and managed fields.
func sameBut(obj, old api.Object) bool {
	with := old.DeepCopyObject().(api.Object)
	with.SetOwnerReferences(obj.GetOwnerReferences())
	with.SetFinalizers(obj.GetFinalizers())
	with.SetManagedFields(obj.GetManagedFields())
	return equality.Semantic.DeepEqual(obj, with)
}
