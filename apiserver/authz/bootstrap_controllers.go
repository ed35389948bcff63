package authz

import rbacv1 "k8s.io/api/rbac/v1"

var events = on(eventing, ",events.k8s.io", "events")

// controllers are the roles of kube-system's service accounts of controllers.
var controllers = []struct {
	name  string
	rules []rbacv1.PolicyRule
}{
	{"attachdetach-controller", []rbacv1.PolicyRule{on("list,watch", "", "persistentvolumeclaims,persistentvolumes"), on("get,list,watch", "", "nodes"), on("patch,update", "", "nodes/status"), on("list,watch", "", "pods"), events, on("create,delete,get,list,watch", "storage.k8s.io", "volumeattachments"), on(reading, "storage.k8s.io", "csidrivers,csinodes")}},
	{"certificate-controller", []rbacv1.PolicyRule{on("delete,get,list,watch", "certificates.k8s.io", "certificatesigningrequests"), on("update", "certificates.k8s.io", "certificatesigningrequests/approval,certificatesigningrequests/status"), on("approve,sign", "certificates.k8s.io", "signers", "kubernetes.io/kube-apiserver-client-kubelet", "kubernetes.io/kubelet-serving", "kubernetes.io/kube-apiserver-client", "kubernetes.io/legacy-unknown"), on("create", "authorization.k8s.io", "subjectaccessreviews"), events}},
	{"clusterrole-aggregation-controller", []rbacv1.PolicyRule{on("escalate,get,list,patch,update,watch", rbacv1.GroupName, "clusterroles")}},
	{"cronjob-controller", []rbacv1.PolicyRule{on("get,list,update,watch", "batch", "cronjobs"), on("create,delete,get,list,patch,update,watch", "batch", "jobs"), on("update", "batch", "cronjobs/finalizers,cronjobs/status"), on("delete,list,watch", "", "pods"), events}},
	{"daemon-set-controller", []rbacv1.PolicyRule{on(reading, "apps,extensions", "daemonsets"), on("update", "apps,extensions", "daemonsets/finalizers,daemonsets/status"), on("list,watch", "", "nodes"), on("create,delete,list,patch,watch", "", "pods"), on("create", "", "pods/binding"), on("create,delete,get,list,patch,update,watch", "apps", "controllerrevisions"), events}},
	{"deployment-controller", []rbacv1.PolicyRule{on("get,list,update,watch", "apps,extensions", "deployments"), on("update", "apps,extensions", "deployments/finalizers,deployments/status"), on("create,delete,get,list,patch,update,watch", "apps,extensions", "replicasets"), on("get,list,update,watch", "", "pods"), events}},
	{"disruption-controller", []rbacv1.PolicyRule{on(reading, "apps,extensions", "deployments,replicasets"), on(reading, "", "replicationcontrollers"), on(reading, "policy", "poddisruptionbudgets"), on(reading, "apps", "statefulsets"), on("update", "policy", "poddisruptionbudgets/status"), on("get", "*", "*/scale"), on("list,watch", "", "pods"), on("patch,update", "", "pods/status"), events}},
	{"endpoint-controller", []rbacv1.PolicyRule{on(reading, "", "pods,services"), on("create,delete,get,list,update,watch", "", "endpoints"), on("create", "", "endpoints/restricted"), events}},
	{"endpointslice-controller", []rbacv1.PolicyRule{on(reading, "", "nodes,pods,services"), on("update", "", "services/finalizers"), on("create,delete,get,list,update,watch", "discovery.k8s.io", "endpointslices"), on("create", "discovery.k8s.io", "endpointslices/restricted"), events}},
	{"endpointslicemirroring-controller", []rbacv1.PolicyRule{on(reading, "", "endpoints,services"), on("update", "", "services/finalizers,endpoints/finalizers"), on("create,delete,get,list,update,watch", "discovery.k8s.io", "endpointslices"), on("create", "discovery.k8s.io", "endpointslices/restricted"), events}},
	{"ephemeral-volume-controller", []rbacv1.PolicyRule{on("update", "", "pods/finalizers"), on(reading, "", "pods"), on("create,get,list,watch", "", "persistentvolumeclaims"), events}},
	{"expand-controller", []rbacv1.PolicyRule{on("get,list,patch,update,watch", "", "persistentvolumes"), on("patch,update", "", "persistentvolumeclaims/status"), on(reading, "", "persistentvolumeclaims"), on("get", "", "services"), events}},
	{"generic-garbage-collector", []rbacv1.PolicyRule{on("delete,get,list,patch,update,watch", "*", "*"), events}},
	{"horizontal-pod-autoscaler", []rbacv1.PolicyRule{on(reading, "autoscaling", "horizontalpodautoscalers"), on("update", "autoscaling", "horizontalpodautoscalers/status"), on("get,update", "*", "*/scale"), on("list,watch", "", "pods"), on("list,watch", "metrics.k8s.io", "pods"), on(reading, "custom.metrics.k8s.io,external.metrics.k8s.io", "*"), events}},
	{"job-controller", []rbacv1.PolicyRule{on("get,list,patch,update,watch", "batch", "jobs"), on("update", "batch", "jobs/finalizers,jobs/status"), on("create,delete,list,patch,watch", "", "pods"), events}},
	{"namespace-controller", []rbacv1.PolicyRule{on("delete,get,list,watch", "", "namespaces"), on("update", "", "namespaces/finalize,namespaces/status"), on("delete,deletecollection,get,list", "*", "*")}},
	{"node-controller", []rbacv1.PolicyRule{on("delete,get,list,patch,update,watch", "", "nodes"), on("patch,update", "", "nodes/status"), on("patch,update", "", "pods/status"), on("delete,get,list,watch", "", "pods"), on(reading, "coordination.k8s.io", "leases"), events}},
	{"persistent-volume-binder", []rbacv1.PolicyRule{on("create,delete,get,list,update,watch", "", "persistentvolumes"), on("update", "", "persistentvolumes/status"), on("get,list,update,watch", "", "persistentvolumeclaims"), on("update", "", "persistentvolumeclaims/status"), on("create,delete,get,list,watch", "", "pods"), on(reading, "storage.k8s.io", "storageclasses"), on(reading, "", "nodes"), on("watch", "", "events"), on("get", "", "services"), events}},
	{"pod-garbage-collector", []rbacv1.PolicyRule{on("delete,list,watch", "", "pods"), on(reading, "", "nodes"), on("patch", "", "pods/status")}},
	{"pv-protection-controller", []rbacv1.PolicyRule{on("get,list,update,watch", "", "persistentvolumes"), events}},
	{"pvc-protection-controller", []rbacv1.PolicyRule{on("get,list,update,watch", "", "persistentvolumeclaims"), on(reading, "", "pods"), events}},
	{"replicaset-controller", []rbacv1.PolicyRule{on("get,list,update,watch", "apps,extensions", "replicasets"), on("update", "apps,extensions", "replicasets/finalizers,replicasets/status"), on("create,delete,list,patch,watch", "", "pods"), events}},
	{"replication-controller", []rbacv1.PolicyRule{on("get,list,update,watch", "", "replicationcontrollers"), on("update", "", "replicationcontrollers/finalizers,replicationcontrollers/status"), on("create,delete,list,patch,watch", "", "pods"), events}},
	{"resource-claim-controller", []rbacv1.PolicyRule{on("update", "", "pods/finalizers"), on(reading, "", "pods"), on("create,delete,get,list,watch", "resource.k8s.io", "resourceclaims"), on("patch,update", "resource.k8s.io", "resourceclaims,resourceclaims/status"), on("patch,update", "", "pods/status"), events}},
	{"resourcequota-controller", []rbacv1.PolicyRule{on("list,watch", "*", "*"), on("update", "", "resourcequotas/status"), events}},
	{"root-ca-cert-publisher", []rbacv1.PolicyRule{on("create,update", "", "configmaps"), events}},
	{"service-account-controller", []rbacv1.PolicyRule{on("create", "", "serviceaccounts"), events}},
	{"service-cidrs-controller", []rbacv1.PolicyRule{on("get,list,patch,update,watch", "networking.k8s.io", "servicecidrs"), on("patch,update", "networking.k8s.io", "servicecidrs/finalizers,servicecidrs/status"), on(reading, "networking.k8s.io", "ipaddresses"), events}},
	{"service-controller", []rbacv1.PolicyRule{on(reading, "", "services"), on("patch,update", "", "services/status"), on("list,watch", "", "nodes"), events}},
	{"statefulset-controller", []rbacv1.PolicyRule{on("list,watch", "", "pods"), on(reading, "apps", "statefulsets"), on("update", "apps", "statefulsets/finalizers,statefulsets/status"), on("create,delete,get,patch,update", "", "pods"), on("create,delete,get,list,patch,update,watch", "apps", "controllerrevisions"), on("create,get", "", "persistentvolumeclaims"), on("delete,list,update,watch", "", "persistentvolumeclaims"), events}},
	{"taint-eviction-controller", []rbacv1.PolicyRule{on("delete,get,list,watch", "", "pods"), on("patch,update", "", "pods/status"), on("get,list,watch", "", "nodes"), events}},
	{"ttl-after-finished-controller", []rbacv1.PolicyRule{on("delete,get,list,watch", "batch", "jobs"), events}},
	{"ttl-controller", []rbacv1.PolicyRule{on("list,patch,update,watch", "", "nodes"), events}},
	{"device-taint-eviction-controller", []rbacv1.PolicyRule{on("delete,get,list,watch", "", "pods"), on("patch,update", "", "pods/status"), on(reading, "resource.k8s.io", "deviceclasses,devicetaintrules,resourceclaims,resourceslices"), on("patch,update", "resource.k8s.io", "devicetaintrules/status"), events}},
	{"kube-apiserver-serving-clustertrustbundle-publisher", []rbacv1.PolicyRule{on("attest", "certificates.k8s.io", "signers", "kubernetes.io/kube-apiserver-serving"), on("create,delete,list,update,watch", "certificates.k8s.io", "clustertrustbundles"), events}},
	{"legacy-service-account-token-cleaner", []rbacv1.PolicyRule{on("get", "", "configmaps", "kube-apiserver-legacy-service-account-token-tracking"), on("delete,patch", "", "secrets")}},
	{"podcertificaterequestcleaner", []rbacv1.PolicyRule{on("delete,get,list,watch", "certificates.k8s.io", "podcertificaterequests")}},
	{"selinux-warning-controller", []rbacv1.PolicyRule{events, on(reading, "", "persistentvolumes,persistentvolumeclaims,pods"), on(reading, "storage.k8s.io", "csidrivers")}},
	{"storage-version-migrator-controller", []rbacv1.PolicyRule{on("create,list,patch,watch", "*", "*"), on("update", "storagemigration.k8s.io", "storageversionmigrations/status")}},
	{"volumeattributesclass-protection-controller", []rbacv1.PolicyRule{on(reading, "", "persistentvolumeclaims,persistentvolumes"), on("get,list,update,watch", "storage.k8s.io", "volumeattributesclasses"), events}},
	{"validatingadmissionpolicy-status-controller", []rbacv1.PolicyRule{on(reading, "admissionregistration.k8s.io", "validatingadmissionpolicies"), on("get,patch,update", "admissionregistration.k8s.io", "validatingadmissionpolicies/status"), events}},
}
