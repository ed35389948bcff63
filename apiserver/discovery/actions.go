package discovery

import "k8s.io/apimachinery/pkg/runtime/schema"

func core(kind string) schema.GroupVersionKind {
	return schema.GroupVersionKind{Version: "v1", Kind: kind}
}

var (
	create      = []string{"create"}
	connect     = []string{"create", "get"}
	passThrough = []string{"create", "delete", "get", "patch", "update"}
)

// Actions are the subresources of the built-in resources that act.
func Actions() []Action {
	return []Action{
		{"", "pods", "log", core("Pod"), []string{"get"}},
		{"", "pods", "binding", core("Binding"), create},
		{"", "pods", "eviction", schema.GroupVersionKind{Group: "policy", Version: "v1", Kind: "Eviction"}, create},
		{"", "pods", "exec", core("PodExecOptions"), connect},
		{"", "pods", "attach", core("PodAttachOptions"), connect},
		{"", "pods", "portforward", core("PodPortForwardOptions"), connect},
		{"", "pods", "proxy", core("PodProxyOptions"), passThrough},
		{"", "services", "proxy", core("ServiceProxyOptions"), passThrough},
		{"", "nodes", "proxy", core("NodeProxyOptions"), passThrough},
		{"", "serviceaccounts", "token", schema.GroupVersionKind{Group: "authentication.k8s.io", Version: "v1", Kind: "TokenRequest"}, create},
	}
}
