package noderestriction

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"minke/apiserver/authz"
)

// mirror checks a pod that a node creates: the image of one that it runs by
// itself, which belongs to the node and refers to nothing in the API.
func (p *Plugin) mirror(ctx context.Context, pod *corev1.Pod, node string) error {
	if _, is := pod.Annotations[corev1.MirrorPodAnnotationKey]; !is {
		return fmt.Errorf("pod does not have %q annotation, node %q can only create mirror pods", corev1.MirrorPodAnnotationKey, node)
	}
	if pod.Spec.NodeName != node {
		return fmt.Errorf("node %q can only create pods with spec.nodeName set to itself", node)
	}
	if err := p.owned(ctx, pod, node); err != nil {
		return err
	}
	if what := refersTo(pod); what != "" {
		return fmt.Errorf("node %q can not create pods that reference %s", node, what)
	}
	return nil
}

// owned checks that the node, and nothing else, owns the pod: with it the pod goes.
func (p *Plugin) owned(ctx context.Context, pod *corev1.Pod, node string) error {
	if len(pod.OwnerReferences) > 1 {
		return fmt.Errorf("node %q can only create pods with a single owner reference set to itself", node)
	}
	if len(pod.OwnerReferences) == 0 {
		return fmt.Errorf("node %q can only create pods with an owner reference set to itself", node)
	}
	owner := pod.OwnerReferences[0]
	switch {
	case owner.APIVersion != "v1" || owner.Kind != "Node" || owner.Name != node:
		return fmt.Errorf("node %q can only create pods with an owner reference set to itself", node)
	case owner.Controller == nil || !*owner.Controller:
		return fmt.Errorf("node %q can only create pods with a controller owner reference set to itself", node)
	case owner.BlockOwnerDeletion != nil && *owner.BlockOwnerDeletion:
		return fmt.Errorf("node %q must not set blockOwnerDeletion on an owner reference", node)
	}
	obj, err := p.Reader.Get(ctx, corev1.SchemeGroupVersion.WithResource("nodes"), "", node)
	if apierrors.IsNotFound(err) {
		return err
	}
	if err != nil {
		return fmt.Errorf("error looking up node %s to verify uid: %w", node, err)
	}
	if uid := obj.(*corev1.Node).UID; owner.UID != uid {
		return fmt.Errorf("node %s UID mismatch: expected %s got %s", node, owner.UID, uid)
	}
	return nil
}

// refersTo names what in the API a pod refers to, "" for nothing. Volumes of
// sorts that refer to nothing are listed, so that a new sort is refused.
func refersTo(pod *corev1.Pod) string {
	switch {
	case pod.Spec.ServiceAccountName != "":
		return "serviceaccounts"
	case authz.PodHasSecrets(pod):
		return "secrets"
	case authz.PodHasConfigMaps(pod):
		return "configmaps"
	case len(pod.Spec.ResourceClaims) > 0:
		return "resourceclaims"
	}
	for i := range pod.Spec.Volumes {
		v := &pod.Spec.Volumes[i]
		switch {
		case v.HostPath != nil, v.EmptyDir != nil, v.DownwardAPI != nil, v.NFS != nil, v.ISCSI != nil, v.FC != nil, v.Image != nil, v.GitRepo != nil:
		case v.AWSElasticBlockStore != nil, v.AzureDisk != nil, v.CephFS != nil, v.Cinder != nil, v.FlexVolume != nil, v.Flocker != nil,
			v.GCEPersistentDisk != nil, v.PhotonPersistentDisk != nil, v.PortworxVolume != nil, v.Quobyte != nil, v.RBD != nil,
			v.ScaleIO != nil, v.StorageOS != nil, v.VsphereVolume != nil:
		case v.CSI != nil:
			return "csidrivers (via CSI volumes)"
		case v.Glusterfs != nil:
			return "endpoints (via glusterFS volumes)"
		case v.PersistentVolumeClaim != nil:
			return "persistentvolumeclaims"
		case v.Ephemeral != nil:
			return "persistentvolumeclaims (via ephemeral volumes)"
		case v.Projected != nil:
			if what := projectedFrom(v.Projected); what != "" {
				return what
			}
		default:
			return fmt.Sprintf("something unknown by volume %q", v.Name)
		}
	}
	return ""
}

// projectedFrom names what a projected volume refers to, but for secrets and config
// maps, of which all are known already.
func projectedFrom(v *corev1.ProjectedVolumeSource) string {
	for _, s := range v.Sources {
		switch {
		case s.ServiceAccountToken != nil:
			return "serviceaccounts (via projected volumes)"
		case s.ClusterTrustBundle != nil:
			return "clustertrustbundles"
		case s.PodCertificate != nil:
			return "podcertificates"
		}
	}
	return ""
}
