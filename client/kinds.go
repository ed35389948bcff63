package client

import (
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	nodev1 "k8s.io/api/node/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// The kinds that Minke's own parts use.
var (
	Pods                   = Kind[*corev1.Pod]{Resource: schema.GroupVersionResource{Group: "", Version: "v1", Resource: "pods"}, Kind: "Pod", New: func() *corev1.Pod { return new(corev1.Pod) }, NewList: func() runtime.Object { return new(corev1.PodList) }}
	Nodes                  = Kind[*corev1.Node]{Resource: schema.GroupVersionResource{Group: "", Version: "v1", Resource: "nodes"}, Kind: "Node", New: func() *corev1.Node { return new(corev1.Node) }, NewList: func() runtime.Object { return new(corev1.NodeList) }, Cluster: true}
	Namespaces             = Kind[*corev1.Namespace]{Resource: schema.GroupVersionResource{Group: "", Version: "v1", Resource: "namespaces"}, Kind: "Namespace", New: func() *corev1.Namespace { return new(corev1.Namespace) }, NewList: func() runtime.Object { return new(corev1.NamespaceList) }, Cluster: true}
	Services               = Kind[*corev1.Service]{Resource: schema.GroupVersionResource{Group: "", Version: "v1", Resource: "services"}, Kind: "Service", New: func() *corev1.Service { return new(corev1.Service) }, NewList: func() runtime.Object { return new(corev1.ServiceList) }}
	Endpoints              = Kind[*corev1.Endpoints]{Resource: schema.GroupVersionResource{Group: "", Version: "v1", Resource: "endpoints"}, Kind: "Endpoints", New: func() *corev1.Endpoints { return new(corev1.Endpoints) }, NewList: func() runtime.Object { return new(corev1.EndpointsList) }}
	ConfigMaps             = Kind[*corev1.ConfigMap]{Resource: schema.GroupVersionResource{Group: "", Version: "v1", Resource: "configmaps"}, Kind: "ConfigMap", New: func() *corev1.ConfigMap { return new(corev1.ConfigMap) }, NewList: func() runtime.Object { return new(corev1.ConfigMapList) }}
	Secrets                = Kind[*corev1.Secret]{Resource: schema.GroupVersionResource{Group: "", Version: "v1", Resource: "secrets"}, Kind: "Secret", New: func() *corev1.Secret { return new(corev1.Secret) }, NewList: func() runtime.Object { return new(corev1.SecretList) }}
	ServiceAccounts        = Kind[*corev1.ServiceAccount]{Resource: schema.GroupVersionResource{Group: "", Version: "v1", Resource: "serviceaccounts"}, Kind: "ServiceAccount", New: func() *corev1.ServiceAccount { return new(corev1.ServiceAccount) }, NewList: func() runtime.Object { return new(corev1.ServiceAccountList) }}
	ReplicationControllers = Kind[*corev1.ReplicationController]{Resource: schema.GroupVersionResource{Group: "", Version: "v1", Resource: "replicationcontrollers"}, Kind: "ReplicationController", New: func() *corev1.ReplicationController { return new(corev1.ReplicationController) }, NewList: func() runtime.Object { return new(corev1.ReplicationControllerList) }}
	PersistentVolumes      = Kind[*corev1.PersistentVolume]{Resource: schema.GroupVersionResource{Group: "", Version: "v1", Resource: "persistentvolumes"}, Kind: "PersistentVolume", New: func() *corev1.PersistentVolume { return new(corev1.PersistentVolume) }, NewList: func() runtime.Object { return new(corev1.PersistentVolumeList) }, Cluster: true}
	PersistentVolumeClaims = Kind[*corev1.PersistentVolumeClaim]{Resource: schema.GroupVersionResource{Group: "", Version: "v1", Resource: "persistentvolumeclaims"}, Kind: "PersistentVolumeClaim", New: func() *corev1.PersistentVolumeClaim { return new(corev1.PersistentVolumeClaim) }, NewList: func() runtime.Object { return new(corev1.PersistentVolumeClaimList) }}
	Events                 = Kind[*corev1.Event]{Resource: schema.GroupVersionResource{Group: "", Version: "v1", Resource: "events"}, Kind: "Event", New: func() *corev1.Event { return new(corev1.Event) }, NewList: func() runtime.Object { return new(corev1.EventList) }}
	LimitRanges            = Kind[*corev1.LimitRange]{Resource: schema.GroupVersionResource{Group: "", Version: "v1", Resource: "limitranges"}, Kind: "LimitRange", New: func() *corev1.LimitRange { return new(corev1.LimitRange) }, NewList: func() runtime.Object { return new(corev1.LimitRangeList) }}
	ResourceQuotas         = Kind[*corev1.ResourceQuota]{Resource: schema.GroupVersionResource{Group: "", Version: "v1", Resource: "resourcequotas"}, Kind: "ResourceQuota", New: func() *corev1.ResourceQuota { return new(corev1.ResourceQuota) }, NewList: func() runtime.Object { return new(corev1.ResourceQuotaList) }}
	PodTemplates           = Kind[*corev1.PodTemplate]{Resource: schema.GroupVersionResource{Group: "", Version: "v1", Resource: "podtemplates"}, Kind: "PodTemplate", New: func() *corev1.PodTemplate { return new(corev1.PodTemplate) }, NewList: func() runtime.Object { return new(corev1.PodTemplateList) }}

	Deployments         = Kind[*appsv1.Deployment]{Resource: schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}, Kind: "Deployment", New: func() *appsv1.Deployment { return new(appsv1.Deployment) }, NewList: func() runtime.Object { return new(appsv1.DeploymentList) }}
	ReplicaSets         = Kind[*appsv1.ReplicaSet]{Resource: schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "replicasets"}, Kind: "ReplicaSet", New: func() *appsv1.ReplicaSet { return new(appsv1.ReplicaSet) }, NewList: func() runtime.Object { return new(appsv1.ReplicaSetList) }}
	StatefulSets        = Kind[*appsv1.StatefulSet]{Resource: schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "statefulsets"}, Kind: "StatefulSet", New: func() *appsv1.StatefulSet { return new(appsv1.StatefulSet) }, NewList: func() runtime.Object { return new(appsv1.StatefulSetList) }}
	DaemonSets          = Kind[*appsv1.DaemonSet]{Resource: schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "daemonsets"}, Kind: "DaemonSet", New: func() *appsv1.DaemonSet { return new(appsv1.DaemonSet) }, NewList: func() runtime.Object { return new(appsv1.DaemonSetList) }}
	ControllerRevisions = Kind[*appsv1.ControllerRevision]{Resource: schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "controllerrevisions"}, Kind: "ControllerRevision", New: func() *appsv1.ControllerRevision { return new(appsv1.ControllerRevision) }, NewList: func() runtime.Object { return new(appsv1.ControllerRevisionList) }}

	Jobs     = Kind[*batchv1.Job]{Resource: schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "jobs"}, Kind: "Job", New: func() *batchv1.Job { return new(batchv1.Job) }, NewList: func() runtime.Object { return new(batchv1.JobList) }}
	CronJobs = Kind[*batchv1.CronJob]{Resource: schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "cronjobs"}, Kind: "CronJob", New: func() *batchv1.CronJob { return new(batchv1.CronJob) }, NewList: func() runtime.Object { return new(batchv1.CronJobList) }}

	EndpointSlices = Kind[*discoveryv1.EndpointSlice]{Resource: schema.GroupVersionResource{Group: "discovery.k8s.io", Version: "v1", Resource: "endpointslices"}, Kind: "EndpointSlice", New: func() *discoveryv1.EndpointSlice { return new(discoveryv1.EndpointSlice) }, NewList: func() runtime.Object { return new(discoveryv1.EndpointSliceList) }}

	ClusterTrustBundles    = Kind[*certificatesv1.ClusterTrustBundle]{Resource: certificatesv1.SchemeGroupVersion.WithResource("clustertrustbundles"), Kind: "ClusterTrustBundle", New: func() *certificatesv1.ClusterTrustBundle { return new(certificatesv1.ClusterTrustBundle) }, NewList: func() runtime.Object { return new(certificatesv1.ClusterTrustBundleList) }, Cluster: true}
	PodCertificateRequests = Kind[*certificatesv1.PodCertificateRequest]{Resource: certificatesv1.SchemeGroupVersion.WithResource("podcertificaterequests"), Kind: "PodCertificateRequest", New: func() *certificatesv1.PodCertificateRequest { return new(certificatesv1.PodCertificateRequest) }, NewList: func() runtime.Object { return new(certificatesv1.PodCertificateRequestList) }}

	Leases = Kind[*coordinationv1.Lease]{Resource: schema.GroupVersionResource{Group: "coordination.k8s.io", Version: "v1", Resource: "leases"}, Kind: "Lease", New: func() *coordinationv1.Lease { return new(coordinationv1.Lease) }, NewList: func() runtime.Object { return new(coordinationv1.LeaseList) }}

	NetworkPolicies = Kind[*networkingv1.NetworkPolicy]{Resource: schema.GroupVersionResource{Group: "networking.k8s.io", Version: "v1", Resource: "networkpolicies"}, Kind: "NetworkPolicy", New: func() *networkingv1.NetworkPolicy { return new(networkingv1.NetworkPolicy) }, NewList: func() runtime.Object { return new(networkingv1.NetworkPolicyList) }}
	Ingresses       = Kind[*networkingv1.Ingress]{Resource: schema.GroupVersionResource{Group: "networking.k8s.io", Version: "v1", Resource: "ingresses"}, Kind: "Ingress", New: func() *networkingv1.Ingress { return new(networkingv1.Ingress) }, NewList: func() runtime.Object { return new(networkingv1.IngressList) }}
	IngressClasses  = Kind[*networkingv1.IngressClass]{Resource: schema.GroupVersionResource{Group: "networking.k8s.io", Version: "v1", Resource: "ingressclasses"}, Kind: "IngressClass", New: func() *networkingv1.IngressClass { return new(networkingv1.IngressClass) }, NewList: func() runtime.Object { return new(networkingv1.IngressClassList) }, Cluster: true}
	ServiceCIDRs    = Kind[*networkingv1.ServiceCIDR]{Resource: schema.GroupVersionResource{Group: "networking.k8s.io", Version: "v1", Resource: "servicecidrs"}, Kind: "ServiceCIDR", New: func() *networkingv1.ServiceCIDR { return new(networkingv1.ServiceCIDR) }, NewList: func() runtime.Object { return new(networkingv1.ServiceCIDRList) }, Cluster: true}
	IPAddresses     = Kind[*networkingv1.IPAddress]{Resource: schema.GroupVersionResource{Group: "networking.k8s.io", Version: "v1", Resource: "ipaddresses"}, Kind: "IPAddress", New: func() *networkingv1.IPAddress { return new(networkingv1.IPAddress) }, NewList: func() runtime.Object { return new(networkingv1.IPAddressList) }, Cluster: true}

	PriorityClasses = Kind[*schedulingv1.PriorityClass]{Resource: schema.GroupVersionResource{Group: "scheduling.k8s.io", Version: "v1", Resource: "priorityclasses"}, Kind: "PriorityClass", New: func() *schedulingv1.PriorityClass { return new(schedulingv1.PriorityClass) }, NewList: func() runtime.Object { return new(schedulingv1.PriorityClassList) }, Cluster: true}

	PodDisruptionBudgets = Kind[*policyv1.PodDisruptionBudget]{Resource: schema.GroupVersionResource{Group: "policy", Version: "v1", Resource: "poddisruptionbudgets"}, Kind: "PodDisruptionBudget", New: func() *policyv1.PodDisruptionBudget { return new(policyv1.PodDisruptionBudget) }, NewList: func() runtime.Object { return new(policyv1.PodDisruptionBudgetList) }}

	Roles               = Kind[*rbacv1.Role]{Resource: schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "roles"}, Kind: "Role", New: func() *rbacv1.Role { return new(rbacv1.Role) }, NewList: func() runtime.Object { return new(rbacv1.RoleList) }}
	RoleBindings        = Kind[*rbacv1.RoleBinding]{Resource: schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "rolebindings"}, Kind: "RoleBinding", New: func() *rbacv1.RoleBinding { return new(rbacv1.RoleBinding) }, NewList: func() runtime.Object { return new(rbacv1.RoleBindingList) }}
	ClusterRoles        = Kind[*rbacv1.ClusterRole]{Resource: schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterroles"}, Kind: "ClusterRole", New: func() *rbacv1.ClusterRole { return new(rbacv1.ClusterRole) }, NewList: func() runtime.Object { return new(rbacv1.ClusterRoleList) }, Cluster: true}
	ClusterRoleBindings = Kind[*rbacv1.ClusterRoleBinding]{Resource: schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterrolebindings"}, Kind: "ClusterRoleBinding", New: func() *rbacv1.ClusterRoleBinding { return new(rbacv1.ClusterRoleBinding) }, NewList: func() runtime.Object { return new(rbacv1.ClusterRoleBindingList) }, Cluster: true}

	StorageClasses    = Kind[*storagev1.StorageClass]{Resource: schema.GroupVersionResource{Group: "storage.k8s.io", Version: "v1", Resource: "storageclasses"}, Kind: "StorageClass", New: func() *storagev1.StorageClass { return new(storagev1.StorageClass) }, NewList: func() runtime.Object { return new(storagev1.StorageClassList) }, Cluster: true}
	CSIDrivers        = Kind[*storagev1.CSIDriver]{Resource: schema.GroupVersionResource{Group: "storage.k8s.io", Version: "v1", Resource: "csidrivers"}, Kind: "CSIDriver", New: func() *storagev1.CSIDriver { return new(storagev1.CSIDriver) }, NewList: func() runtime.Object { return new(storagev1.CSIDriverList) }, Cluster: true}
	CSINodes          = Kind[*storagev1.CSINode]{Resource: schema.GroupVersionResource{Group: "storage.k8s.io", Version: "v1", Resource: "csinodes"}, Kind: "CSINode", New: func() *storagev1.CSINode { return new(storagev1.CSINode) }, NewList: func() runtime.Object { return new(storagev1.CSINodeList) }, Cluster: true}
	VolumeAttachments = Kind[*storagev1.VolumeAttachment]{Resource: schema.GroupVersionResource{Group: "storage.k8s.io", Version: "v1", Resource: "volumeattachments"}, Kind: "VolumeAttachment", New: func() *storagev1.VolumeAttachment { return new(storagev1.VolumeAttachment) }, NewList: func() runtime.Object { return new(storagev1.VolumeAttachmentList) }, Cluster: true}

	VolumeAttributesClasses = Kind[*storagev1.VolumeAttributesClass]{Resource: schema.GroupVersionResource{Group: "storage.k8s.io", Version: "v1", Resource: "volumeattributesclasses"}, Kind: "VolumeAttributesClass", New: func() *storagev1.VolumeAttributesClass { return new(storagev1.VolumeAttributesClass) }, NewList: func() runtime.Object { return new(storagev1.VolumeAttributesClassList) }, Cluster: true}

	RuntimeClasses = Kind[*nodev1.RuntimeClass]{Resource: schema.GroupVersionResource{Group: "node.k8s.io", Version: "v1", Resource: "runtimeclasses"}, Kind: "RuntimeClass", New: func() *nodev1.RuntimeClass { return new(nodev1.RuntimeClass) }, NewList: func() runtime.Object { return new(nodev1.RuntimeClassList) }, Cluster: true}
)
