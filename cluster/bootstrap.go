package cluster

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api"
	"minke/apiserver/admission/priority"
	"minke/apiserver/authz"
	"minke/client"
	"minke/cluster/servers"
)

// bootstrap creates what every cluster has from its first moment: namespaces,
// default roles, priority classes, and the Services of the API and of DNS.
// What is there already is only completed.
func (s *Server) bootstrap(ctx context.Context) error {
	objs := append(authz.Bootstrap(), nodeNetworkRole()...)
	objs = append(objs, kubeletClientBinding())
	objs = append(objs, priority.Bootstrap()...)
	objs = append(objs, s.apiService()...)
	objs = append(objs, dnsService(s.cfg.DNS))
	// Others are put into the namespaces.
	if err := s.ensureAll(ctx, namespaces()); err != nil {
		return err
	}
	return s.ensureAll(ctx, objs)
}

// ensuring is how many objects are created at a time. Most of the time it takes
// is the disk's, which acknowledges several of them at once.
const ensuring = 8

// ensureAll creates or completes objs, in any order.
func (s *Server) ensureAll(ctx context.Context, objs []api.Object) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(ensuring)
	for _, obj := range objs {
		group.Go(func() error {
			if err := s.ensure(ctx, obj); err != nil {
				return fmt.Errorf("create %T %s: %w", obj, obj.GetName(), err)
			}
			return nil
		})
	}
	return group.Wait()
}

// ensureTries bounds how often other servers, which do the same, may be faster.
const ensureTries = 10

// ensure creates obj, or completes the one that is there.
func (s *Server) ensure(ctx context.Context, obj api.Object) error {
	resource, err := s.resourceOf(obj)
	if err != nil {
		return err
	}
	for range ensureTries {
		err = s.ensureOnce(ctx, resource, obj.DeepCopyObject().(api.Object))
		// An address that a Service is to have is taken a moment before that
		// Service is seen, if another server creates it.
		if !apierrors.IsAlreadyExists(err) && !apierrors.IsConflict(err) && !apierrors.IsServerTimeout(err) && !apierrors.IsInvalid(err) {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return err
}

func (s *Server) ensureOnce(ctx context.Context, resource schema.GroupVersionResource, obj api.Object) error {
	request := client.Request{Verb: "get", Resource: resource, Namespace: obj.GetNamespace(), Name: obj.GetName()}
	stored, err := s.self.Do(ctx, request)
	if apierrors.IsNotFound(err) {
		request.Verb, request.Name, request.Body = "create", "", obj
		_, err = s.self.Do(ctx, request)
		return err
	}
	if err != nil {
		return err
	}
	wanted := complete(stored.(api.Object), obj)
	if wanted == nil {
		return nil
	}
	request.Verb, request.Body = "update", wanted
	_, err = s.self.Do(ctx, request)
	return err
}

// complete returns stored with what wanted has and it lacks, or nil when
// nothing is to be done.
func complete(stored, wanted api.Object) api.Object {
	switch w := wanted.(type) {
	case *corev1.Endpoints:
		// The server may have moved to another address.
		out := stored.(*corev1.Endpoints).DeepCopy()
		if fmt.Sprint(out.Subsets) == fmt.Sprint(w.Subsets) {
			return nil
		}
		out.Subsets = w.Subsets
		return out
	case *corev1.ConfigMap:
		had := stored.(*corev1.ConfigMap).Data
		if _, err := time.Parse(time.DateOnly, had[trackedSince]); err == nil && w.Data[trackedSince] != "" {
			return nil // the first day counts
		}
		if maps.Equal(had, w.Data) {
			return nil
		}
		out := stored.(*corev1.ConfigMap).DeepCopy()
		out.Data = w.Data
		return out
	case *discoveryv1.EndpointSlice:
		out := stored.(*discoveryv1.EndpointSlice).DeepCopy()
		if fmt.Sprint(out.Endpoints) == fmt.Sprint(w.Endpoints) {
			return nil
		}
		out.Endpoints, out.Ports = w.Endpoints, w.Ports
		return out
	}
	return authz.Reconcile(stored, wanted)
}

func (s *Server) resourceOf(obj api.Object) (schema.GroupVersionResource, error) {
	kind := client.GroupVersionKindOf(obj)
	for _, r := range s.resources {
		if r.Kind == kind {
			return r.GroupVersionResource(), nil
		}
	}
	return schema.GroupVersionResource{}, fmt.Errorf("no resource has the kind %s", kind)
}

func namespaces() []api.Object {
	var objs []api.Object
	for _, name := range []string{metav1.NamespaceDefault, metav1.NamespaceSystem, metav1.NamespacePublic, corev1.NamespaceNodeLease} {
		objs = append(objs, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	}
	return objs
}

// apiService is the Service default/kubernetes, by which pods reach the API.
func (s *Server) apiService() []api.Object {
	labels := map[string]string{"component": "apiserver", "provider": "kubernetes"}
	meta := metav1.ObjectMeta{Name: "kubernetes", Namespace: metav1.NamespaceDefault, Labels: labels}
	port := int32(s.cfg.Port)
	service := &corev1.Service{ObjectMeta: meta, Spec: corev1.ServiceSpec{
		ClusterIP: firstAddress(s.cfg.ServiceNet).String(),
		Ports:     []corev1.ServicePort{{Name: "https", Port: 443, Protocol: corev1.ProtocolTCP, TargetPort: intOrString(port)}},
	}}
	if s.joins() {
		return []api.Object{service} // its endpoints are all servers'
	}
	own := []netip.Addr{s.cfg.Address}
	return []api.Object{service, servers.Endpoints(own, port), servers.Slice(own, port)}
}

// serviceProxyName is the label by which a Service asks not to be handled by
// the usual proxy.
const serviceProxyName = "service.kubernetes.io/service-proxy-name"

// dnsService is the Service kube-system/kube-dns. Every node answers its
// address itself, so that the proxy has nothing to do for it.
func dnsService(address netip.Addr) api.Object {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{
			Name: "kube-dns", Namespace: metav1.NamespaceSystem,
			Labels: map[string]string{
				"k8s-app": "kube-dns", "kubernetes.io/cluster-service": "true", "kubernetes.io/name": "CoreDNS",
				serviceProxyName: "minke-node-dns",
			},
		},
		Spec: corev1.ServiceSpec{
			ClusterIP: address.String(),
			Ports: []corev1.ServicePort{
				{Name: "dns", Port: 53, Protocol: corev1.ProtocolUDP, TargetPort: intOrString(53)},
				{Name: "dns-tcp", Port: 53, Protocol: corev1.ProtocolTCP, TargetPort: intOrString(53)},
			},
		},
	}
}

// NodeNetwork is as whom the network parts of every node read the API: what
// kube-proxy may, and what cluster DNS and network policies need besides.
const NodeNetwork = "system:kube-proxy"

func nodeNetworkRole() []api.Object {
	const name = "system:minke:node-network"
	meta := metav1.ObjectMeta{Name: name, Labels: map[string]string{"kubernetes.io/bootstrapping": "rbac-defaults"}}
	reading := []string{"get", "list", "watch"}
	return []api.Object{
		&rbacv1.ClusterRole{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{
			{Verbs: reading, APIGroups: []string{""}, Resources: []string{"namespaces", "pods"}},
			{Verbs: reading, APIGroups: []string{"networking.k8s.io"}, Resources: []string{"networkpolicies"}},
		}},
		&rbacv1.ClusterRoleBinding{ObjectMeta: meta,
			RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: NodeNetwork}},
		},
	}
}

// kubeletClientBinding lets the API server, as kubelets know it, use all of
// their API and nothing else.
func kubeletClientBinding() api.Object {
	return &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "system:minke:kubelet-client", Labels: map[string]string{"kubernetes.io/bootstrapping": "rbac-defaults"}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "system:kubelet-api-admin"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: kubeletClient}},
	}
}
