package authz

import rbacv1 "k8s.io/api/rbac/v1"

var events = on(eventing, ",events.k8s.io", "events")

// controllers are the roles of kube-system's service accounts of controllers.
var controllers = []struct {
	name  string
	rules []rbacv1.PolicyRule
}{
	{"attachdetach-controller", []rbacv1.PolicyRule{on("list,watch", "", "persistentvolumeclaims,persistentvolumes"), on(reading, "", "nodes"), on("patch,update", "", "nodes/status"), on("list,watch", "", "pods"), events, on("create,delete,get,list,watch", "storage.k8s.io", "volumeattachments"), on(reading, "storage.k8s.io", "csidrivers"), on(reading, "storage.k8s.io", "csinodes")}},
	{"certificate-controller", []rbacv1.PolicyRule{on("delete,get,list,watch", "certificates.k8s.io", "certificatesigningrequests"), on("update", "certificates.k8s.io", "certificatesigningrequests/approval,certificatesigningrequests/status"), on("approve", "certificates.k8s.io", "signers", "kubernetes.io/kube-apiserver-client-kubelet"), on("sign", "certificates.k8s.io", "signers", "kubernetes.io/kube-apiserver-client", "kubernetes.io/kube-apiserver-client-kubelet", "kubernetes.io/kubelet-serving", "kubernetes.io/legacy-unknown"), on("create", "authorization.k8s.io", "subjectaccessreviews"), events}},
	{"clusterrole-aggregation-controller", []rbacv1.PolicyRule{on("escalate,get,list,patch,update,watch", rbacv1.GroupName, "clusterroles")}},
	{"cronjob-controller", []rbacv1.PolicyRule{on("get,list,update,watch", "batch", "cronjobs"), on("create,delete,get,list,patch,update,watch", "batch", "jobs"), on("update", "batch", "cronjobs/status"), on("update", "batch", "cronjobs/finalizers"), on("delete,list,watch", "", "pods"), events}},
	{"daemon-set-controller", []rbacv1.PolicyRule{on(reading, "apps,extensions", "daemonsets"), on("update", "apps,extensions", "daemonsets/status"), on("update", "apps,extensions", "daemonsets/finalizers"), on("list,watch", "", "nodes"), on("create,delete,list,patch,watch", "", "pods"), on("create", "", "pods/binding"), on("create,delete,get,list,patch,update,watch", "apps", "controllerrevisions"), events}},
	{"deployment-controller", []rbacv1.PolicyRule{on("get,list,update,watch", "apps,extensions", "deployments"), on("update", "apps,extensions", "deployments/status"), on("update", "apps,extensions", "deployments/finalizers"), on("create,delete,get,list,patch,update,watch", "apps,extensions", "replicasets"), on("get,list,update,watch", "", "pods"), events}},
	{"device-taint-eviction-controller", []rbacv1.PolicyRule{on("delete,get,list,watch", "", "pods"), on("patch,update", "", "pods/status"), on(reading, "resource.k8s.io", "resourceclaims"), on(reading, "resource.k8s.io", "resourceslices"), on(reading, "resource.k8s.io", "deviceclasses"), events, on("patch,update", "resource.k8s.io", "devicetaintrules/status"), on(reading, "resource.k8s.io", "devicetaintrules")}},
	{"disruption-controller", []rbacv1.PolicyRule{on(reading, "apps,extensions", "deployments"), on(reading, "apps,extensions", "replicasets"), on(reading, "", "replicationcontrollers"), on(reading, "policy", "poddisruptionbudgets"), on(reading, "apps", "statefulsets"), on("update", "policy", "poddisruptionbudgets/status"), on("patch,update", "", "pods/status"), on("get", "*", "*/scale"), events}},
	{"endpoint-controller", []rbacv1.PolicyRule{on(reading, "", "pods,services"), on("create,delete,get,list,update,watch", "", "endpoints"), on("create", "", "endpoints/restricted"), events}},
	{"endpointslice-controller", []rbacv1.PolicyRule{on(reading, "", "nodes,pods,services"), on("update", "", "services/finalizers"), on("create,delete,get,list,update,watch", "discovery.k8s.io", "endpointslices"), events}},
	{"endpointslicemirroring-controller", []rbacv1.PolicyRule{on(reading, "", "endpoints,services"), on("update", "", "services/finalizers"), on("update", "", "endpoints/finalizers"), on("create,delete,get,list,update,watch", "discovery.k8s.io", "endpointslices"), events}},
	{"ephemeral-volume-controller", []rbacv1.PolicyRule{on(reading, "", "pods"), on("update", "", "pods/finalizers"), on("create,get,list,watch", "", "persistentvolumeclaims"), events}},
	{"expand-controller", []rbacv1.PolicyRule{on("get,list,patch,update,watch", "", "persistentvolumes"), on("patch,update", "", "persistentvolumeclaims/status"), on(reading, "", "persistentvolumeclaims"), events}},
	{"generic-garbage-collector", []rbacv1.PolicyRule{on("delete,get,list,patch,update,watch", "*", "*"), events}},
	{"horizontal-pod-autoscaler", []rbacv1.PolicyRule{on(reading, "autoscaling", "horizontalpodautoscalers"), on("update", "autoscaling", "horizontalpodautoscalers/status"), on("get,update", "*", "*/scale"), on("list,watch", "", "pods"), on("list,watch", "metrics.k8s.io", "pods"), on(reading, "custom.metrics.k8s.io", "*"), on(reading, "external.metrics.k8s.io", "*"), events}},
	{"job-controller", []rbacv1.PolicyRule{on("get,list,patch,update,watch", "batch", "jobs"), on("update", "batch", "jobs/status"), on("update", "batch", "jobs/finalizers"), on("create,delete,list,patch,watch", "", "pods"), events}},
	{"kube-apiserver-serving-clustertrustbundle-publisher", []rbacv1.PolicyRule{on("attest", "certificates.k8s.io", "signers", "kubernetes.io/kube-apiserver-serving"), on("create,delete,list,update,watch", "certificates.k8s.io", "clustertrustbundles"), events}},
	{"legacy-service-account-token-cleaner", []rbacv1.PolicyRule{on("get", "", "configmaps", "kube-apiserver-legacy-service-account-token-tracking"), on("delete,patch", "", "secrets")}},
	{"namespace-controller", []rbacv1.PolicyRule{on("delete,get,list,watch", "", "namespaces"), on("update", "", "namespaces/finalize,namespaces/status"), on("delete,deletecollection,get,list,watch", "*", "*")}},
	{"node-controller", []rbacv1.PolicyRule{on("delete,get,list,patch,update,watch", "", "nodes"), on("patch,update", "", "nodes/status"), on("patch,update", "", "pods/status"), on("delete,get,list,watch", "", "pods"), on(reading, "coordination.k8s.io", "leases"), events}},
	{"persistent-volume-binder", []rbacv1.PolicyRule{on("create,delete,get,list,update,watch", "", "persistentvolumes"), on("update", "", "persistentvolumes/status"), on("get,list,update,watch", "", "persistentvolumeclaims"), on("update", "", "persistentvolumeclaims/status"), on("create,delete,get,list,watch", "", "pods"), on(reading, "storage.k8s.io", "storageclasses"), on("list,watch", "", "nodes"), events, on("watch", "", "events")}},
	{"pod-garbage-collector", []rbacv1.PolicyRule{on("delete,list,watch", "", "pods"), on(reading, "", "nodes"), on("patch", "", "pods/status")}},
	{"podcertificaterequestcleaner", []rbacv1.PolicyRule{on("delete,get,list,watch", "certificates.k8s.io", "podcertificaterequests")}},
	{"pv-protection-controller", []rbacv1.PolicyRule{on("get,list,update,watch", "", "persistentvolumes"), events}},
	{"pvc-protection-controller", []rbacv1.PolicyRule{on("get,list,update,watch", "", "persistentvolumeclaims"), on("update", "", "persistentvolumeclaims/status"), on(reading, "", "pods"), events}},
	{"replicaset-controller", []rbacv1.PolicyRule{on("get,list,update,watch", "apps,extensions", "replicasets"), on("update", "apps,extensions", "replicasets/status"), on("update", "apps,extensions", "replicasets/finalizers"), on("create,delete,list,patch,watch", "", "pods"), events}},
	{"replication-controller", []rbacv1.PolicyRule{on("get,list,update,watch", "", "replicationcontrollers"), on("update", "", "replicationcontrollers/status"), on("update", "", "replicationcontrollers/finalizers"), on("create,delete,list,patch,watch", "", "pods"), events}},
	{"resource-claim-controller", []rbacv1.PolicyRule{on(reading, "", "pods"), on("update", "", "pods/finalizers"), on("create,delete,get,list,watch", "resource.k8s.io", "resourceclaims"), on("patch,update", "resource.k8s.io", "resourceclaims,resourceclaims/status"), on("patch,update", "", "pods/status"), events, on("patch,update", "resource.k8s.io", "resourceclaims/binding")}},
	{"resourcequota-controller", []rbacv1.PolicyRule{on("list,watch", "*", "*"), on("update", "", "resourcequotas/status"), events}},
	{"root-ca-cert-publisher", []rbacv1.PolicyRule{on("create,update", "", "configmaps"), events}},
	{"route-controller", []rbacv1.PolicyRule{on("list,watch", "", "nodes"), on("patch", "", "nodes/status"), events}},
	{"selinux-warning-controller", []rbacv1.PolicyRule{events, on(reading, "", "persistentvolumes"), on(reading, "", "persistentvolumeclaims"), on(reading, "", "pods"), on(reading, "storage.k8s.io", "csidrivers")}},
	{"service-account-controller", []rbacv1.PolicyRule{on("create", "", "serviceaccounts"), events}},
	{"service-cidrs-controller", []rbacv1.PolicyRule{on("get,list,patch,update,watch", "networking.k8s.io", "servicecidrs"), on("patch,update", "networking.k8s.io", "servicecidrs/finalizers"), on("patch,update", "networking.k8s.io", "servicecidrs/status"), on(reading, "networking.k8s.io", "ipaddresses"), events}},
	{"service-controller", []rbacv1.PolicyRule{on(reading, "", "services"), on("patch,update", "", "services/status"), on("list,watch", "", "nodes"), events}},
	{"statefulset-controller", []rbacv1.PolicyRule{on("list,watch", "", "pods"), on(reading, "apps", "statefulsets"), on("update", "apps", "statefulsets/status"), on("update", "apps", "statefulsets/finalizers"), on("create,delete,get,patch,update", "", "pods"), on("create,delete,get,list,patch,update,watch", "apps", "controllerrevisions"), on("create,get,list,watch", "", "persistentvolumeclaims"), on("delete,update", "", "persistentvolumeclaims"), on("update", "", "pods/finalizers"), events}},
	{"storage-version-migrator-controller", []rbacv1.PolicyRule{on("list,patch", "*", "*"), on("get", "apiextensions.k8s.io", "customresourcedefinitions"), on("patch", "apiextensions.k8s.io", "customresourcedefinitions/status"), on("update", "storagemigration.k8s.io", "storageversionmigrations/status")}},
	{"ttl-after-finished-controller", []rbacv1.PolicyRule{on("delete,get,list,watch", "batch", "jobs"), events}},
	{"ttl-controller", []rbacv1.PolicyRule{on("list,patch,update,watch", "", "nodes"), events}},
	{"validatingadmissionpolicy-status-controller", []rbacv1.PolicyRule{on(reading, "admissionregistration.k8s.io", "validatingadmissionpolicies"), on("get,patch,update", "admissionregistration.k8s.io", "validatingadmissionpolicies/status"), events}},
	{"volumeattributesclass-protection-controller", []rbacv1.PolicyRule{on(reading, "", "persistentvolumeclaims"), on(reading, "", "persistentvolumes"), on("get,list,update,watch", "storage.k8s.io", "volumeattributesclasses"), events}},
}
