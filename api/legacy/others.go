package legacy

import (
	"maps"

	batchv1 "k8s.io/api/batch/v1"
	batchv1beta1 "k8s.io/api/batch/v1beta1"
	coordinationv1 "k8s.io/api/coordination/v1"
	coordinationv1beta1 "k8s.io/api/coordination/v1beta1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	discoveryv1beta1 "k8s.io/api/discovery/v1beta1"
	eventsv1beta1 "k8s.io/api/events/v1beta1"
	nodev1 "k8s.io/api/node/v1"
	nodev1beta1 "k8s.io/api/node/v1beta1"
	policyv1 "k8s.io/api/policy/v1"
	policyv1beta1 "k8s.io/api/policy/v1beta1"
	rbacv1 "k8s.io/api/rbac/v1"
	rbacv1beta1 "k8s.io/api/rbac/v1beta1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	schedulingv1beta1 "k8s.io/api/scheduling/v1beta1"
	storagev1 "k8s.io/api/storage/v1"
	storagev1beta1 "k8s.io/api/storage/v1beta1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api"
)

func cronJobs() []api.Version {
	return []api.Version{
		version[batchv1beta1.CronJob, batchv1beta1.CronJobList](
			batchv1beta1.SchemeGroupVersion.WithKind("CronJob"), api.Adjust[batchv1beta1.CronJob, batchv1.CronJob]{}),
	}
}

// selectNothing is a label that no pod may have, by which Kubernetes writes down
// that an empty selector of policy/v1beta1 selects nothing, while one of
// policy/v1 selects everything.
const selectNothing = "pdb.kubernetes.io/deprecated-v1beta1-empty-selector-match"

func budgets() []api.Version {
	return []api.Version{
		version[policyv1beta1.PodDisruptionBudget, policyv1beta1.PodDisruptionBudgetList](
			policyv1beta1.SchemeGroupVersion.WithKind("PodDisruptionBudget"), api.Adjust[policyv1beta1.PodDisruptionBudget, policyv1.PodDisruptionBudget]{
				In: func(from *policyv1beta1.PodDisruptionBudget, to *policyv1.PodDisruptionBudget) {
					if s := from.Spec.Selector; s != nil && len(s.MatchLabels)+len(s.MatchExpressions) == 0 {
						to.Spec.Selector.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: selectNothing, Operator: metav1.LabelSelectorOpExists}}
					}
				},
				Out: func(from *policyv1.PodDisruptionBudget, to *policyv1beta1.PodDisruptionBudget) {
					s := from.Spec.Selector
					if s != nil && len(s.MatchLabels) == 0 && len(s.MatchExpressions) == 1 && s.MatchExpressions[0].Key == selectNothing {
						to.Spec.Selector = &metav1.LabelSelector{}
					}
				},
			}),
	}
}

func endpointSlices() []api.Version {
	return []api.Version{
		version[discoveryv1beta1.EndpointSlice, discoveryv1beta1.EndpointSliceList](
			discoveryv1beta1.SchemeGroupVersion.WithKind("EndpointSlice"), api.Adjust[discoveryv1beta1.EndpointSlice, discoveryv1.EndpointSlice]{
				In:  importTopology,
				Out: exportTopology,
			}),
	}
}

// importTopology takes the node and the zone, which have fields of their own
// now, out of the topology labels.
func importTopology(from *discoveryv1beta1.EndpointSlice, to *discoveryv1.EndpointSlice) {
	for i := range from.Endpoints {
		e := &to.Endpoints[i]
		rest := maps.Clone(from.Endpoints[i].Topology)
		if node, ok := rest[corev1.LabelHostname]; ok && e.NodeName == nil {
			e.NodeName = &node
		}
		if zone, ok := rest[corev1.LabelTopologyZone]; ok {
			e.Zone = &zone
		}
		delete(rest, corev1.LabelHostname)
		delete(rest, corev1.LabelTopologyZone)
		if len(rest) > 0 {
			e.DeprecatedTopology = rest
		}
	}
}

func exportTopology(from *discoveryv1.EndpointSlice, to *discoveryv1beta1.EndpointSlice) {
	for i := range from.Endpoints {
		e := &from.Endpoints[i]
		topology := maps.Clone(e.DeprecatedTopology)
		if topology == nil {
			topology = map[string]string{}
		}
		if e.NodeName != nil {
			topology[corev1.LabelHostname] = *e.NodeName
		}
		if e.Zone != nil {
			topology[corev1.LabelTopologyZone] = *e.Zone
		}
		if len(topology) > 0 {
			to.Endpoints[i].Topology = topology
		}
	}
}

func events() []api.Version {
	return []api.Version{
		version[eventsv1beta1.Event, eventsv1beta1.EventList](
			eventsv1beta1.SchemeGroupVersion.WithKind("Event"), api.Adjust[eventsv1beta1.Event, corev1.Event]{
				In: func(from *eventsv1beta1.Event, to *corev1.Event) {
					to.InvolvedObject, to.Message, to.Source = from.Regarding, from.Note, from.DeprecatedSource
					to.FirstTimestamp, to.LastTimestamp, to.Count = from.DeprecatedFirstTimestamp, from.DeprecatedLastTimestamp, from.DeprecatedCount
					to.ReportingController = from.ReportingController
				},
				Out: func(from *corev1.Event, to *eventsv1beta1.Event) {
					to.Regarding, to.Note, to.DeprecatedSource = from.InvolvedObject, from.Message, from.Source
					to.DeprecatedFirstTimestamp, to.DeprecatedLastTimestamp, to.DeprecatedCount = from.FirstTimestamp, from.LastTimestamp, from.Count
					to.ReportingController = from.ReportingController
				},
			}),
	}
}

func rbac(r *api.Resource) []api.Version {
	gv := rbacv1beta1.SchemeGroupVersion
	switch r.GroupResource().String() {
	case "roles.rbac.authorization.k8s.io":
		return []api.Version{version[rbacv1beta1.Role, rbacv1beta1.RoleList](gv.WithKind("Role"), api.Adjust[rbacv1beta1.Role, rbacv1.Role]{})}
	case "rolebindings.rbac.authorization.k8s.io":
		return []api.Version{version[rbacv1beta1.RoleBinding, rbacv1beta1.RoleBindingList](gv.WithKind("RoleBinding"), api.Adjust[rbacv1beta1.RoleBinding, rbacv1.RoleBinding]{})}
	case "clusterroles.rbac.authorization.k8s.io":
		return []api.Version{version[rbacv1beta1.ClusterRole, rbacv1beta1.ClusterRoleList](gv.WithKind("ClusterRole"), api.Adjust[rbacv1beta1.ClusterRole, rbacv1.ClusterRole]{})}
	case "clusterrolebindings.rbac.authorization.k8s.io":
		return []api.Version{version[rbacv1beta1.ClusterRoleBinding, rbacv1beta1.ClusterRoleBindingList](gv.WithKind("ClusterRoleBinding"), api.Adjust[rbacv1beta1.ClusterRoleBinding, rbacv1.ClusterRoleBinding]{})}
	}
	return nil
}

// sameShape are the old versions that differ from the stored one by name alone.
func sameShape(r *api.Resource) []api.Version {
	switch r.GroupResource().String() {
	case "leases.coordination.k8s.io":
		return []api.Version{version[coordinationv1beta1.Lease, coordinationv1beta1.LeaseList](
			coordinationv1beta1.SchemeGroupVersion.WithKind("Lease"), api.Adjust[coordinationv1beta1.Lease, coordinationv1.Lease]{})}
	case "runtimeclasses.node.k8s.io":
		return []api.Version{version[nodev1beta1.RuntimeClass, nodev1beta1.RuntimeClassList](
			nodev1beta1.SchemeGroupVersion.WithKind("RuntimeClass"), api.Adjust[nodev1beta1.RuntimeClass, nodev1.RuntimeClass]{})}
	case "priorityclasses.scheduling.k8s.io":
		return []api.Version{version[schedulingv1beta1.PriorityClass, schedulingv1beta1.PriorityClassList](
			schedulingv1beta1.SchemeGroupVersion.WithKind("PriorityClass"), api.Adjust[schedulingv1beta1.PriorityClass, schedulingv1.PriorityClass]{})}
	case "storageclasses.storage.k8s.io":
		return []api.Version{version[storagev1beta1.StorageClass, storagev1beta1.StorageClassList](
			storagev1beta1.SchemeGroupVersion.WithKind("StorageClass"), api.Adjust[storagev1beta1.StorageClass, storagev1.StorageClass]{})}
	case "volumeattachments.storage.k8s.io":
		return []api.Version{version[storagev1beta1.VolumeAttachment, storagev1beta1.VolumeAttachmentList](
			storagev1beta1.SchemeGroupVersion.WithKind("VolumeAttachment"), api.Adjust[storagev1beta1.VolumeAttachment, storagev1.VolumeAttachment]{})}
	case "csinodes.storage.k8s.io":
		return []api.Version{version[storagev1beta1.CSINode, storagev1beta1.CSINodeList](
			storagev1beta1.SchemeGroupVersion.WithKind("CSINode"), api.Adjust[storagev1beta1.CSINode, storagev1.CSINode]{})}
	case "csidrivers.storage.k8s.io":
		return []api.Version{version[storagev1beta1.CSIDriver, storagev1beta1.CSIDriverList](
			storagev1beta1.SchemeGroupVersion.WithKind("CSIDriver"), api.Adjust[storagev1beta1.CSIDriver, storagev1.CSIDriver]{})}
	case "csistoragecapacities.storage.k8s.io":
		return []api.Version{version[storagev1beta1.CSIStorageCapacity, storagev1beta1.CSIStorageCapacityList](
			storagev1beta1.SchemeGroupVersion.WithKind("CSIStorageCapacity"), api.Adjust[storagev1beta1.CSIStorageCapacity, storagev1.CSIStorageCapacity]{})}
	}
	return nil
}
