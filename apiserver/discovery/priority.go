package discovery

// order lists the groups as Kubernetes' aggregation layer ranks them. Clients
// that look a short or plural name up take the first group that has it.
var order = []string{
	"",
	"apiregistration.k8s.io",
	"apps",
	"events.k8s.io",
	"authentication.k8s.io",
	"authorization.k8s.io",
	"autoscaling",
	"batch",
	"certificates.k8s.io",
	"networking.k8s.io",
	"policy",
	"rbac.authorization.k8s.io",
	"storage.k8s.io",
	"admissionregistration.k8s.io",
	"apiextensions.k8s.io",
	"scheduling.k8s.io",
	"coordination.k8s.io",
	"node.k8s.io",
	"discovery.k8s.io",
	"resource.k8s.io",
	"flowcontrol.apiserver.k8s.io",
	"internal.apiserver.k8s.io",
	"storagemigration.k8s.io",
}

var rank = func() map[string]int {
	m := make(map[string]int, len(order))
	for i, g := range order {
		m[g] = i
	}
	return m
}()

// priority ranks a group; lower comes first. Custom groups follow the built-in
// ones, and extensions, which only old clients ask for, is last.
func priority(group string) int {
	if i, known := rank[group]; known {
		return i
	}
	if group == "extensions" {
		return len(order) + 1
	}
	return len(order)
}
