package authz

import (
	"context"
	"fmt"
	"slices"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	storagev1 "k8s.io/api/storage/v1"
)

// only refuses verbs other than those that a node has on the resource at all,
// and its subresources.
func only(a Attributes, why string, verbs ...string) string {
	if a.Subresource != "" || !slices.Contains(verbs, a.Verb) {
		return why
	}
	return ""
}

// readable is for secrets and config maps, which kubelets read and watch one by
// one.
func (n Node) readable(_ context.Context, node string, a Attributes) (bool, string) {
	if why := only(a, "can only read resources of this type", "get", "list", "watch"); why != "" {
		return false, why
	}
	if a.Namespace == "" {
		return false, "can only read namespaced object of this type"
	}
	return n.referred(node, a, podRefers(a))
}

func (n Node) claim(_ context.Context, node string, a Attributes) (bool, string) {
	if a.Subresource == "status" {
		if a.Verb != "update" && a.Verb != "patch" {
			return false, "can only get/update/patch this type"
		}
		return n.referred(node, a, podRefers(a))
	}
	if why := only(a, "can only get individual resources of this type", "get"); why != "" {
		return false, why
	}
	return n.referred(node, a, podRefers(a))
}

// volume tells whether a pod on the node uses the claim that is bound to it.
func (n Node) volume(ctx context.Context, node string, a Attributes) (bool, string) {
	if why := only(a, "can only get individual resources of this type", "get"); why != "" {
		return false, why
	}
	obj, err := n.Reader.Get(ctx, corev1.SchemeGroupVersion.WithResource("persistentvolumes"), "", a.Name)
	v, ok := obj.(*corev1.PersistentVolume)
	if err != nil || !ok || v.Spec.ClaimRef == nil {
		return unrelated(node)
	}
	claim := Attributes{Resource: "persistentvolumeclaims", Namespace: v.Spec.ClaimRef.Namespace, Name: v.Spec.ClaimRef.Name}
	return n.referred(node, claim, podRefers(claim))
}

func (n Node) account(_ context.Context, node string, a Attributes) (bool, string) {
	has := func(p *corev1.Pod) bool { return p.Spec.ServiceAccountName == a.Name }
	if a.Subresource == "" && a.Verb == "get" {
		return n.referred(node, a, has)
	}
	if a.Verb != "create" || a.Name == "" {
		return false, "can only create tokens for individual service accounts"
	}
	if a.Subresource != "token" {
		return false, "can only create token subresource of serviceaccount"
	}
	return n.referred(node, a, has)
}

// node lets a node write nodes, of which admission leaves it its own, and read
// its own, also before that exists.
func (n Node) node(_ context.Context, node string, a Attributes) (bool, string) {
	switch a.Subresource + "/" + a.Verb {
	case "/create", "/update", "/patch", "status/update", "status/patch":
		return true, ""
	case "/get", "/list", "/watch":
		switch a.Name {
		case node:
			return true, ""
		case "":
			return false, fmt.Sprintf("node '%s' cannot read all nodes, only its own Node object", node)
		}
		return false, fmt.Sprintf("node '%s' cannot read '%s', only its own Node object", node, a.Name)
	}
	return false, ""
}

// pod lets a node write pods, of which admission leaves it its own, and read
// those that run on it.
func (n Node) pod(ctx context.Context, node string, a Attributes) (bool, string) {
	switch a.Subresource + "/" + a.Verb {
	case "/create", "/delete", "status/update", "status/patch", "eviction/create":
		return true, ""
	case "/list", "/watch":
		if a.Selects("spec.nodeName", node) {
			return true, ""
		}
		if a.Name == "" {
			return false, "can only list/watch pods with spec.nodeName field selector"
		}
		fallthrough
	case "/get":
		obj, err := n.Reader.Get(ctx, corev1.SchemeGroupVersion.WithResource("pods"), a.Namespace, a.Name)
		if p, ok := obj.(*corev1.Pod); err == nil && ok && p.Spec.NodeName == node {
			return true, ""
		}
		return unrelated(node)
	}
	return false, ""
}

func (n Node) resourceClaim(_ context.Context, node string, a Attributes) (bool, string) {
	if why := only(a, "can only get individual resources of this type", "get"); why != "" {
		return false, why
	}
	return n.referred(node, a, podClaims(a.Name))
}

// resourceSlice lets a node write slices, of which admission leaves it those
// that name it, and read these.
func (n Node) resourceSlice(ctx context.Context, node string, a Attributes) (bool, string) {
	if a.Subresource != "" {
		return false, "cannot authorize ResourceSlice subresources"
	}
	switch a.Verb {
	case "create":
		return true, ""
	case "get", "update", "patch", "delete":
		obj, err := n.Reader.Get(ctx, resourcev1.SchemeGroupVersion.WithResource("resourceslices"), "", a.Name)
		if s, ok := obj.(*resourcev1.ResourceSlice); err == nil && ok && s.Spec.NodeName != nil && *s.Spec.NodeName == node {
			return true, ""
		}
		return unrelated(node)
	case "list", "watch", "deletecollection":
		// The field's name before v1beta1 was the shorter one.
		if a.Selects("spec.nodeName", node) || a.Selects("nodeName", node) {
			return true, ""
		}
		return false, "can only list/watch/deletecollection resourceslices with nodeName field selector"
	}
	return false, "only the following verbs are allowed for a ResourceSlice: get, watch, list, create, update, patch, delete, deletecollection"
}

func (n Node) attachment(ctx context.Context, node string, a Attributes) (bool, string) {
	if why := only(a, "can only get individual resources of this type", "get"); why != "" {
		return false, why
	}
	obj, err := n.Reader.Get(ctx, storagev1.SchemeGroupVersion.WithResource("volumeattachments"), "", a.Name)
	if v, ok := obj.(*storagev1.VolumeAttachment); err == nil && ok && v.Spec.NodeName == node {
		return true, ""
	}
	return unrelated(node)
}

var owning = []string{"get", "create", "update", "patch", "delete"}

func (n Node) csiNode(_ context.Context, node string, a Attributes) (bool, string) {
	if why := only(a, "can only get, create, update, patch, or delete a CSINode", owning...); why != "" {
		return false, why
	}
	// At a creation the name is not known here; admission compares it.
	if a.Verb != "create" && a.Name != node {
		return false, "can only access CSINode with the same name as the requesting node"
	}
	return true, ""
}

func (n Node) lease(_ context.Context, node string, a Attributes) (bool, string) {
	if why := only(a, "can only get, create, update, patch, or delete a node lease", owning...); why != "" {
		return false, why
	}
	if a.Namespace != corev1.NamespaceNodeLease {
		return false, fmt.Sprintf("can only access leases in the %q system namespace", corev1.NamespaceNodeLease)
	}
	if a.Verb != "create" && a.Name != node {
		return false, "can only access node lease with the same name as the requesting node"
	}
	return true, ""
}

// podCertificateRequest lets a node ask for certificates, of which admission
// leaves it those of its pods, and read what it asked for (KEP-4317).
func (n Node) podCertificateRequest(ctx context.Context, node string, a Attributes) (bool, string) {
	if a.Subresource != "" {
		return false, "nodes may not access the status subresource of PodCertificateRequests"
	}
	switch a.Verb {
	case "create":
		return true, ""
	case "get":
		obj, err := n.Reader.Get(ctx, certificatesv1.SchemeGroupVersion.WithResource("podcertificaterequests"), a.Namespace, a.Name)
		if r, ok := obj.(*certificatesv1.PodCertificateRequest); err == nil && ok && string(r.Spec.NodeName) == node {
			return true, ""
		}
		return unrelated(node)
	case "list", "watch":
		if a.Selects("spec.nodeName", node) {
			return true, ""
		}
		return false, "can only list/watch podcertificaterequests with nodeName field selector"
	}
	return false, "nodes may not " + a.Verb + " podcertificaterequests"
}
