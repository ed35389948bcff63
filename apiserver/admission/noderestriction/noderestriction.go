// Package noderestriction lets a node write only what is its own: its Node, its
// Lease, its CSINode, and its pods' statuses, ends, tokens and certificates.
package noderestriction

import (
	"context"
	"fmt"
	"slices"
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

var _ admission.Mutator = (*Plugin)(nil)

// Admit implements admission.Mutator: it changes nothing, but comes before the
// object is validated.
func (p *Plugin) Admit(ctx context.Context, a *admission.Attributes) error {
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
		why = claim(a, node)
	case "leases.coordination.k8s.io":
		if a.Namespace != corev1.NamespaceNodeLease {
			why = fmt.Errorf("can only access leases in the %q system namespace", corev1.NamespaceNodeLease)
		} else if a.Name != node {
			why = fmt.Errorf("can only access node lease with the same name as the requesting node")
		}
	case "csinodes.storage.k8s.io":
		if a.Name != node {
			why = fmt.Errorf("can only access CSINode with the same name as the requesting node")
		}
	case "resourceslices.resource.k8s.io":
		why = slice(a, node)
	case "certificatesigningrequests.certificates.k8s.io":
		why = signing(a, node)
	case "podcertificaterequests.certificates.k8s.io":
		why = p.podCertificate(ctx, a, node)
	}
	if why != nil {
		if apierrors.IsNotFound(why) {
			return why
		}
		return apierrors.NewForbidden(a.Resource.GroupResource(), a.Name, why)
	}
	return nil
}

func (p *Plugin) pod(ctx context.Context, a *admission.Attributes, node string) error {
	switch {
	case a.Subresource == "" && a.Operation == admission.Create:
		return p.mirror(ctx, a.Object.(*corev1.Pod), node)
	case a.Subresource == "" && a.Operation == admission.Delete, a.Subresource == "status", a.Subresource == "eviction":
		if a.Subresource == "status" && a.Operation != admission.Update {
			return fmt.Errorf("unexpected operation %q", a.Operation)
		}
		obj, err := p.Reader.Get(ctx, corev1.SchemeGroupVersion.WithResource("pods"), a.Namespace, a.Name)
		if err != nil {
			return err
		}
		if pod := obj.(*corev1.Pod); pod.Spec.NodeName != node {
			return fmt.Errorf(notItsOwn(a), node)
		}
		if changed, ok := a.Object.(*corev1.Pod); ok && a.Subresource == "status" {
			if old, ok := a.Old.(*corev1.Pod); ok {
				return podStatus(changed, old, node)
			}
		}
		return nil
	}
	return fmt.Errorf("unexpected operation %q on pods/%s by node %q", a.Operation, a.Subresource, node)
}

// notItsOwn words that the pod is another node's.
func notItsOwn(a *admission.Attributes) string {
	switch {
	case a.Subresource == "eviction":
		return "node %s can only evict pods with spec.nodeName set to itself"
	case a.Operation == admission.Delete:
		return "node %q can only delete pods with spec.nodeName set to itself"
	}
	return "node %q can only update pod status for pods with spec.nodeName set to itself"
}

// podStatus keeps a node from what a pod's status subresource leaves to others. A
// client that does not know a field leaves it out, which changes nothing.
func podStatus(changed, old *corev1.Pod, node string) error {
	now, before := &changed.Status, &old.Status
	switch {
	case !equality.Semantic.DeepEqual(changed.Labels, old.Labels):
		return fmt.Errorf("node %q cannot update labels through pod status", node)
	case now.ResourceClaimStatuses != nil && !equality.Semantic.DeepEqual(now.ResourceClaimStatuses, before.ResourceClaimStatuses):
		return fmt.Errorf("node %q cannot update resource claim statues", node)
	case now.ExtendedResourceClaimStatus != nil && !equality.Semantic.DeepEqual(now.ExtendedResourceClaimStatus, before.ExtendedResourceClaimStatus):
		return fmt.Errorf("node %q cannot update extended resource claim status", node)
	case now.NodeAllocatableResourceClaimStatuses != nil && !equality.Semantic.DeepEqual(now.NodeAllocatableResourceClaimStatuses, before.NodeAllocatableResourceClaimStatuses):
		return fmt.Errorf("node %q cannot update node allocatable resource claim statuses", node)
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
		if node.Spec.ConfigSource != nil { //nolint:staticcheck // guarded as long as it is there
			return fmt.Errorf("node %q is not allowed to create pods with a non-nil configSource", name)
		}
		if bad := guarded(nil, node.Labels); len(bad) > 0 {
			return fmt.Errorf("node %q is not allowed to set the following labels: %s", name, strings.Join(bad, ", "))
		}
		return nil
	}
	//nolint:staticcheck // guarded as long as it is there
	if node.Spec.ConfigSource != nil && !equality.Semantic.DeepEqual(node.Spec.ConfigSource, old.Spec.ConfigSource) {
		return fmt.Errorf("node %q is not allowed to update configSource to a new non-nil configSource", name)
	}
	if !equality.Semantic.DeepEqual(node.Spec.Taints, old.Spec.Taints) {
		return fmt.Errorf("node %q is not allowed to modify taints", name)
	}
	if len(node.OwnerReferences) > 0 && !equality.Semantic.DeepEqual(node.OwnerReferences, old.OwnerReferences) {
		return fmt.Errorf("node %q is not allowed to modify ownerReferences", name)
	}
	if bad := guarded(old.Labels, node.Labels); len(bad) > 0 {
		return fmt.Errorf("is not allowed to modify labels: %s", strings.Join(bad, ", "))
	}
	return nil
}

// own are the labels in Kubernetes' own domains that a node may set by itself.
var own = map[string]bool{
	corev1.LabelHostname: true, corev1.LabelOSStable: true, corev1.LabelArchStable: true, corev1.LabelWindowsBuild: true,
	corev1.LabelInstanceType: true, corev1.LabelInstanceTypeStable: true,
	corev1.LabelFailureDomainBetaZone: true, corev1.LabelFailureDomainBetaRegion: true,
	corev1.LabelTopologyZone: true, corev1.LabelTopologyRegion: true,
	"beta.kubernetes.io/os": true, "beta.kubernetes.io/arch": true,
}

// guarded are the changed labels that a node may not set, by which it might be
// chosen for pods that are not meant for it, in their order.
func guarded(old, changed map[string]string) []string {
	var out []string
	for key, value := range changed {
		if before, had := old[key]; (!had || before != value) && isGuarded(key) {
			out = append(out, key)
		}
	}
	for key := range old {
		if _, still := changed[key]; !still && isGuarded(key) {
			out = append(out, key)
		}
	}
	slices.Sort(out)
	return out
}

func isGuarded(key string) bool {
	domain, _, has := strings.Cut(key, "/")
	if !has || own[key] {
		return false
	}
	in := func(parent string) bool { return domain == parent || strings.HasSuffix(domain, "."+parent) }
	switch {
	case in("node-restriction.kubernetes.io"):
		return true
	case in("kubelet.kubernetes.io"), in("node.kubernetes.io"):
		return false
	}
	return in("kubernetes.io") || in("k8s.io")
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
			return fmt.Errorf("can only %s ResourceSlice with the same NodeName as the requesting node", strings.ToLower(string(a.Operation)))
		}
	}
	return nil
}

// claim checks that a node changes nothing of a claim but its size as found.
func claim(a *admission.Attributes, node string) error {
	changed, ok := a.Object.(*corev1.PersistentVolumeClaim)
	old, had := a.Old.(*corev1.PersistentVolumeClaim)
	if a.Subresource != "status" || !ok || !had {
		return fmt.Errorf("may only update PVC status")
	}
	x, y := changed.DeepCopy(), old.DeepCopy()
	for _, c := range []*corev1.PersistentVolumeClaim{x, y} {
		c.ObjectMeta = metav1.ObjectMeta{}
		c.Status.Capacity, c.Status.Conditions, c.Status.AllocatedResources, c.Status.AllocatedResourceStatuses = nil, nil, nil, nil
	}
	if !equality.Semantic.DeepEqual(x, y) {
		return fmt.Errorf("node %q is not allowed to update fields other than status.quantity and status.conditions", node)
	}
	return nil
}
