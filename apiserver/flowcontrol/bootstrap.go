package flowcontrol

import (
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api/flowcontrol"
)

// The groups and users that the suggested schemas speak of.
const (
	nodes           = "system:nodes"
	accounts        = "system:serviceaccounts"
	authenticated   = "system:authenticated"
	unauthenticated = "system:unauthenticated"

	controllerManager = "system:kube-controller-manager"
	scheduler         = "system:kube-scheduler"
)

// BootstrapLevels returns the priority levels that every cluster has: first
// the mandatory ones, then those that Kubernetes suggests.
func BootstrapLevels() []*flowcontrolv1.PriorityLevelConfiguration {
	return []*flowcontrolv1.PriorityLevelConfiguration{
		mandatoryLevel(flowcontrolv1.PriorityLevelConfigurationNameExempt),
		mandatoryLevel(flowcontrolv1.PriorityLevelConfigurationNameCatchAll),
		limited("system", 30, 33, queues(64, 6)),
		limited("node-high", 40, 25, queues(64, 6)),
		limited("leader-election", 10, 0, queues(16, 4)),
		limited("workload-high", 40, 50, queues(128, 6)),
		limited("workload-low", 100, 90, queues(128, 6)),
		limited("global-default", 20, 50, queues(128, 6)),
	}
}

// BootstrapSchemas returns the flow schemas that every cluster has.
func BootstrapSchemas() []*flowcontrolv1.FlowSchema {
	const byUser, byNamespace = flowcontrolv1.FlowDistinguisherMethodByUserType, flowcontrolv1.FlowDistinguisherMethodByNamespaceType
	everyone := groups(unauthenticated, authenticated)
	kubeSystem := account(metav1.NamespaceSystem, flowcontrolv1.NameAll)
	return []*flowcontrolv1.FlowSchema{
		mandatorySchema(flowcontrolv1.FlowSchemaNameExempt),
		mandatorySchema(flowcontrolv1.FlowSchemaNameCatchAll),
		flowSchema("probes", "exempt", 2, "", flowcontrolv1.PolicyRulesWithSubjects{Subjects: everyone, NonResourceRules: []flowcontrolv1.NonResourcePolicyRule{
			{Verbs: []string{"get"}, NonResourceURLs: []string{"/healthz", "/readyz", "/livez"}},
		}}),
		flowSchema("system-leader-election", "leader-election", 100, byUser, flowcontrolv1.PolicyRulesWithSubjects{
			Subjects: append(users(controllerManager, scheduler), kubeSystem),
			ResourceRules: []flowcontrolv1.ResourcePolicyRule{
				on("coordination.k8s.io", []string{"leases"}, false, "get", "create", "update"),
			},
		}),
		flowSchema("system-node-high", "node-high", 400, byUser, flowcontrolv1.PolicyRulesWithSubjects{
			Subjects: groups(nodes),
			ResourceRules: []flowcontrolv1.ResourcePolicyRule{
				on("", []string{"nodes", "nodes/status"}, true, "*"),
				on("coordination.k8s.io", []string{"leases"}, false, "*"),
			},
		}),
		flowSchema("system-nodes", "system", 500, byUser, everything(groups(nodes))),
		flowSchema("kube-controller-manager", "workload-high", 800, byNamespace, everything(users(controllerManager))),
		flowSchema("kube-scheduler", "workload-high", 800, byNamespace, everything(users(scheduler))),
		flowSchema("kube-system-service-accounts", "workload-high", 900, byNamespace, everything([]flowcontrolv1.Subject{kubeSystem})),
		flowSchema("service-accounts", "workload-low", 9000, byUser, everything(groups(accounts))),
		flowSchema("global-default", "global-default", 9900, byUser, everything(everyone)),
	}
}

// mandatory tells whether an object of this name is kept as it is, whatever
// its annotation says.
func mandatory(name string) bool {
	_, ok := flowcontrol.MandatoryLevel(name)
	return ok
}

func mandatoryLevel(name string) *flowcontrolv1.PriorityLevelConfiguration {
	spec, _ := flowcontrol.MandatoryLevel(name)
	return &flowcontrolv1.PriorityLevelConfiguration{ObjectMeta: ours(name), Spec: spec}
}

func mandatorySchema(name string) *flowcontrolv1.FlowSchema {
	spec, _ := flowcontrol.MandatorySchema(name)
	return &flowcontrolv1.FlowSchema{ObjectMeta: ours(name), Spec: spec}
}

func ours(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Annotations: map[string]string{flowcontrolv1.AutoUpdateAnnotationKey: "true"}}
}

// limited is a level that queues, or rejects when q is nil.
func limited(name string, shares, lendable int32, q *flowcontrolv1.QueuingConfiguration) *flowcontrolv1.PriorityLevelConfiguration {
	response := flowcontrolv1.LimitResponse{Type: flowcontrolv1.LimitResponseTypeReject}
	if q != nil {
		response = flowcontrolv1.LimitResponse{Type: flowcontrolv1.LimitResponseTypeQueue, Queuing: q}
	}
	return &flowcontrolv1.PriorityLevelConfiguration{ObjectMeta: ours(name), Spec: flowcontrolv1.PriorityLevelConfigurationSpec{
		Type: flowcontrolv1.PriorityLevelEnablementLimited,
		Limited: &flowcontrolv1.LimitedPriorityLevelConfiguration{
			NominalConcurrencyShares: &shares, LendablePercent: &lendable, LimitResponse: response,
		},
	}}
}

func queues(n, hand int32) *flowcontrolv1.QueuingConfiguration {
	return &flowcontrolv1.QueuingConfiguration{Queues: n, HandSize: hand, QueueLengthLimit: 50}
}

func flowSchema(name, level string, precedence int32, by flowcontrolv1.FlowDistinguisherMethodType, rules flowcontrolv1.PolicyRulesWithSubjects) *flowcontrolv1.FlowSchema {
	s := &flowcontrolv1.FlowSchema{ObjectMeta: ours(name), Spec: flowcontrolv1.FlowSchemaSpec{
		PriorityLevelConfiguration: flowcontrolv1.PriorityLevelConfigurationReference{Name: level},
		MatchingPrecedence:         precedence, Rules: []flowcontrolv1.PolicyRulesWithSubjects{rules},
	}}
	if by != "" {
		s.Spec.DistinguisherMethod = &flowcontrolv1.FlowDistinguisherMethod{Type: by}
	}
	return s
}

func everything(subjects []flowcontrolv1.Subject) flowcontrolv1.PolicyRulesWithSubjects {
	all := []string{"*"}
	return flowcontrolv1.PolicyRulesWithSubjects{
		Subjects:         subjects,
		ResourceRules:    []flowcontrolv1.ResourcePolicyRule{{Verbs: all, APIGroups: all, Resources: all, Namespaces: all, ClusterScope: true}},
		NonResourceRules: []flowcontrolv1.NonResourcePolicyRule{{Verbs: all, NonResourceURLs: all}},
	}
}

func on(group string, resources []string, clusterScope bool, verbs ...string) flowcontrolv1.ResourcePolicyRule {
	return flowcontrolv1.ResourcePolicyRule{
		Verbs: verbs, APIGroups: []string{group}, Resources: resources, Namespaces: []string{flowcontrolv1.NamespaceEvery}, ClusterScope: clusterScope,
	}
}

func groups(names ...string) []flowcontrolv1.Subject {
	out := make([]flowcontrolv1.Subject, len(names))
	for i, n := range names {
		out[i] = flowcontrolv1.Subject{Kind: flowcontrolv1.SubjectKindGroup, Group: &flowcontrolv1.GroupSubject{Name: n}}
	}
	return out
}

func users(names ...string) []flowcontrolv1.Subject {
	out := make([]flowcontrolv1.Subject, len(names))
	for i, n := range names {
		out[i] = flowcontrolv1.Subject{Kind: flowcontrolv1.SubjectKindUser, User: &flowcontrolv1.UserSubject{Name: n}}
	}
	return out
}

func account(namespace, name string) flowcontrolv1.Subject {
	return flowcontrolv1.Subject{Kind: flowcontrolv1.SubjectKindServiceAccount,
		ServiceAccount: &flowcontrolv1.ServiceAccountSubject{Namespace: namespace, Name: name}}
}
