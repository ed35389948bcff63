package client

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// APIResource is what a server offers under one name.
type APIResource struct {
	Resource schema.GroupVersionResource
	Kind     string
	// Cluster tells that it has no namespace.
	Cluster bool
	// Bulky tells that the server keeps no objects, only their bytes: whoever
	// holds an object holds memory that nobody shares.
	Bulky bool
	// Elsewhere tells that another API server holds it, behind this one: it is read
	// by requests, and its server may not answer. Unwatched tells that it cannot be
	// watched.
	Elsewhere, Unwatched bool
}

// GetAny reads one object of any resource.
func GetAny(ctx context.Context, api Interface, resource schema.GroupVersionResource, namespace, name string) (Object, error) {
	answer, err := api.Do(ctx, Request{Verb: "get", Resource: resource, Namespace: namespace, Name: name})
	if err != nil {
		return nil, err
	}
	obj, ok := answer.(Object)
	if !ok {
		return nil, fmt.Errorf("get %s %s: a %T is no object", resource.Resource, Key{namespace, name}, answer)
	}
	return obj, nil
}

// ListAny returns all objects of any resource and the revision of the list. In
// process it copies nothing.
func ListAny(ctx context.Context, api Interface, resource schema.GroupVersionResource, namespace string, options metav1.ListOptions) ([]Object, string, error) {
	if source, ok := api.(Source); ok {
		return snapshot(source, resource, namespace, options)
	}
	answer, err := api.Do(ctx, Request{Verb: "list", Resource: resource, Namespace: namespace, List: options})
	if err != nil {
		return nil, "", err
	}
	list, err := meta.ListAccessor(answer)
	if err != nil {
		return nil, "", fmt.Errorf("list %s: %w", resource.Resource, err)
	}
	var objs []Object
	// With an allocation for each, one object that is kept does not keep the
	// whole list in memory.
	err = meta.EachListItemWithAlloc(answer, func(o runtime.Object) error {
		obj, ok := o.(Object)
		if !ok {
			return fmt.Errorf("list %s: a %T is no object", resource.Resource, o)
		}
		objs = append(objs, obj)
		return nil
	})
	return objs, list.GetResourceVersion(), err
}

func snapshot(source Source, resource schema.GroupVersionResource, namespace string, options metav1.ListOptions) ([]Object, string, error) {
	selected, err := parseSelection(options.LabelSelector, options.FieldSelector)
	if err != nil {
		return nil, "", err
	}
	all, revision, err := source.Snapshot(resource, namespace)
	if err != nil {
		return nil, "", fmt.Errorf("snapshot %s: %w", resource.Resource, err)
	}
	var objs []Object
	for obj := range all {
		if selected.everything() || selected.matches(obj) {
			objs = append(objs, obj.(Object))
		}
	}
	return objs, revision, nil
}

func resourceOf[T Object](k Kind[T]) APIResource {
	return APIResource{Resource: k.Resource, Kind: k.Kind, Cluster: k.Cluster}
}

// BuiltIn lists the resources of Minke's own kinds.
func BuiltIn() []APIResource {
	return []APIResource{
		resourceOf(Pods), resourceOf(Nodes), resourceOf(Namespaces), resourceOf(Services), resourceOf(Endpoints),
		resourceOf(ConfigMaps), resourceOf(Secrets), resourceOf(ServiceAccounts), resourceOf(ReplicationControllers),
		resourceOf(PersistentVolumes), resourceOf(PersistentVolumeClaims), resourceOf(Events), resourceOf(LimitRanges),
		resourceOf(ResourceQuotas), resourceOf(PodTemplates),
		resourceOf(Deployments), resourceOf(ReplicaSets), resourceOf(StatefulSets), resourceOf(DaemonSets), resourceOf(ControllerRevisions),
		resourceOf(Jobs), resourceOf(CronJobs), resourceOf(EndpointSlices), resourceOf(Leases),
		resourceOf(NetworkPolicies), resourceOf(Ingresses), resourceOf(IngressClasses), resourceOf(ServiceCIDRs), resourceOf(IPAddresses),
		resourceOf(PriorityClasses),
		resourceOf(PodDisruptionBudgets), resourceOf(Roles), resourceOf(RoleBindings), resourceOf(ClusterRoles), resourceOf(ClusterRoleBindings),
		resourceOf(StorageClasses), resourceOf(CSIDrivers), resourceOf(CSINodes), resourceOf(VolumeAttachments),
		resourceOf(VolumeAttributesClasses), resourceOf(RuntimeClasses),
	}
}
