package catalog

import (
	"strings"
	"testing"
)

const (
	slice        = "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: s}\n"
	role         = "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: b}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: "
	runtimeClass = "apiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata: {name: r}\nhandler: h\n"
	lease        = "apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata: {name: l}\nspec: "
	request      = "apiVersion: certificates.k8s.io/v1\nkind: CertificateSigningRequest\nmetadata: {name: 'system:node:a'}\nspec: "
)

func TestSmallGroupRules(t *testing.T) {
	rules(t, "", map[string]rule{
		"slice's addresses": {"", slice + "addressType: IPv4\nendpoints: [{addresses: [127.0.0.1]}, {addresses: ['fd00::1']}, {addresses: []}]",
			[]string{`endpoints[0].addresses[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)`,
				`endpoints[1].addresses[0]: Invalid value: "fd00::1": must be an IPv4 address`, `endpoints[2].addresses: Required value`}},
		"slice's hints": {"", slice + "addressType: FQDN\nendpoints: [{addresses: [a.b], nodeName: A, hints: {forZones: [{name: a}, {name: a}], forNodes: [{name: B}]}}]",
			[]string{`endpoints[0].nodeName: Invalid value: "A": a lowercase`, `endpoints[0].hints.forZones[1].name: Duplicate value: "a"`, `endpoints[0].hints.forNodes[0].name: Invalid value: "B": a lowercase`}},
		"another role": {role + "a}", role + "b}", []string{`roleRef: Invalid value: {"APIGroup":"rbac.authorization.k8s.io","Kind":"Role","Name":"b"}: field is immutable`}},
		"slice's ports": {"", slice + "addressType: IPv4\nendpoints: []\nports: [{}, {appProtocol: a b}]",
			[]string{`ports[1].name: Duplicate value: ""`, `ports[1].appProtocol: Invalid value: "a b": name part must consist of`}},
		"runtime class": {"", runtimeClass + "overhead: {podFixed: {cpu: -1}}\nscheduling: {tolerations: [{key: a, operator: Exists}, {key: a, operator: Exists}]}",
			[]string{`overhead.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0`, `scheduling.tolerations[1]: Duplicate value`}},
		"runtime class of nothing": {"", strings.Replace(runtimeClass, "handler: h", "handler: ''", 1) + "scheduling: {tolerations: [{operator: Equal}]}",
			[]string{`handler: Required value`, `scheduling.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when`}},
		"lease's strategy":  {"", lease + "{strategy: X, leaseDurationSeconds: 0}", []string{`spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0`, `spec.strategy.strategy: Unsupported value: "X": supported values: "OldestEmulationVersion"`}},
		"system class":      {"", "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: system-node-critical}\nvalue: 1", []string{`metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: value of system-node-critical PriorityClass must be 2000001000`}},
		"request":           {"", request + "{request: YQ==, usages: [fly, any, any], signerName: a/b}", []string{`spec.request: Invalid value: "YQ==": PEM block type must be CERTIFICATE REQUEST`, `spec.usages[0]: Unsupported value: "fly"`, `spec.usages[2]: Duplicate value: "any"`, `spec.signerName: Invalid value: "a": should be a domain with at least two segments separated by dots`}},
		"request of no one": {"", request + "{request: YQ==, signerName: kubernetes.io/legacy-unknown}", []string{`spec.request: Invalid value`, `spec.usages: Required value`, `spec.signerName: Invalid value: "kubernetes.io/legacy-unknown": the legacy signerName is not allowed via this API version`}},
	})
	const event = "apiVersion: v1\nkind: Event\nmetadata: {name: Any_Name, namespace: default}\ninvolvedObject: {kind: Pod, name: p, namespace: default}\n"
	const node = "apiVersion: v1\nkind: Node\nmetadata: {name: n}\nspec: "
	rules(t, "", map[string]rule{
		"an event of old": {"", event, nil},
		"an event with a time": {"", event + "eventTime: '2026-01-01T00:00:00.000000Z'\nreportingInstance: " + strings.Repeat("a", 129),
			[]string{`reportingComponent: Required value`, `reportingComponent: Invalid value: ""`, `reportingComponent: Invalid value: ""`, `reportingInstance: Invalid value: "": can have at most 128 characters`, `action: Required value`, `reason: Required value`}},
		"an event of elsewhere":      {"", strings.Replace(event, "p, namespace: default", "p, namespace: other", 1), []string{`involvedObject.namespace: Invalid value: "other": does not match event.namespace`}},
		"a range in the older field": {"", node + "{podCIDR: x, podCIDRs: [10.0.0.0/24]}", []string{`spec.podCIDRs[0]: Invalid value: "x": must be a valid CIDR value`}},
		"a range in both fields":     {"", node + "{podCIDR: 10.0.0.0/24, podCIDRs: [x]}", nil},
		"a range of no form": {node + "{}", node + "{podCIDR: x, podCIDRs: [x, x]}",
			[]string{`spec.podCIDRs[0]: Invalid value: "x": must be a valid CIDR value`, `spec.podCIDRs[1]: Invalid value: "x"`, `spec.podCIDRs: Internal error: invalid PodCIDRs.`, `spec.podCIDRs: Invalid value: ["x","x"]: may specify no more than one CIDR for each IP family`}},
		"a range and a provider changed": {node + "{podCIDR: 10.0.0.0/24, podCIDRs: [10.0.0.0/24], providerID: a}", node + "{podCIDR: x, podCIDRs: [x], providerID: b, taints: [{key: a b, effect: NoSchedule}]}",
			[]string{`metadata.taints[0].key: Invalid value: "a b"`, `spec.podCIDRs[0]: Invalid value: "x"`, `spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid`, `spec.providerID: Invalid value: null: field cannot be modified once set`}},
		"a provider cleared": {node + "{providerID: a}", node + "{}", []string{`spec.providerID: Invalid value: null: field cannot be cleared once set`}},
	})
	const of = "apiVersion: storagemigration.k8s.io/v1\nkind: StorageVersionMigration\nmetadata: {name: m}\nspec: {resource: {resource: secrets}}\nstatus: "
	condition := func(kind, status string) string {
		return "{type: " + kind + ", status: '" + status + "', reason: R, message: '', lastTransitionTime: '2026-01-01T00:00:00Z'}"
	}
	rules(t, "", map[string]rule{
		"a migration of nothing":       {"", "apiVersion: storagemigration.k8s.io/v1\nkind: StorageVersionMigration\nmetadata: {name: m}\nspec: {resource: {group: apps}}", []string{`spec.resource.resource: Required value: resource is required`}},
		"a migration of another thing": {of + "{}", strings.Replace(of, "secrets", "pods", 1) + "{}", []string{`spec: Invalid value: {"resource":{"group":"","resource":"pods"}}: field is immutable`}},
	})
	rules(t, "status", map[string]rule{
		"a migration from nowhere": {of + "{}", of + "{resourceVersion: x}", []string{`status.resourceVersion: Invalid value: "x": resource version is not well formed: x`}},
		"a migration from below":   {of + "{}", of + "{resourceVersion: '-1'}", []string{`status.resourceVersion: Invalid value: "-1": resource version is not well formed: -1`}},
		"a migration from elsewhere": {of + "{resourceVersion: '1'}", of + "{resourceVersion: '2', conditions: [{type: Running}]}",
			[]string{`status.conditions[0].status: Required value`, `status.conditions[0].lastTransitionTime: Required value`, `status.conditions[0].reason: Required value`, `status.resourceVersion: Invalid value: "2": field is immutable`}},
		"a migration that ended in every way": {of + "{}", of + "{conditions: [" + condition("Succeeded", "True") + ", " + condition("Failed", "True") + ", " + condition("Running", "True") + "]}",
			[]string{`status.conditions: Invalid value: [`, `status.conditions: Invalid value: [`, `status.conditions: Invalid value: [`}},
		"a migration that ended, taken back": {of + "{conditions: [" + condition("Succeeded", "True") + "]}", of + "{conditions: [" + condition("Succeeded", "False") + "]}",
			[]string{`status.conditions: Invalid value: [`}},
		"a migration that failed, taken back": {of + "{conditions: [" + condition("Failed", "True") + "]}", of + "{}", []string{`status.conditions: Invalid value: null: Failed condition cannot be set to false once it is true`}},
	})
	rules(t, "approval", map[string]rule{
		"both": {request + "{}", request + "{}\nstatus: {conditions: [{type: Approved, status: 'False'}, {type: Denied, status: 'True'}]}",
			[]string{`status.conditions[0].status: Unsupported value: "False": supported values: "True"`, "status.conditions: Invalid value: \"{conditions[{\\\"type\\\": \\\"Approved\\\"}], conditions[{\\\"type\\\": \\\"Denied\\\"}]}\": must specify at most one of: `conditions[{\"type\": \"Approved\"}]`, `conditions[{\"type\": \"Denied\"}]`"}},
		"taken back": {request + "{}\nstatus: {conditions: [{type: Approved, status: 'True'}]}", request + "{}", []string{`status.conditions: Forbidden: updates may not remove a condition of type "Approved"`}},
	})
	rules(t, "status", map[string]rule{
		"certificate of nothing": {request + "{}", request + "{}\nstatus: {certificate: YQ==}", []string{`status.certificate: Invalid value: "<certificate data>": must contain at least one CERTIFICATE PEM block`}},
	})
}

func TestFlowRules(t *testing.T) {
	schema := func(rule string) string {
		return "apiVersion: flowcontrol.apiserver.k8s.io/v1\nkind: FlowSchema\nmetadata: {name: f}\nspec: {matchingPrecedence: 2, priorityLevelConfiguration: {name: p}, rules: [" + rule + "]}\nstatus: "
	}
	rules(t, "", map[string]rule{
		"account": {"", schema("{subjects: [{kind: ServiceAccount, serviceAccount: {name: A, namespace: B}}], nonResourceRules: [{verbs: ['*'], nonResourceURLs: [a, /b//c, '/d*']}]}") + "{}",
			[]string{`spec.rules[0].subjects[0].serviceAccount.name: Invalid value: "A": a lowercase`, `spec.rules[0].subjects[0].serviceAccount.namespace: Invalid value: "B": a lowercase`,
				`spec.rules[0].nonResourceRules[0].nonResourceURLs[0]: Invalid value: "a": must start with slash`,
				`spec.rules[0].nonResourceRules[0].nonResourceURLs[1]: Invalid value: "/b//c": must not contain double slash`,
				`spec.rules[0].nonResourceRules[0].nonResourceURLs[2]: Invalid value: "/d*": wildcard can only do suffix matching`}},
		"namespaces": {"", schema("{subjects: [{kind: User, user: {name: u}}], resourceRules: [{verbs: ['*'], apiGroups: ['*'], resources: ['*'], namespaces: [A]}]}") + "{}",
			[]string{`spec.rules[0].resourceRules[0].namespaces[0]: Invalid value: "A": each member of this list must be '*' or a DNS-1123 label; a lowercase`}},
	})
	level := func(name, spec string) string {
		return "apiVersion: flowcontrol.apiserver.k8s.io/v1\nkind: PriorityLevelConfiguration\nmetadata: {name: " + name + "}\nspec: " + spec
	}
	fixed := func(name, rest string) string {
		return "apiVersion: flowcontrol.apiserver.k8s.io/v1\nkind: FlowSchema\nmetadata: {name: " + name + "}\nspec: {priorityLevelConfiguration: {name: " + name + "}, " + rest + ", resourceRules: [{verbs: ['*'], apiGroups: ['*'], resources: ['*'], namespaces: ['*'], clusterScope: true}], nonResourceRules: [{verbs: ['*'], nonResourceURLs: ['*']}]}]}"
	}
	masters := "matchingPrecedence: 1, rules: [{subjects: [{kind: Group, group: {name: 'system:masters'}}]"
	everyone := "distinguisherMethod: {type: ByUser}, rules: [{subjects: [{kind: Group, group: {name: 'system:unauthenticated'}}, {kind: Group, group: {name: 'system:authenticated'}}]"
	catchAll := level("catch-all", "{type: Limited, limited: {nominalConcurrencyShares: 5, limitResponse: {type: Reject}}}")
	rules(t, "", map[string]rule{
		"exempt":            {"", level("exempt", "{type: Exempt, exempt: {lendablePercent: 50}}"), nil},
		"exempt of nothing": {"", level("exempt", "{type: Exempt}"), nil},
		"exempt limited": {"", level("exempt", "{type: Limited, limited: {limitResponse: {type: Reject}}}"),
			[]string{`spec.type: Invalid value: "Limited": type must be 'Exempt' if and only if name is 'exempt'`,
				`spec: Invalid value: {"type":"Limited","limited":{"nominalConcurrencyShares":30,"limitResponse":{"type":"Reject"},"lendablePercent":0}}: spec of 'exempt' except the 'spec.exempt' field must equal the fixed value`}},
		"catch-all": {"", catchAll, nil},
		"catch-all with more": {catchAll, level("catch-all", "{type: Limited, limited: {nominalConcurrencyShares: 6, limitResponse: {type: Reject}}}"),
			[]string{`spec: Invalid value: {"type":"Limited","limited":{"nominalConcurrencyShares":6,"limitResponse":{"type":"Reject"},"lendablePercent":0}}: spec of 'catch-all' must equal the fixed value`}},
		"schema of the exempt": {"", fixed("exempt", masters), nil},
		"schema of all":        {"", fixed("catch-all", "matchingPrecedence: 10000, "+everyone), nil},
		"schema of all, earlier": {"", fixed("catch-all", "matchingPrecedence: 9999, "+everyone),
			[]string{`spec: Invalid value: {"priorityLevelConfiguration":{"name":"catch-all"},"matchingPrecedence":9999`}},
	})
	rules(t, "status", map[string]rule{
		"condition twice": {schema("") + "{}", schema("") + "{conditions: [{type: Dangling}, {type: Dangling}]}", []string{`status.conditions[1].type: Duplicate value: "Dangling"`}},
	})
}
