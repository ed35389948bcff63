package catalog

import "testing"

const (
	ingress       = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: i}\nspec: "
	networkPolicy = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: n}\nspec: "
	serviceCIDR   = "apiVersion: networking.k8s.io/v1\nkind: ServiceCIDR\nmetadata: {name: s}\nspec: "
	ingressClass  = "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: c}\nspec: "
)

func TestNetworkingRules(t *testing.T) {
	rules(t, "", map[string]rule{
		"ingress": {"", ingress + "{rules: [{host: '*.a.b', http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: s, port: {number: 80}}}}]}}]}", nil},
		"two classes": {"", "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: i, annotations: {kubernetes.io/ingress.class: c}}\nspec: {ingressClassName: d, defaultBackend: {service: {name: s, port: {name: p}}}}",
			[]string{`annotations.kubernetes.io/ingress.class: Invalid value: "c": must match ` + "`ingressClassName` when both are specified"}},
		"backend of nothing": {"", ingress + "{defaultBackend: {}}", []string{`spec.defaultBackend: Invalid value: "": resource or service backend is required`}},
		"backend's service": {"", ingress + "{defaultBackend: {service: {name: 1a, port: {number: 80, name: p}}}}",
			[]string{`spec.defaultBackend: Invalid value: "": cannot set both port name & port number`}},
		"backend's resource": {"", ingress + "{defaultBackend: {resource: {name: a/b}}}",
			[]string{`spec.defaultBackend.resource.kind: Required value: kind is required`, `spec.defaultBackend.resource.name: Invalid value: "a/b": may not contain '/'`}},
		"secret": {"", ingress + "{tls: [{secretName: A, hosts: ['*']}], defaultBackend: {service: {name: s, port: {name: p}}}}",
			[]string{`spec.tls[0].hosts[0]: Invalid value: "*": a wildcard DNS-1123 subdomain`, `spec.tls[0].secretName: Invalid value: "A": a lowercase RFC 1123 subdomain`}},
		"secret as before": {ingress + "{tls: [{secretName: A}], defaultBackend: {service: {name: s, port: {name: p}}}}", ingress + "{tls: [{secretName: B}], defaultBackend: {service: {name: s, port: {name: p}}}}", nil},
		"path": {"", ingress + "{rules: [{host: 1.2.3.4, http: {paths: [{path: a//.., pathType: Exact, backend: {service: {name: s, port: {number: 80}}}}]}}]}",
			[]string{`spec.rules[0].host: Invalid value: "1.2.3.4": must be a DNS name, not an IP address`, `spec.rules[0].http.paths[0].path: Invalid value: "a//..": must be an absolute path`,
				`spec.rules[0].http.paths[0].path: Invalid value: "a//..": must not contain '//'`, `spec.rules[0].http.paths[0].path: Invalid value: "a//..": cannot end with '/..'`}},
		"end of no range":          {"", networkPolicy + "{ingress: [{ports: [{endPort: 80}]}]}", []string{"spec.ingress[0].ports[0].endPort: Invalid value: 80: may not be specified when `port` is not specified"}},
		"end before the beginning": {"", networkPolicy + "{ingress: [{ports: [{port: 80, endPort: 79}]}]}", []string{"spec.ingress[0].ports[0].endPort: Invalid value: 79: must be greater than or equal to `port`"}},
		"block":                    {"", networkPolicy + "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/8]}}]}]}", []string{"spec.ingress[0].from[0].ipBlock.except[0]: Invalid value: \"10.0.0.0/8\": must be a strict subset of `cidr`"}},
		"zeros":                    {"", networkPolicy + "{ingress: [{from: [{ipBlock: {cidr: 010.0.0.0/8}}]}]}", []string{`spec.ingress[0].from[0].ipBlock.cidr: Invalid value: "010.0.0.0/8": must not have leading 0s in IP`}},
		"host's bits":              {"", networkPolicy + "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.1/8}}]}]}", []string{`spec.ingress[0].from[0].ipBlock.cidr: Invalid value: "10.0.0.1/8": must not have bits set beyond the prefix length`}},
		"zeros as before":          {networkPolicy + "{ingress: [{from: [{ipBlock: {cidr: 010.0.0.0/8}}]}]}", networkPolicy + "{ingress: [{from: [{ipBlock: {cidr: 010.0.0.0/8}}]}, {}]}", nil},
		"policy types":             {"", networkPolicy + "{policyTypes: [X]}", []string{`spec.policyTypes[0]: Unsupported value: "X": supported values: "Ingress", "Egress"`}},
		"two ranges of one family": {"", serviceCIDR + "{cidrs: [10.0.0.0/24, 10.1.0.0/24]}",
			[]string{`spec.cidrs: Invalid value: {"cidrs":["10.0.0.0/24","10.1.0.0/24"]}: may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/96`}},
		"range of the other family added": {serviceCIDR + "{cidrs: [10.0.0.0/24]}", serviceCIDR + "{cidrs: [10.0.0.0/24, 'fd00::/112']}", nil},
		"range changed":                   {serviceCIDR + "{cidrs: [10.0.0.0/24]}", serviceCIDR + "{cidrs: [10.1.0.0/24]}", []string{`spec.cidrs[0]: Invalid value: "10.1.0.0/24": field is immutable`}},
		"parameters of a namespace": {"", ingressClass + "{controller: a/b, parameters: {kind: k, name: n, scope: Namespace}}",
			[]string{"spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'"}},
		"address of a resource": {"", "apiVersion: networking.k8s.io/v1\nkind: IPAddress\nmetadata: {name: 10.0.0.1}\nspec: {parentRef: {group: A, resource: services, name: s}}",
			[]string{`spec.parentRef.group: Invalid value: "A": a lowercase RFC 1123 subdomain`}},
	})
	rules(t, "status", map[string]rule{
		"balancer's address": {ingress + "{}", ingress + "{}\nstatus: {loadBalancer: {ingress: [{ip: a, hostname: 1.2.3.4}]}}",
			[]string{`status.loadBalancer.ingress[0].ip: Invalid value: "a": must be a valid IP address`, `status.loadBalancer.ingress[0].hostname: Invalid value: "1.2.3.4": must be a DNS name, not an IP address`}},
	})
}
