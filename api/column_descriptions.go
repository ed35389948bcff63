package api

import (
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	certificatesv1beta1 "k8s.io/api/certificates/v1beta1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1alpha1 "k8s.io/api/rbac/v1alpha1"
	resourcev1 "k8s.io/api/resource/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// columnDescriptions are what tables say of their columns, by resource and group and by
// column: most of them what the API says of the field that is shown.
var columnDescriptions = sync.OnceValue(func() map[string]map[string]string {
	return map[string]map[string]string{
		"certificatesigningrequests.certificates.k8s.io": {
			"Condition":         certificatesv1beta1.CertificateSigningRequestStatus{}.SwaggerDoc()["conditions"],
			"RequestedDuration": certificatesv1.CertificateSigningRequestSpec{}.SwaggerDoc()["expirationSeconds"],
			"Requestor":         certificatesv1beta1.CertificateSigningRequestSpec{}.SwaggerDoc()["request"],
			"SignerName":        certificatesv1beta1.CertificateSigningRequestSpec{}.SwaggerDoc()["signerName"],
		},
		"clusterrolebindings.rbac.authorization.k8s.io": {
			"Groups":          "Groups in the clusterRoleBinding",
			"Role":            rbacv1alpha1.ClusterRoleBinding{}.SwaggerDoc()["roleRef"],
			"ServiceAccounts": "ServiceAccounts in the clusterRoleBinding",
			"Users":           "Users in the clusterRoleBinding",
		},
		"clustertrustbundles.certificates.k8s.io": {
			"SignerName": certificatesv1.ClusterTrustBundleSpec{}.SwaggerDoc()["signerName"],
		},
		"componentstatuses": {
			"Error":   "Error of the component conditions",
			"Message": "Message of the component conditions",
			"Status":  "Status of the component conditions",
		},
		"configmaps": {
			"Data": corev1.ConfigMap{}.SwaggerDoc()["data"],
		},
		"controllerrevisions.apps": {
			"Controller": "Controller of the object",
			"Revision":   appsv1.ControllerRevision{}.SwaggerDoc()["revision"],
		},
		"cronjobs.batch": {
			"Active":        batchv1.CronJobStatus{}.SwaggerDoc()["active"],
			"Containers":    "Names of each container in the template.",
			"Images":        "Images referenced by each container in the template.",
			"Last Schedule": batchv1.CronJobStatus{}.SwaggerDoc()["lastScheduleTime"],
			"Schedule":      batchv1.CronJobSpec{}.SwaggerDoc()["schedule"],
			"Selector":      batchv1.JobSpec{}.SwaggerDoc()["selector"],
			"Suspend":       batchv1.CronJobSpec{}.SwaggerDoc()["suspend"],
			"Timezone":      batchv1.CronJobSpec{}.SwaggerDoc()["timeZone"],
		},
		"csidrivers.storage.k8s.io": {
			"AttachRequired":    storagev1.CSIDriverSpec{}.SwaggerDoc()["attachRequired"],
			"Modes":             storagev1.CSIDriverSpec{}.SwaggerDoc()["volumeLifecycleModes"],
			"PodInfoOnMount":    storagev1.CSIDriverSpec{}.SwaggerDoc()["podInfoOnMount"],
			"RequiresRepublish": storagev1.CSIDriverSpec{}.SwaggerDoc()["requiresRepublish"],
			"StorageCapacity":   storagev1.CSIDriverSpec{}.SwaggerDoc()["storageCapacity"],
			"TokenRequests":     storagev1.CSIDriverSpec{}.SwaggerDoc()["tokenRequests"],
		},
		"csinodes.storage.k8s.io": {
			"Drivers": "Drivers indicates the number of CSI drivers registered on the node",
		},
		"daemonsets.apps": {
			"Available":     appsv1.DaemonSetStatus{}.SwaggerDoc()["numberAvailable"],
			"Containers":    "Names of each container in the template.",
			"Current":       appsv1.DaemonSetStatus{}.SwaggerDoc()["currentNumberScheduled"],
			"Desired":       appsv1.DaemonSetStatus{}.SwaggerDoc()["desiredNumberScheduled"],
			"Images":        "Images referenced by each container in the template.",
			"Node Selector": "NodeSelector is a selector which must be true for the pod to fit on a node. Selector which must match a node's labels for the pod to be scheduled on that node. More info: https://kubernetes.io/docs/concepts/configuration/assign-pod-node/",
			"Ready":         appsv1.DaemonSetStatus{}.SwaggerDoc()["numberReady"],
			"Selector":      appsv1.DaemonSetSpec{}.SwaggerDoc()["selector"],
			"Up-to-date":    appsv1.DaemonSetStatus{}.SwaggerDoc()["updatedNumberScheduled"],
		},
		"deployments.apps": {
			"Available":  appsv1.DeploymentStatus{}.SwaggerDoc()["availableReplicas"],
			"Containers": "Names of each container in the template.",
			"Images":     "Images referenced by each container in the template.",
			"Ready":      "Number of the pod with ready state",
			"Selector":   appsv1.DeploymentSpec{}.SwaggerDoc()["selector"],
			"Up-to-date": appsv1.DeploymentStatus{}.SwaggerDoc()["updatedReplicas"],
		},
		"devicetaintrules.resource.k8s.io": {
			"Effect":    resourcev1.DeviceTaint{}.SwaggerDoc()["effect"],
			"Key":       resourcev1.DeviceTaint{}.SwaggerDoc()["key"],
			"TimeAdded": resourcev1.DeviceTaint{}.SwaggerDoc()["timeAdded"],
			"Value":     resourcev1.DeviceTaint{}.SwaggerDoc()["value"],
		},
		"endpoints": {
			"Endpoints": corev1.Endpoints{}.SwaggerDoc()["subsets"],
		},
		"endpointslices.discovery.k8s.io": {
			"AddressType": discoveryv1.EndpointSlice{}.SwaggerDoc()["addressType"],
			"Endpoints":   discoveryv1.EndpointSlice{}.SwaggerDoc()["endpoints"],
			"Ports":       discoveryv1.EndpointSlice{}.SwaggerDoc()["ports"],
		},
		"events": {
			"Count":      corev1.Event{}.SwaggerDoc()["count"],
			"First Seen": corev1.Event{}.SwaggerDoc()["firstTimestamp"],
			"Last Seen":  corev1.Event{}.SwaggerDoc()["lastTimestamp"],
			"Message":    corev1.Event{}.SwaggerDoc()["message"],
			"Name":       metav1.ObjectMeta{}.SwaggerDoc()["name"],
			"Object":     corev1.Event{}.SwaggerDoc()["involvedObject"],
			"Reason":     corev1.Event{}.SwaggerDoc()["reason"],
			"Source":     corev1.Event{}.SwaggerDoc()["source"],
			"Subobject":  corev1.ObjectReference{}.SwaggerDoc()["fieldPath"],
			"Type":       corev1.Event{}.SwaggerDoc()["type"],
		},
		"events.events.k8s.io": {
			"Count":      "The number of times this event has occurred.",
			"First Seen": "The time at which the event was first recorded. (Time of server receipt is in TypeMeta.)",
			"Last Seen":  "The time at which the most recent occurrence of this event was recorded.",
			"Message":    metav1.Status{}.SwaggerDoc()["message"],
			"Name":       metav1.ObjectMeta{}.SwaggerDoc()["name"],
			"Object":     "The object that this event is about.",
			"Reason":     "This should be a short, machine understandable string that gives the reason for the transition into the object's current status.",
			"Source":     "The component reporting this event. Should be a short machine understandable string.",
			"Subobject":  "If referring to a piece of an object instead of an entire object, this string should contain a valid JSON/Go field access statement, such as desiredState.manifest.containers[2]. For example, if the object reference is to a container within a pod, this would take on a value like: \"spec.containers{name}\" (where \"name\" refers to the name of the container that triggered the event) or if no container name is specified \"spec.containers[2]\" (container with index 2 in this pod). This syntax is chosen only to have some well-defined way of referencing a part of an object.",
			"Type":       "Type of this event (Normal, Warning), new types could be added in the future",
		},
		"flowschemas.flowcontrol.apiserver.k8s.io": {
			"DistinguisherMethod": flowcontrolv1.FlowSchemaSpec{}.SwaggerDoc()["distinguisherMethod"],
			"MatchingPrecedence":  flowcontrolv1.FlowSchemaSpec{}.SwaggerDoc()["matchingPrecedence"],
			"MissingPL":           "references a broken or non-existent PriorityLevelConfiguration",
			"PriorityLevel":       flowcontrolv1.PriorityLevelConfigurationReference{}.SwaggerDoc()["name"],
		},
		"horizontalpodautoscalers.autoscaling": {
			"MaxPods":   autoscalingv2.HorizontalPodAutoscalerSpec{}.SwaggerDoc()["maxReplicas"],
			"MinPods":   autoscalingv1.HorizontalPodAutoscalerSpec{}.SwaggerDoc()["minReplicas"],
			"Reference": autoscalingv2.HorizontalPodAutoscalerSpec{}.SwaggerDoc()["scaleTargetRef"],
			"Replicas":  autoscalingv2.HorizontalPodAutoscalerStatus{}.SwaggerDoc()["currentReplicas"],
			"Targets":   autoscalingv2.HorizontalPodAutoscalerSpec{}.SwaggerDoc()["metrics"],
		},
		"ingressclasses.networking.k8s.io": {
			"Controller": "Controller that is responsible for handling this class",
			"Parameters": "A reference to a resource with additional parameters",
		},
		"ingresses.networking.k8s.io": {
			"Address": "Address is a list containing ingress points for the load-balancer",
			"Class":   "The name of the IngressClass resource that should be used for additional configuration",
			"Hosts":   "Hosts that incoming requests are matched against before the ingress rule",
			"Ports":   "Ports of TLS configurations that open",
		},
		"ipaddresses.networking.k8s.io": {
			"ParentRef": networkingv1.IPAddressSpec{}.SwaggerDoc()["parentRef"],
		},
		"jobs.batch": {
			"Completions": batchv1.JobStatus{}.SwaggerDoc()["succeeded"],
			"Containers":  "Names of each container in the template.",
			"Duration":    "Time required to complete the job.",
			"Images":      "Images referenced by each container in the template.",
			"Selector":    batchv1.JobSpec{}.SwaggerDoc()["selector"],
			"Status":      "Status of the job.",
		},
		"leases.coordination.k8s.io": {
			"Holder": coordinationv1.LeaseSpec{}.SwaggerDoc()["holderIdentity"],
		},
		"mutatingadmissionpolicies.admissionregistration.k8s.io": {
			"Mutations": "Mutation indicates the number of mutations rules defined in this configuration",
			"ParamKind": "ParamKind specifies the kind of resources used to parameterize this policy",
		},
		"mutatingadmissionpolicybindings.admissionregistration.k8s.io": {
			"ParamRef":   "ParamRef indicates the param resource which sets the configuration param",
			"PolicyName": "PolicyName indicates the policy definition which the policy binding binded to",
		},
		"mutatingwebhookconfigurations.admissionregistration.k8s.io": {
			"Webhooks": "Webhooks indicates the number of webhooks registered in this configuration",
		},
		"namespaces": {
			"Status": "The status of the namespace",
		},
		"networkpolicies.networking.k8s.io": {
			"Pod-Selector": networkingv1.NetworkPolicySpec{}.SwaggerDoc()["podSelector"],
		},
		"nodes": {
			"Container-Runtime": corev1.NodeSystemInfo{}.SwaggerDoc()["containerRuntimeVersion"],
			"External-IP":       corev1.NodeStatus{}.SwaggerDoc()["addresses"],
			"Internal-IP":       corev1.NodeStatus{}.SwaggerDoc()["addresses"],
			"Kernel-Version":    corev1.NodeSystemInfo{}.SwaggerDoc()["kernelVersion"],
			"OS-Image":          corev1.NodeSystemInfo{}.SwaggerDoc()["osImage"],
			"Roles":             "The roles of the node",
			"Status":            "The status of the node",
			"Version":           corev1.NodeSystemInfo{}.SwaggerDoc()["kubeletVersion"],
		},
		"persistentvolumeclaims": {
			"Access Modes":          corev1.PersistentVolumeClaimStatus{}.SwaggerDoc()["accessModes"],
			"Capacity":              corev1.PersistentVolumeClaimStatus{}.SwaggerDoc()["capacity"],
			"Status":                corev1.PersistentVolumeClaimStatus{}.SwaggerDoc()["phase"],
			"StorageClass":          "StorageClass of the pvc",
			"Volume":                corev1.PersistentVolumeClaimSpec{}.SwaggerDoc()["volumeName"],
			"VolumeAttributesClass": "VolumeAttributesClass of the pvc",
			"VolumeMode":            corev1.PersistentVolumeClaimSpec{}.SwaggerDoc()["volumeMode"],
		},
		"persistentvolumes": {
			"Access Modes":          corev1.PersistentVolumeSpec{}.SwaggerDoc()["accessModes"],
			"Capacity":              corev1.PersistentVolumeSpec{}.SwaggerDoc()["capacity"],
			"Claim":                 corev1.PersistentVolumeSpec{}.SwaggerDoc()["claimRef"],
			"Reason":                corev1.PersistentVolumeStatus{}.SwaggerDoc()["reason"],
			"Reclaim Policy":        corev1.PersistentVolumeSpec{}.SwaggerDoc()["persistentVolumeReclaimPolicy"],
			"Status":                corev1.PersistentVolumeStatus{}.SwaggerDoc()["phase"],
			"StorageClass":          "StorageClass of the pv",
			"VolumeAttributesClass": "VolumeAttributesClass of the pv",
			"VolumeMode":            corev1.PersistentVolumeSpec{}.SwaggerDoc()["volumeMode"],
		},
		"podcertificaterequests.certificates.k8s.io": {
			"NodeName":                  certificatesv1.PodCertificateRequestSpec{}.SwaggerDoc()["nodeName"],
			"PodName":                   certificatesv1.PodCertificateRequestSpec{}.SwaggerDoc()["podName"],
			"ServiceAccountName":        certificatesv1.PodCertificateRequestSpec{}.SwaggerDoc()["serviceAccountName"],
			"SignerName":                certificatesv1.PodCertificateRequestSpec{}.SwaggerDoc()["signerName"],
			"UnverifiedUserAnnotations": certificatesv1.PodCertificateRequestSpec{}.SwaggerDoc()["unverifiedUserAnnotations"],
		},
		"poddisruptionbudgets.policy": {
			"Allowed Disruptions": "Calculated number of pods that may be disrupted at this time.",
			"Max Unavailable":     "The maximum number of pods that may be unavailable.",
			"Min Available":       "The minimum number of pods that must be available.",
		},
		"pods": {
			"IP":              corev1.PodStatus{}.SwaggerDoc()["podIP"],
			"Node":            corev1.PodSpec{}.SwaggerDoc()["nodeName"],
			"Nominated Node":  corev1.PodStatus{}.SwaggerDoc()["nominatedNodeName"],
			"Readiness Gates": corev1.PodSpec{}.SwaggerDoc()["readinessGates"],
			"Ready":           "The aggregate readiness state of this pod for accepting traffic.",
			"Restarts":        "The number of times the containers in this pod have been restarted and when the last container in this pod has restarted.",
			"Status":          "The aggregate status of the containers in this pod.",
		},
		"podtemplates": {
			"Containers": "Names of each container in the template.",
			"Images":     "Images referenced by each container in the template.",
			"Pod Labels": "The labels for the pod template.",
		},
		"priorityclasses.scheduling.k8s.io": {
			"Global-Default":   schedulingv1.PriorityClass{}.SwaggerDoc()["globalDefault"],
			"PreemptionPolicy": schedulingv1.PriorityClass{}.SwaggerDoc()["preemptionPolicy"],
			"Value":            schedulingv1.PriorityClass{}.SwaggerDoc()["value"],
		},
		"prioritylevelconfigurations.flowcontrol.apiserver.k8s.io": {
			"HandSize":                 flowcontrolv1.QueuingConfiguration{}.SwaggerDoc()["handSize"],
			"NominalConcurrencyShares": flowcontrolv1.LimitedPriorityLevelConfiguration{}.SwaggerDoc()["nominalConcurrencyShares"],
			"QueueLengthLimit":         flowcontrolv1.QueuingConfiguration{}.SwaggerDoc()["queueLengthLimit"],
			"Queues":                   flowcontrolv1.QueuingConfiguration{}.SwaggerDoc()["queues"],
			"Type":                     flowcontrolv1.PriorityLevelConfigurationSpec{}.SwaggerDoc()["type"],
		},
		"replicasets.apps": {
			"Containers": "Names of each container in the template.",
			"Current":    appsv1.ReplicaSetStatus{}.SwaggerDoc()["replicas"],
			"Desired":    appsv1.ReplicaSetSpec{}.SwaggerDoc()["replicas"],
			"Images":     "Images referenced by each container in the template.",
			"Ready":      appsv1.ReplicaSetStatus{}.SwaggerDoc()["readyReplicas"],
			"Selector":   appsv1.ReplicaSetSpec{}.SwaggerDoc()["selector"],
		},
		"replicationcontrollers": {
			"Containers": "Names of each container in the template.",
			"Current":    corev1.ReplicationControllerStatus{}.SwaggerDoc()["replicas"],
			"Desired":    corev1.ReplicationControllerSpec{}.SwaggerDoc()["replicas"],
			"Images":     "Images referenced by each container in the template.",
			"Ready":      corev1.ReplicationControllerStatus{}.SwaggerDoc()["readyReplicas"],
			"Selector":   corev1.ReplicationControllerSpec{}.SwaggerDoc()["selector"],
		},
		"resourceclaims.resource.k8s.io": {
			"State": "A summary of the current state (allocated, pending, reserved, etc.).",
		},
		"resourcequotas": {
			"Limit":   "Limits control the maximum amount of cpu/memory that a container may use independent of contention on the node.",
			"Request": "Request represents a minimum amount of cpu/memory that a container may consume.",
		},
		"resourceslices.resource.k8s.io": {
			"Driver": resourcev1.ResourceSliceSpec{}.SwaggerDoc()["driver"],
			"Node":   resourcev1.ResourceSliceSpec{}.SwaggerDoc()["nodeName"],
			"Pool":   resourcev1.ResourcePool{}.SwaggerDoc()["name"],
		},
		"rolebindings.rbac.authorization.k8s.io": {
			"Groups":          "Groups in the roleBinding",
			"Role":            rbacv1alpha1.RoleBinding{}.SwaggerDoc()["roleRef"],
			"ServiceAccounts": "ServiceAccounts in the roleBinding",
			"Users":           "Users in the roleBinding",
		},
		"runtimeclasses.node.k8s.io": {
			"Handler": "",
		},
		"secrets": {
			"Data": corev1.Secret{}.SwaggerDoc()["data"],
			"Type": corev1.Secret{}.SwaggerDoc()["type"],
		},
		"servicecidrs.networking.k8s.io": {
			"CIDRs": networkingv1.ServiceCIDRSpec{}.SwaggerDoc()["cidrs"],
		},
		"services": {
			"Cluster-IP":  corev1.ServiceSpec{}.SwaggerDoc()["clusterIP"],
			"External-IP": corev1.ServiceSpec{}.SwaggerDoc()["externalIPs"],
			"Port(s)":     corev1.ServiceSpec{}.SwaggerDoc()["ports"],
			"Selector":    corev1.ServiceSpec{}.SwaggerDoc()["selector"],
			"Type":        corev1.ServiceSpec{}.SwaggerDoc()["type"],
		},
		"statefulsets.apps": {
			"Containers": "Names of each container in the template.",
			"Images":     "Images referenced by each container in the template.",
			"Ready":      "Number of the pod with ready state",
		},
		"storageclasses.storage.k8s.io": {
			"AllowVolumeExpansion": storagev1.StorageClass{}.SwaggerDoc()["allowVolumeExpansion"],
			"Name":                 metav1.ObjectMeta{}.SwaggerDoc()["name"],
			"Provisioner":          storagev1.StorageClass{}.SwaggerDoc()["provisioner"],
			"ReclaimPolicy":        storagev1.StorageClass{}.SwaggerDoc()["reclaimPolicy"],
			"VolumeBindingMode":    storagev1.StorageClass{}.SwaggerDoc()["volumeBindingMode"],
		},
		"validatingadmissionpolicies.admissionregistration.k8s.io": {
			"ParamKind":   "ParamKind specifies the kind of resources used to parameterize this policy",
			"Validations": "Validations indicates the number of validation rules defined in this configuration",
		},
		"validatingadmissionpolicybindings.admissionregistration.k8s.io": {
			"ParamRef":   "ParamRef indicates the param resource which sets the configuration param",
			"PolicyName": "PolicyName indicates the policy definition which the policy binding binded to",
		},
		"validatingwebhookconfigurations.admissionregistration.k8s.io": {
			"Webhooks": "Webhooks indicates the number of webhooks registered in this configuration",
		},
		"volumeattachments.storage.k8s.io": {
			"Attached": storagev1.VolumeAttachmentStatus{}.SwaggerDoc()["attached"],
			"Attacher": storagev1.VolumeAttachmentSpec{}.SwaggerDoc()["attacher"],
			"Node":     storagev1.VolumeAttachmentSpec{}.SwaggerDoc()["nodeName"],
			"PV":       storagev1.VolumeAttachmentSource{}.SwaggerDoc()["persistentVolumeName"],
		},
		"volumeattributesclasses.storage.k8s.io": {
			"DriverName": storagev1.VolumeAttributesClass{}.SwaggerDoc()["driverName"],
		},
	}
})
