package catalog

import "testing"

const (
	autoscaler = "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: h}\nspec: "
	scaled     = "maxReplicas: 2, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: d}"
	budget     = "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: b}\nspec: "
)

func TestAutoscalingRules(t *testing.T) {
	rules(t, "", map[string]rule{
		"autoscaler": {"", autoscaler + "{" + scaled + "}", nil},
		"empty": {"", autoscaler + "{}", []string{
			"spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`",
			`spec.scaleTargetRef.kind: Required value`, `spec.scaleTargetRef.name: Required value`, `spec.scaleTargetRef.apiVersion: Invalid value: "": apiVersion must specify API group`, `spec.maxReplicas: Required value`}},
		"deployment of the core group": {"", autoscaler + "{maxReplicas: 2, scaleTargetRef: {apiVersion: v1, kind: Deployment, name: d}}",
			[]string{`spec.scaleTargetRef.apiVersion: Invalid value: "v1": apiVersion must specify API group`}},
		"deployment of the core group as before": {autoscaler + "{maxReplicas: 2, scaleTargetRef: {apiVersion: v1, kind: Deployment, name: d}}", autoscaler + "{maxReplicas: 3, scaleTargetRef: {apiVersion: v1, kind: Deployment, name: d}}", nil},
		"controller of the core group":           {"", autoscaler + "{maxReplicas: 2, scaleTargetRef: {apiVersion: v1, kind: ReplicationController, name: d}}", nil},
		"scale to zero":                          {"", autoscaler + "{minReplicas: 0, " + scaled + "}", []string{`spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to zero replicas`}},
		"two metrics in one": {"", autoscaler + "{metrics: [{type: Pods, pods: {metric: {name: m}, target: {type: Value, value: 1}}, resource: {name: cpu, target: {type: Utilization, averageUtilization: 1}}}], " + scaled + "}",
			[]string{`spec.metrics[0].pods.target.averageValue: Required value: must specify a positive target averageValue`, `spec.metrics[0].resource: Forbidden: must populate the given metric source only`}},
		"both targets": {"", autoscaler + "{metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 0, averageValue: 1}}}], " + scaled + "}",
			[]string{`spec.metrics[0].resource.target.averageUtilization: Invalid value: 0: must be greater than 0`, `spec.metrics[0].resource.target.averageValue: Forbidden: may not set both a target raw value and a target utilization`}},
		"behavior": {"", autoscaler + "{behavior: {scaleUp: {stabilizationWindowSeconds: 3601, selectPolicy: X, tolerance: -1, policies: [{type: X, value: 0, periodSeconds: 1801}]}}, " + scaled + "}",
			[]string{`spec.behavior.scaleUp.stabilizationWindowSeconds: Invalid value: 3601: must be less than or equal to 3600`,
				`spec.behavior.scaleUp.selectPolicy: Unsupported value: "X": supported values: "Disabled", "Max", "Min"`,
				`spec.behavior.scaleUp.policies[0].type: Unsupported value: "X": supported values: "Percent", "Pods"`,
				`spec.behavior.scaleUp.policies[0].value: Invalid value: 0: must be greater than zero`,
				`spec.behavior.scaleUp.policies[0].periodSeconds: Invalid value: 1801: must be less than or equal to 1800`,
				`spec.behavior.scaleUp.tolerance: Invalid value: "-1": must be greater than or equal to 0`}},
		"budget of both": {"", budget + "{minAvailable: 1, maxUnavailable: 101%}",
			[]string{`spec: Invalid value: {"minAvailable":1,"maxUnavailable":"101%"}: minAvailable and maxUnavailable cannot be both set`, `spec.maxUnavailable: Invalid value: "101%": must not be greater than 100%`}},
		"selector as before": {budget + "{selector: {matchExpressions: [{key: a, operator: In, values: [-b]}]}}", budget + "{minAvailable: 1, selector: {matchExpressions: [{key: a, operator: In, values: [-b]}]}}", nil},
	})
	rules(t, "status", map[string]rule{
		"negative budget": {budget + "{}", budget + "{}\nstatus: {disruptionsAllowed: -1}", []string{`status.disruptionsAllowed: Invalid value: -1: must be greater than or equal to 0`}},
	})
}
