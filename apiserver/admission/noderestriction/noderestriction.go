// Package noderestriction lets a node write only what is its own: its Node, its
// Lease, its CSINode, and its pods' statuses, ends, tokens and certificates.
package noderestriction

import (
	"context"
	"fmt"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/apiserver/admission"
	"minke/apiserver/authz"
)

// Reader reads stored objects.
type Reader interface {
	Get(ctx context.Context, resource schema.GroupVersionResource, namespace, name string) (runtime.Object, error)
}

// Plugin is the admission plug-in.
type Plugin struct {
	Reader Reader
	// Authorizer answers for which audiences a node may ask for tokens that its
	// pods do not; nil for none.
	Authorizer authz.Authorizer
	// Audiences are the server's own.
	Audiences []string
}

var _ admission.Validator = (*Plugin)(nil)

// Validate implements admission.Validator: it looks at the object as it would
// be stored.
func (p *Plugin) Validate(ctx context.Context, a *admission.Attributes) error {
	if a.User == nil {
		return nil
	}
	node, is := authz.NodeName(a.User)
	if !is {
		return nil
	}
	var why error
	switch a.Resource.GroupResource().String() {
	case "pods":
		why = p.pod(ctx, a, node)
	case "nodes":
		why = ofNode(a, node)
	case "serviceaccounts":
		why = p.token(ctx, a, node)
	case "persistentvolumeclaims":
		why = claim(a)
	case "leases.coordination.k8s.io":
		if a.Namespace != corev1.NamespaceNodeLease || a.Name != node {
			why = fmt.Errorf("node %q can only access its own lease in namespace %q", node, corev1.NamespaceNodeLease)
		}
	case "csinodes.storage.k8s.io":
		if a.Name != node {
			why = fmt.Errorf("can only access CSINode with the same name as the requesting node")
		}
	case "resourceslices.resource.k8s.io":
		why = slice(a, node)
	case "podcertificaterequests.certificates.k8s.io":
		why = p.podCertificate(ctx, a, node)
	}
	if why != nil {
		return apierrors.NewForbidden(a.Resource.GroupResource(), a.Name, why)
	}
	return nil
}

func (p *Plugin) pod(ctx context.Context, a *admission.Attributes, node string) error {
	switch {
	case a.Subresource == "" && a.Operation == admission.Create:
		return mirror(a.Object.(*corev1.Pod), node)
	case a.Subresource == "" && a.Operation == admission.Delete, a.Subresource == "status", a.Subresource == "eviction":
		if a.Subresource == "status" && a.Operation != admission.Update {
			return fmt.Errorf("unexpected operation %q", a.Operation)
		}
		obj, err := p.Reader.Get(ctx, corev1.SchemeGroupVersion.WithResource("pods"), a.Namespace, a.Name)
		if err != nil {
			return err
		}
		if pod := obj.(*corev1.Pod); pod.Spec.NodeName != node {
			return fmt.Errorf("node %q can only %s pods with spec.nodeName set to itself", node, verbOf(a))
		}
		if changed, ok := a.Object.(*corev1.Pod); ok && a.Subresource == "status" {
			if old, ok := a.Old.(*corev1.Pod); ok && !equality.Semantic.DeepEqual(changed.Labels, old.Labels) {
				return fmt.Errorf("node %q cannot update labels through pod status", node)
			}
		}
		return nil
	}
	return fmt.Errorf("unexpected operation %q on pods/%s by node %q", a.Operation, a.Subresource, node)
}

func verbOf(a *admission.Attributes) string {
	switch {
	case a.Subresource == "eviction":
		return "evict"
	case a.Operation == admission.Delete:
		return "delete"
	}
	return "update status for"
}

// mirror checks a pod that a node creates: the image of one that it runs by
// itself, which can refer to nothing in the API.
func mirror(pod *corev1.Pod, node string) error {
	if _, is := pod.Annotations[corev1.MirrorPodAnnotationKey]; !is {
		return fmt.Errorf("pod does not have %q annotation, node %q can only create mirror pods", corev1.MirrorPodAnnotationKey, node)
	}
	if pod.Spec.NodeName != node {
		return fmt.Errorf("node %q can only create pods with spec.nodeName set to itself", node)
	}
	for _, o := range pod.OwnerReferences {
		if o.APIVersion != "v1" || o.Kind != "Node" || o.Name != node || o.BlockOwnerDeletion != nil && *o.BlockOwnerDeletion {
			return fmt.Errorf("node %q can only create pods with an owner reference set to itself", node)
		}
	}
	if pod.Spec.ServiceAccountName != "" {
		return fmt.Errorf("node %q can not create pods that reference a service account", node)
	}
	for _, v := range pod.Spec.Volumes {
		if v.Secret != nil || v.ConfigMap != nil || v.PersistentVolumeClaim != nil || v.Projected != nil {
			return fmt.Errorf("node %q can not create pods that reference secrets, configmaps or persistentvolumeclaims", node)
		}
	}
	return nil
}

func ofNode(a *admission.Attributes, name string) error {
	if a.Name != name && a.Operation != admission.Create || a.Object != nil && a.Object.GetName() != name {
		return fmt.Errorf("node %q is not allowed to modify node %q", name, a.Name)
	}
	node, ok := a.Object.(*corev1.Node)
	if !ok {
		return nil
	}
	old, _ := a.Old.(*corev1.Node)
	if old == nil {
		return labels(nil, node.Labels, name)
	}
	if len(node.OwnerReferences) > 0 && !equality.Semantic.DeepEqual(node.OwnerReferences, old.OwnerReferences) {
		return fmt.Errorf("node %q is not allowed to modify ownerReferences", name)
	}
	if !equality.Semantic.DeepEqual(node.Spec.Taints, old.Spec.Taints) {
		return fmt.Errorf("node %q is not allowed to modify taints", name)
	}
	return labels(old.Labels, node.Labels, name)
}

// own are the labels in Kubernetes' own domains that a node may set by itself.
var own = map[string]bool{
	corev1.LabelHostname: true, corev1.LabelOSStable: true, corev1.LabelArchStable: true, corev1.LabelWindowsBuild: true,
	corev1.LabelInstanceType: true, corev1.LabelInstanceTypeStable: true,
	corev1.LabelFailureDomainBetaZone: true, corev1.LabelFailureDomainBetaRegion: true,
	corev1.LabelTopologyZone: true, corev1.LabelTopologyRegion: true,
	"beta.kubernetes.io/os": true, "beta.kubernetes.io/arch": true,
}

// labels keeps a node from giving itself a role, by which it might be chosen
// for pods that are not meant for it.
func labels(old, changed map[string]string, node string) error {
	check := func(key string) error {
		domain, _, has := strings.Cut(key, "/")
		if !has || own[key] {
			return nil
		}
		if domain == "node-restriction.kubernetes.io" || strings.HasSuffix(domain, ".node-restriction.kubernetes.io") {
			return fmt.Errorf("is not allowed to modify labels: %s", key)
		}
		kubelet := domain == "kubelet.kubernetes.io" || strings.HasSuffix(domain, ".kubelet.kubernetes.io") ||
			domain == "node.kubernetes.io" || strings.HasSuffix(domain, ".node.kubernetes.io")
		reserved := domain == "kubernetes.io" || strings.HasSuffix(domain, ".kubernetes.io") || domain == "k8s.io" || strings.HasSuffix(domain, ".k8s.io")
		if reserved && !kubelet {
			return fmt.Errorf("is not allowed to modify labels: %s", key)
		}
		return nil
	}
	for key, value := range changed {
		if before, had := old[key]; !had || before != value {
			if err := check(key); err != nil {
				return fmt.Errorf("node %q %w", node, err)
			}
		}
	}
	for key := range old {
		if _, still := changed[key]; !still {
			if err := check(key); err != nil {
				return fmt.Errorf("node %q %w", node, err)
			}
		}
	}
	return nil
}

// token checks that a node asks only for tokens of its own pods.
func (p *Plugin) token(ctx context.Context, a *admission.Attributes, node string) error {
	req, ok := a.Object.(*authenticationv1.TokenRequest)
	if !ok || a.Subresource != "token" {
		return nil
	}
	ref := req.Spec.BoundObjectRef
	if ref == nil || ref.APIVersion != "v1" || ref.Kind != "Pod" || ref.Name == "" {
		return fmt.Errorf("node requested token not bound to a pod")
	}
	if ref.UID == "" {
		return fmt.Errorf("node requested token with a pod binding without a uid")
	}
	obj, err := p.Reader.Get(ctx, corev1.SchemeGroupVersion.WithResource("pods"), a.Namespace, ref.Name)
	if err != nil {
		return err
	}
	pod := obj.(*corev1.Pod)
	if ref.UID != pod.UID {
		return fmt.Errorf("the UID in the bound object reference (%s) does not match the UID in record. The object might have been deleted and then recreated", ref.UID)
	}
	if pod.Spec.NodeName != node {
		return fmt.Errorf("node requested token bound to a pod scheduled on a different node")
	}
	return p.audiences(ctx, a, req, pod)
}

// slice checks that a node offers only devices of its own.
func slice(a *admission.Attributes, node string) error {
	for _, obj := range []any{a.Object, a.Old} {
		s, ok := obj.(*resourcev1.ResourceSlice)
		if ok && s != nil && (s.Spec.NodeName == nil || *s.Spec.NodeName != node) {
			return fmt.Errorf("can only %s ResourceSlices with the same NodeName as the requesting node", strings.ToLower(string(a.Operation)))
		}
	}
	return nil
}

// claim checks that a node changes nothing of a claim but its size as found.
func claim(a *admission.Attributes) error {
	changed, ok := a.Object.(*corev1.PersistentVolumeClaim)
	old, had := a.Old.(*corev1.PersistentVolumeClaim)
	if a.Subresource != "status" || !ok || !had {
		return fmt.Errorf("can only update PVC status")
	}
	x, y := changed.DeepCopy(), old.DeepCopy()
	for _, c := range []*corev1.PersistentVolumeClaim{x, y} {
		c.ObjectMeta = metav1.ObjectMeta{}
		c.Status.Capacity, c.Status.Conditions, c.Status.AllocatedResources, c.Status.AllocatedResourceStatuses = nil, nil, nil, nil
	}
	if !equality.Semantic.DeepEqual(x, y) {
		return fmt.Errorf("node is not allowed to update fields other than status.capacity and status.conditions")
	}
	return nil
}
