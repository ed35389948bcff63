package authz

import (
	"context"
	"iter"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
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
		events,
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
		on("deletecollection", "resource.k8s.io", "resourceslices"),
		on(reading, "certificates.k8s.io", "clustertrustbundles"),
		on("get", "", "serviceaccounts"),
		on("create,get,list,watch", "certificates.k8s.io", "podcertificaterequests"),
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
	if !ok {
		return false, ""
	}
	if a.Resource == "" {
		return compiledNodeRules.allow(a), ""
	}
	if narrow := narrowed[schema.GroupResource{Group: a.Group, Resource: a.Resource}]; narrow != nil {
		return narrow(n, ctx, name, a)
	}
	return compiledNodeRules.allow(a), ""
}

// narrowed are the resources of which a node gets a part.
var narrowed = map[schema.GroupResource]func(n Node, ctx context.Context, node string, a Attributes) (bool, string){
	{Resource: "secrets"}:                                              Node.readable,
	{Resource: "configmaps"}:                                           Node.readable,
	{Resource: "persistentvolumeclaims"}:                               Node.claim,
	{Resource: "persistentvolumes"}:                                    Node.volume,
	{Resource: "serviceaccounts"}:                                      Node.account,
	{Resource: "nodes"}:                                                Node.node,
	{Resource: "pods"}:                                                 Node.pod,
	{Group: "resource.k8s.io", Resource: "resourceclaims"}:             Node.resourceClaim,
	{Group: "resource.k8s.io", Resource: "resourceslices"}:             Node.resourceSlice,
	{Group: "storage.k8s.io", Resource: "volumeattachments"}:           Node.attachment,
	{Group: "storage.k8s.io", Resource: "csinodes"}:                    Node.csiNode,
	{Group: "coordination.k8s.io", Resource: "leases"}:                 Node.lease,
	{Group: "certificates.k8s.io", Resource: "podcertificaterequests"}: Node.podCertificateRequest,
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
	return unrelated(node)
}

func unrelated(node string) (bool, string) {
	return false, "no relationship found between node '" + node + "' and this object"
}
