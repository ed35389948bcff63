package authz

import (
	"context"
	"iter"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api/inprocess"
)

// Nodes is the group of all nodes; their users are named NodePrefix + name.
const (
	Nodes      = "system:nodes"
	NodePrefix = "system:node:"
)

// NodeName returns the name of the node that user is, if it is one.
func NodeName(user *inprocess.User) (string, bool) {
	name, ok := strings.CutPrefix(user.Name, NodePrefix)
	return name, ok && name != "" && slices.Contains(user.Groups, Nodes)
}

// nodeRules are those of the role system:node.
func nodeRules() []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{
		on("create", "authentication.k8s.io", "tokenreviews"),
		on("create", "authorization.k8s.io", "localsubjectaccessreviews,subjectaccessreviews"),
		on(reading, "", "services"),
		on("create,get,list,watch", "", "nodes"),
		on("patch,update", "", "nodes/status"),
		on("patch,update", "", "nodes"),
		on(eventing, "", "events"),
		on(eventing, "events.k8s.io", "events"),
		on(reading, "", "pods"),
		on("create,delete", "", "pods"),
		on("patch,update", "", "pods/status"),
		on("create", "", "pods/eviction"),
		on(reading, "", "configmaps,secrets"),
		on("get", "", "persistentvolumeclaims,persistentvolumes"),
		on("get", "", "endpoints"),
		on("create,get,list,watch", "certificates.k8s.io", "certificatesigningrequests"),
		on("create,delete,get,patch,update", "coordination.k8s.io", "leases"),
		on("get", "storage.k8s.io", "volumeattachments"),
		on("create", "", "serviceaccounts/token"),
		on("get,patch,update", "", "persistentvolumeclaims/status"),
		on(reading, "storage.k8s.io", "csidrivers"),
		on("create,delete,get,patch,update", "storage.k8s.io", "csinodes"),
		on(reading, "node.k8s.io", "runtimeclasses"),
		on("get", "resource.k8s.io", "resourceclaims"),
		on("create,delete,deletecollection,get,list,patch,update,watch", "resource.k8s.io", "resourceslices"),
		on("get,list,watch", "", "serviceaccounts"),
	}
}

// Node is an Authorizer of nodes: of secrets, config maps, volume claims,
// volumes, attachments and tokens a node gets those that its pods refer to.
// What it may write of what it may write at all is admission's affair.
type Node struct {
	// Reader reads stored objects.
	Reader Reader
}

// Reader reads stored objects, which are shared and never changed.
type Reader interface {
	Get(ctx context.Context, resource schema.GroupVersionResource, namespace, name string) (runtime.Object, error)
	// Snapshot returns all objects of the resource and their revision.
	Snapshot(resource schema.GroupVersionResource, namespace string) (iter.Seq[runtime.Object], string, error)
}

var compiledNodeRules = compile(nodeRules())

// Allows implements Authorizer.
func (n Node) Allows(ctx context.Context, user *inprocess.User, a Attributes) (bool, string) {
	name, ok := NodeName(user)
	if !ok || !compiledNodeRules.allow(a) {
		return false, ""
	}
	if a.Group == "" && a.Resource == "pods" && a.Verb == "get" && a.Name != "" {
		return true, ""
	}
	switch (schema.GroupResource{Group: a.Group, Resource: a.Resource}) {
	case schema.GroupResource{Resource: "secrets"}, schema.GroupResource{Resource: "configmaps"}, schema.GroupResource{Resource: "persistentvolumeclaims"}:
		return n.referred(name, a, podRefers(a))
	case schema.GroupResource{Resource: "serviceaccounts"}:
		return n.referred(name, a, func(p *corev1.Pod) bool { return p.Spec.ServiceAccountName == a.Name })
	case schema.GroupResource{Group: "resource.k8s.io", Resource: "resourceclaims"}:
		return n.referred(name, a, podClaims(a.Name))
	case schema.GroupResource{Resource: "persistentvolumes"}:
		return n.volume(ctx, name, a.Name)
	case schema.GroupResource{Group: "storage.k8s.io", Resource: "volumeattachments"}:
		return n.attachment(ctx, name, a.Name)
	case schema.GroupResource{Group: "coordination.k8s.io", Resource: "leases"}:
		return own(a.Namespace == corev1.NamespaceNodeLease && (a.Verb == "create" || a.Name == name))
	case schema.GroupResource{Group: "storage.k8s.io", Resource: "csinodes"}:
		return own(a.Verb == "create" || a.Name == name)
	}
	return true, ""
}

func own(is bool) (bool, string) {
	if is {
		return true, ""
	}
	return false, "can only access objects of the requesting node"
}

// referred tells whether a pod on the node refers to what is asked for.
func (n Node) referred(node string, a Attributes, refers func(*corev1.Pod) bool) (bool, string) {
	if a.Name == "" || a.Namespace == "" {
		return false, "No Object name found"
	}
	pods, _, err := n.Reader.Snapshot(corev1.SchemeGroupVersion.WithResource("pods"), a.Namespace)
	if err != nil {
		return false, err.Error()
	}
	for obj := range pods {
		if p, ok := obj.(*corev1.Pod); ok && p.Spec.NodeName == node && refers(p) {
			return true, ""
		}
	}
	return false, "no relationship found between node '" + node + "' and this object"
}

// volume tells whether a pod on the node uses the claim that is bound to pv.
func (n Node) volume(ctx context.Context, node, pv string) (bool, string) {
	obj, err := n.Reader.Get(ctx, corev1.SchemeGroupVersion.WithResource("persistentvolumes"), "", pv)
	if err != nil {
		return false, "no relationship found between node '" + node + "' and this object"
	}
	ref := obj.(*corev1.PersistentVolume).Spec.ClaimRef
	if ref == nil {
		return false, "no relationship found between node '" + node + "' and this object"
	}
	claim := Attributes{Resource: "persistentvolumeclaims", Namespace: ref.Namespace, Name: ref.Name}
	return n.referred(node, claim, podRefers(claim))
}

func (n Node) attachment(ctx context.Context, node, name string) (bool, string) {
	obj, err := n.Reader.Get(ctx, storagev1.SchemeGroupVersion.WithResource("volumeattachments"), "", name)
	if err != nil {
		return own(false)
	}
	return own(obj.(*storagev1.VolumeAttachment).Spec.NodeName == node)
}
