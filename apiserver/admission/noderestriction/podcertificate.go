package noderestriction

import (
	"context"
	"fmt"
	"strings"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"minke/api"
	"minke/apiserver/admission"
	"minke/apiserver/authz"
)

// podCertificate checks that a node asks for a certificate of a pod that runs on
// it, for the account of that pod, and by a signer that the pod names (KEP-4317).
func (p *Plugin) podCertificate(ctx context.Context, a *admission.Attributes, node string) error {
	if a.Operation != admission.Create {
		return fmt.Errorf("unexpected operation %s", a.Operation)
	}
	r, ok := a.Object.(*certificatesv1.PodCertificateRequest)
	if !ok || a.Subresource != "" {
		return fmt.Errorf("unexpected subresource %s", a.Subresource)
	}
	s := &r.Spec
	if string(s.NodeName) != node {
		return fmt.Errorf("PodCertificateRequest.Spec.NodeName=%q, which is not the requesting node %q", s.NodeName, node)
	}
	if _, err := p.same(ctx, "nodes", "", node, s.NodeUID); err != nil {
		return err
	}
	obj, err := p.same(ctx, "pods", a.Namespace, s.PodName, s.PodUID)
	if err != nil {
		return err
	}
	pod, name := obj.(*corev1.Pod), a.Namespace+"/"+s.PodName
	if pod.Spec.NodeName != node {
		return fmt.Errorf("pod %q is not running on node %q named in the PodCertificateRequest", name, s.NodeName)
	}
	if _, is := pod.Annotations[corev1.MirrorPodAnnotationKey]; is {
		return fmt.Errorf("pod %q is a mirror pod", name)
	}
	if s.ServiceAccountName != pod.Spec.ServiceAccountName {
		return fmt.Errorf("PodCertificateRequest for pod %q contains serviceAccountName (%q) that differs from running pod (%q)", name, s.ServiceAccountName, pod.Spec.ServiceAccountName)
	}
	if _, err := p.same(ctx, "serviceaccounts", a.Namespace, s.ServiceAccountName, s.ServiceAccountUID); err != nil {
		return err
	}
	if names(pod, s.SignerName) || p.maySign(ctx, a, s) {
		return nil
	}
	return fmt.Errorf("pod %q does not mount a podCertificate projected volume for signer %q", name, s.SignerName)
}

// same reads an object that must have the UID: one of the same name may have
// come since.
func (p *Plugin) same(ctx context.Context, resource, namespace, name string, uid types.UID) (api.Object, error) {
	gvr := schema.GroupVersionResource{Version: "v1", Resource: resource}
	found, err := p.Reader.Get(ctx, gvr, namespace, name)
	if err != nil {
		return nil, fmt.Errorf("while retrieving %s %q named in the PodCertificateRequest: %w", resource, name, err)
	}
	obj := found.(api.Object)
	if obj.GetUID() != uid {
		return nil, fmt.Errorf("PodCertificateRequest names the UID %q of %s %q, which is %q", uid, resource, name, obj.GetUID())
	}
	return obj, nil
}

// names tells whether a volume of the pod has a certificate by the signer.
func names(pod *corev1.Pod, signer string) bool {
	for _, v := range pod.Spec.Volumes {
		if v.Projected == nil {
			continue
		}
		for _, s := range v.Projected.Sources {
			if s.PodCertificate != nil && s.PodCertificate.SignerName == signer {
				return true
			}
		}
	}
	return false
}

// maySign tells whether a role gives the node the signer for the account. Roles
// know no resources with slashes.
func (p *Plugin) maySign(ctx context.Context, a *admission.Attributes, s *certificatesv1.PodCertificateRequestSpec) bool {
	if p.Authorizer == nil {
		return false
	}
	allowed, _ := p.Authorizer.Allows(ctx, a.User, authz.Attributes{
		Verb: "request-serviceaccounts-podcertificate-signer", Group: a.Resource.Kind.Group, Version: a.Resource.Kind.Version,
		Resource: strings.ReplaceAll(s.SignerName, "/", ":"), Namespace: a.Namespace, Name: s.ServiceAccountName,
	})
	return allowed
}
