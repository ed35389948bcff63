package noderestriction

import (
	"context"
	"fmt"
	"slices"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"

	"minke/apiserver/admission"
	"minke/apiserver/authz"
)

// audiences checks that a node asks for a token only for whom the pod asks, by
// its projected volumes or the CSI drivers of its volumes, or whom the node is
// given by a role (KEP-4412).
func (p *Plugin) audiences(ctx context.Context, a *admission.Attributes, req *authenticationv1.TokenRequest, pod *corev1.Pod) error {
	for _, audience := range req.Spec.Audiences {
		if slices.Contains(p.Audiences, audience) || projects(pod, audience) || p.mounts(ctx, pod, audience) {
			continue
		}
		if p.Authorizer != nil {
			if allowed, _ := p.Authorizer.Allows(ctx, a.User, authz.Attributes{
				Verb: "request-serviceaccounts-token-audience", Resource: audience, Namespace: a.Namespace, Name: a.Name,
			}); allowed {
				continue
			}
		}
		return fmt.Errorf("audience %q not found in pod spec volume, system:node:%s is not authorized to request tokens for this audience", audience, pod.Spec.NodeName)
	}
	return nil
}

// projects tells whether a projected volume has a token for audience.
func projects(pod *corev1.Pod, audience string) bool {
	for _, v := range pod.Spec.Volumes {
		if v.Projected == nil {
			continue
		}
		for _, s := range v.Projected.Sources {
			if s.ServiceAccountToken != nil && s.ServiceAccountToken.Audience == audience {
				return true
			}
		}
	}
	return false
}

// mounts tells whether a volume's CSI driver is given tokens for audience.
func (p *Plugin) mounts(ctx context.Context, pod *corev1.Pod, audience string) bool {
	for i := range pod.Spec.Volumes {
		driver := p.driver(ctx, pod, &pod.Spec.Volumes[i])
		if driver == "" {
			continue
		}
		obj, err := p.Reader.Get(ctx, storagev1.SchemeGroupVersion.WithResource("csidrivers"), "", driver)
		if err != nil {
			continue
		}
		for _, r := range obj.(*storagev1.CSIDriver).Spec.TokenRequests {
			if r.Audience == audience {
				return true
			}
		}
	}
	return false
}

// driver names the CSI driver of a volume; empty for none.
func (p *Plugin) driver(ctx context.Context, pod *corev1.Pod, v *corev1.Volume) string {
	name := ""
	switch {
	case v.CSI != nil:
		return v.CSI.Driver
	case v.PersistentVolumeClaim != nil:
		name = v.PersistentVolumeClaim.ClaimName
	case v.Ephemeral != nil:
		name = pod.Name + "-" + v.Name
	default:
		return ""
	}
	claim, err := p.Reader.Get(ctx, corev1.SchemeGroupVersion.WithResource("persistentvolumeclaims"), pod.Namespace, name)
	if err != nil || claim.(*corev1.PersistentVolumeClaim).Spec.VolumeName == "" {
		return ""
	}
	obj, err := p.Reader.Get(ctx, corev1.SchemeGroupVersion.WithResource("persistentvolumes"), "", claim.(*corev1.PersistentVolumeClaim).Spec.VolumeName)
	if err != nil || obj.(*corev1.PersistentVolume).Spec.CSI == nil {
		return ""
	}
	return obj.(*corev1.PersistentVolume).Spec.CSI.Driver
}
