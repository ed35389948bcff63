package authz

import (
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api"
)

const (
	reading   = "get,list,watch"
	writing   = "create,delete,deletecollection,patch,update"
	readWrite = "create,delete,deletecollection,get,list,patch,update,watch"
	eventing  = "create,patch,update"
)

func clusterRoles() []*rbacv1.ClusterRole {
	return append(userRoles(), systemRoles()...)
}

// userRoles are those that people are given.
func userRoles() []*rbacv1.ClusterRole {
	return []*rbacv1.ClusterRole{
		clusterRole("cluster-admin", everything()...),
		aggregated("admin"),
		aggregated("edit", "admin"),
		aggregated("view", "edit"),
		labelled(clusterRole("system:aggregate-to-admin",
			on("create", "authorization.k8s.io", "localsubjectaccessreviews"),
			on(readWrite, rbacv1.GroupName, "rolebindings,roles"),
		), "admin"),
		labelled(clusterRole("system:aggregate-to-edit",
			on(reading, "", "pods/attach,pods/exec,pods/portforward,pods/proxy,secrets,services/proxy"),
			on("impersonate", "", "serviceaccounts"),
			on(writing, "", "pods,pods/attach,pods/exec,pods/portforward,pods/proxy"),
			on("create", "", "pods/eviction"),
			on(writing, "", "configmaps,persistentvolumeclaims,replicationcontrollers,replicationcontrollers/scale,secrets,serviceaccounts,services,services/proxy"),
			on("create", "", "serviceaccounts/token"),
			on(writing, ",events.k8s.io", "events"),
			on(writing, "apps", "daemonsets,deployments,deployments/rollback,deployments/scale,replicasets,replicasets/scale,statefulsets,statefulsets/scale"),
			on(writing, "autoscaling", "horizontalpodautoscalers"),
			on(writing, "batch", "cronjobs,jobs"),
			on(writing, "extensions", "daemonsets,deployments,deployments/rollback,deployments/scale,ingresses,networkpolicies,replicasets,replicasets/scale,replicationcontrollers/scale"),
			on(writing, "policy", "poddisruptionbudgets"),
			on(writing, "networking.k8s.io", "ingresses,networkpolicies"),
			on(readWrite, "coordination.k8s.io", "leases"),
			on(writing, "resource.k8s.io", "resourceclaims,resourceclaimtemplates"),
		), "edit"),
		labelled(clusterRole("system:aggregate-to-view",
			on(reading, "", "configmaps,endpoints,persistentvolumeclaims,persistentvolumeclaims/status,pods,replicationcontrollers,replicationcontrollers/scale,serviceaccounts,services,services/status"),
			on(reading, "", "bindings,limitranges,namespaces/status,pods/log,pods/status,replicationcontrollers/status,resourcequotas,resourcequotas/status"),
			on(reading, "", "namespaces"),
			on(reading, ",events.k8s.io", "events"),
			on(reading, "discovery.k8s.io", "endpointslices"),
			on(reading, "apps", "controllerrevisions,daemonsets,daemonsets/status,deployments,deployments/scale,deployments/status,replicasets,replicasets/scale,replicasets/status,statefulsets,statefulsets/scale,statefulsets/status"),
			on(reading, "autoscaling", "horizontalpodautoscalers,horizontalpodautoscalers/status"),
			on(reading, "batch", "cronjobs,cronjobs/status,jobs,jobs/status"),
			on(reading, "extensions", "daemonsets,daemonsets/status,deployments,deployments/scale,deployments/status,ingresses,ingresses/status,networkpolicies,replicasets,replicasets/scale,replicasets/status,replicationcontrollers/scale"),
			on(reading, "policy", "poddisruptionbudgets,poddisruptionbudgets/status"),
			on(reading, "networking.k8s.io", "ingresses,ingresses/status,networkpolicies"),
			on(reading, "resource.k8s.io", "resourceclaims,resourceclaims/status,resourceclaimtemplates"),
		), "view"),
	}
}

// systemRoles are those of the cluster's own parts.
func systemRoles() []*rbacv1.ClusterRole {
	return []*rbacv1.ClusterRole{
		clusterRole("system:discovery", at("get", "/api,/api/*,/apis,/apis/*,/healthz,/livez,/openapi,/openapi/*,/readyz,/version,/version/")),
		clusterRole("system:public-info-viewer", at("get", "/healthz,/livez,/readyz,/version,/version/")),
		clusterRole("system:monitoring", at("get", "/flagz,/healthz,/healthz/*,/livez,/livez/*,/metrics,/metrics/slis,/readyz,/readyz/*,/statusz"), on("get", "", "nodes/metrics")),
		clusterRole("system:basic-user",
			on("create", "authorization.k8s.io", "selfsubjectaccessreviews,selfsubjectrulesreviews"),
			on("create", "authentication.k8s.io", "selfsubjectreviews")),
		clusterRole("system:service-account-issuer-discovery", at("get", "/.well-known/openid-configuration,/.well-known/openid-configuration/,/openid/v1/jwks,/openid/v1/jwks/")),
		clusterRole("system:cluster-trust-bundle-discovery", on(reading, "certificates.k8s.io", "clustertrustbundles")),
		clusterRole("system:auth-delegator",
			on("create", "authentication.k8s.io", "tokenreviews"),
			on("create", "authorization.k8s.io", "subjectaccessreviews")),
		clusterRole("system:heapster",
			on(reading, "", "events,namespaces,nodes,pods"),
			on(reading, "extensions", "deployments")),
		clusterRole("system:kube-aggregator", on(reading, "", "endpoints,services")),
		clusterRole("system:kubelet-api-admin",
			on(reading, "", "nodes"),
			on("proxy", "", "nodes"),
			on("*", "", "nodes/log,nodes/metrics,nodes/proxy,nodes/stats"),
			on("*", "", "nodes/configz,nodes/healthz,nodes/pods")),
		clusterRole("system:node-bootstrapper", on("create,get,list,watch", "certificates.k8s.io", "certificatesigningrequests")),
		clusterRole("system:node-problem-detector",
			on("get", "", "nodes"), on("patch", "", "nodes/status"), events),
		clusterRole("system:node", nodeRules()...),
		clusterRole("system:node-proxier",
			on("list,watch", "", "endpoints,services"), on(reading, "", "nodes"),
			events,
			on("list,watch", "networking.k8s.io", "servicecidrs"),
			on("list,watch", "discovery.k8s.io", "endpointslices")),
		clusterRole("system:kube-dns", on("list,watch", "", "endpoints,services")),
		clusterRole("system:persistent-volume-provisioner",
			on("create,delete,get,list,watch", "", "persistentvolumes"),
			on("get,list,update,watch", "", "persistentvolumeclaims"),
			on(reading, "storage.k8s.io", "storageclasses"),
			on("watch", "", "events"), events),
		clusterRole("system:certificates.k8s.io:certificatesigningrequests:nodeclient", on("create", "certificates.k8s.io", "certificatesigningrequests/nodeclient")),
		clusterRole("system:certificates.k8s.io:certificatesigningrequests:selfnodeclient", on("create", "certificates.k8s.io", "certificatesigningrequests/selfnodeclient")),
		clusterRole("system:certificates.k8s.io:kubelet-serving-approver", on("approve", "certificates.k8s.io", "signers", "kubernetes.io/kubelet-serving")),
		clusterRole("system:certificates.k8s.io:kube-apiserver-client-approver", on("approve", "certificates.k8s.io", "signers", "kubernetes.io/kube-apiserver-client")),
		clusterRole("system:certificates.k8s.io:kube-apiserver-client-kubelet-approver", on("approve", "certificates.k8s.io", "signers", "kubernetes.io/kube-apiserver-client-kubelet")),
		clusterRole("system:certificates.k8s.io:legacy-unknown-approver", on("approve", "certificates.k8s.io", "signers", "kubernetes.io/legacy-unknown")),
		clusterRole("system:kube-scheduler", schedulerRules()...),
		clusterRole("system:volume-scheduler",
			on("get,list,patch,update,watch", "", "persistentvolumes"),
			on(reading, "storage.k8s.io", "storageclasses"),
			on("get,list,patch,update,watch", "", "persistentvolumeclaims")),
		clusterRole("system:kube-controller-manager", controllerManagerRules()...),
	}
}

func schedulerRules() []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{
		events,
		on("create", "coordination.k8s.io", "leases"),
		on("get,list,update,watch", "coordination.k8s.io", "leases", "kube-scheduler"),
		on(readWrite, "coordination.k8s.io", "leasecandidates"),
		on(reading, "", "nodes"),
		on("delete,get,list,watch", "", "pods"),
		on("create", "", "bindings,pods/binding"),
		on("patch,update", "", "pods/status"),
		on(reading, "", "replicationcontrollers,services"),
		on(reading, "apps,extensions", "replicasets"),
		on(reading, "apps", "statefulsets"),
		on(reading, "policy", "poddisruptionbudgets"),
		on(reading, "", "persistentvolumeclaims,persistentvolumes"),
		on("create", "authentication.k8s.io", "tokenreviews"),
		on("create", "authorization.k8s.io", "subjectaccessreviews"),
		on(reading, "storage.k8s.io", "csinodes"),
		on(reading, "storage.k8s.io", "volumeattachments"),
		on(reading, "", "namespaces"),
		on(reading, "storage.k8s.io", "csidrivers"),
		on(reading, "storage.k8s.io", "csistoragecapacities"),
		on(reading, "resource.k8s.io", "deviceclasses"),
		on("get,list,patch,update,watch", "resource.k8s.io", "resourceclaims"),
		on("get,list,patch,update,watch", "resource.k8s.io", "resourceclaims/status"),
		on("update", "", "pods/finalizers"),
		on(reading, "resource.k8s.io", "resourceslices"),
		on("create,delete", "resource.k8s.io", "resourceclaims"),
		on(reading, "resource.k8s.io", "devicetaintrules"),
		on("patch,update", "resource.k8s.io", "resourceclaims/binding"),
	}
}

func controllerManagerRules() []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{
		events,
		on("create", "coordination.k8s.io", "leases"),
		on("get,update", "coordination.k8s.io", "leases", "kube-controller-manager"),
		on("create", "", "secrets,serviceaccounts"),
		on("delete", "", "secrets"),
		on("get", "", "configmaps,namespaces,secrets,serviceaccounts"),
		on("update", "", "secrets,serviceaccounts"),
		on("create", "authentication.k8s.io", "tokenreviews"),
		on("create", "authorization.k8s.io", "subjectaccessreviews"),
		on("list,watch", "*", "*"),
		on("create", "", "serviceaccounts/token"),
	}
}

func clusterBindings() []*rbacv1.ClusterRoleBinding {
	const everyone, strangers = "system:authenticated", "system:unauthenticated"
	return []*rbacv1.ClusterRoleBinding{
		bindCluster("cluster-admin", "cluster-admin", group(Masters)),
		bindCluster("system:monitoring", "system:monitoring", group("system:monitoring")),
		bindCluster("system:discovery", "system:discovery", group(everyone)),
		bindCluster("system:basic-user", "system:basic-user", group(everyone)),
		bindCluster("system:public-info-viewer", "system:public-info-viewer", group(everyone), group(strangers)),
		bindCluster("system:node-proxier", "system:node-proxier", user("system:kube-proxy")),
		bindCluster("system:kube-controller-manager", "system:kube-controller-manager", user("system:kube-controller-manager")),
		bindCluster("system:kube-dns", "system:kube-dns", account("kube-system", "kube-dns")),
		bindCluster("system:kube-scheduler", "system:kube-scheduler", user("system:kube-scheduler")),
		bindCluster("system:volume-scheduler", "system:volume-scheduler", user("system:kube-scheduler")),
		// The Node authorizer speaks for nodes, so the role binds nobody.
		bindCluster("system:node", "system:node"),
		bindCluster("system:service-account-issuer-discovery", "system:service-account-issuer-discovery", group("system:serviceaccounts")),
		bindCluster("system:cluster-trust-bundle-discovery", "system:cluster-trust-bundle-discovery", group("system:serviceaccounts")),
	}
}

// namespaced are the Roles in kube-system and kube-public with their bindings.
func namespaced() []api.Object {
	var out []api.Object
	role := func(namespace, name string, rules ...rbacv1.PolicyRule) {
		out = append(out, mark(&rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Rules: rules}))
	}
	bind := func(namespace, name, role string, subjects ...rbacv1.Subject) {
		out = append(out, mark(&rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Subjects: subjects,
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role},
		}))
	}
	const system, public = "kube-system", "kube-public"
	manager, scheduler := user("system:kube-controller-manager"), user("system:kube-scheduler")

	role(system, "extension-apiserver-authentication-reader", on(reading, "", "configmaps", "extension-apiserver-authentication"))
	bind(system, "system::extension-apiserver-authentication-reader", "extension-apiserver-authentication-reader", manager, scheduler)

	lock := func(component string, subjects ...rbacv1.Subject) {
		const verbs = "create,get,list,update,watch"
		name := "system::leader-locking-" + component
		role(system, name, on(verbs, "coordination.k8s.io", "leases"), on(verbs, "coordination.k8s.io", "leasecandidates"))
		bind(system, name, name, subjects...)
	}
	lock("kube-controller-manager", manager, account(system, "kube-controller-manager"), account(system, "leader-election-controller"))
	lock("kube-scheduler", scheduler, account(system, "kube-scheduler"))
	for _, c := range []struct {
		namespace, account string
		rules              []rbacv1.PolicyRule
	}{
		{system, "bootstrap-signer", []rbacv1.PolicyRule{on(reading, "", "secrets")}},
		{system, "cloud-provider", []rbacv1.PolicyRule{on("create,get,list,watch", "", "configmaps")}},
		{system, "token-cleaner", []rbacv1.PolicyRule{on("delete,get,list,watch", "", "secrets"), events}},
		{public, "bootstrap-signer", []rbacv1.PolicyRule{on(reading, "", "configmaps"), on("update", "", "configmaps", "cluster-info"), events}},
	} {
		name := "system:controller:" + c.account
		role(c.namespace, name, c.rules...)
		bind(c.namespace, name, name, account(system, c.account))
	}
	return out
}
