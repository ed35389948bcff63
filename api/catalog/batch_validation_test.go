package catalog

import "testing"

const (
	job     = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j, uid: u}\nspec: "
	cronJob = "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: j}\nspec: "
	asking  = "template: {metadata: {labels: {a: b}}, spec: {restartPolicy: Never, containers: [{name: c, image: i, resources: {requests: {cpu: "
	once    = "template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}"
)

func TestBatchRules(t *testing.T) {
	rules(t, "", map[string]rule{
		"job": {"", job + "{" + once + "}", nil},
		"manager": {"", job + "{managedBy: a, " + once + "}",
			[]string{`spec.managedBy: Invalid value: "a": must be a domain-prefixed path (such as "acme.io/foo")`}},
		"indexed without completions": {"", job + "{completionMode: Indexed, parallelism: 1, " + once + "}",
			[]string{`spec.completions: Required value: when completion mode is Indexed`}},
		"failed indexes of no index": {"", job + "{maxFailedIndexes: 1, " + once + "}",
			[]string{`spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified`, `spec.maxFailedIndexes: Invalid value: 1: requires indexed completion mode`}},
		"more failed indexes than there are": {"", job + "{completionMode: Indexed, completions: 2, backoffLimitPerIndex: 1, maxFailedIndexes: 3, " + once + "}",
			[]string{`spec.maxFailedIndexes: Invalid value: 3: must be less than or equal to completions`}},
		"very many completions": {"", job + "{completionMode: Indexed, completions: 100001, backoffLimitPerIndex: 1, " + once + "}",
			[]string{`spec.maxFailedIndexes: Required value: must be specified when completions is above 100000`}},
		"action per index": {"", job + "{podFailurePolicy: {rules: [{action: FailIndex, onExitCodes: {operator: In, values: [1]}}]}, " + once + "}",
			[]string{`spec.podFailurePolicy.rules[0].action: Invalid value: "FailIndex": requires the backoffLimitPerIndex to be set`}},
		"exit codes": {"", job + "{podFailurePolicy: {rules: [{action: FailJob, onExitCodes: {containerName: x, operator: In, values: [2, 0, 2]}}]}, " + once + "}",
			[]string{`spec.podFailurePolicy.rules[0].onExitCodes.containerName: Invalid value: "x": must be one of the container or initContainer names in the pod template`,
				`spec.podFailurePolicy.rules[0].onExitCodes.values[1]: Invalid value: 0: must not be 0 for the In operator`,
				`spec.podFailurePolicy.rules[0].onExitCodes.values[2]: Duplicate value: 2`,
				`spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: [2,0,2]: must be ordered`}},
		"replaced too early": {"", job + "{podReplacementPolicy: TerminatingOrFailed, podFailurePolicy: {rules: []}, " + once + "}",
			[]string{`spec.podReplacementPolicy: Unsupported value: "TerminatingOrFailed": supported values: "Failed"`}},
		"success without rules": {"", job + "{completionMode: Indexed, completions: 2, successPolicy: {}, " + once + "}",
			[]string{`spec.successPolicy.rules: Required value: at least one rules must be specified when the successPolicy is specified`}},
		"success of indexes": {"", job + "{completionMode: Indexed, completions: 4, successPolicy: {rules: [{succeededIndexes: '1,0-4'}, {succeededIndexes: '0-1', succeededCount: 3}]}, " + once + "}",
			[]string{`spec.successPolicy.rules[0].succeededIndexes: Invalid value: "1,0-4": error parsing succeededIndexes: too large index: "4"`,
				`spec.successPolicy.rules[1].succeededCount: Invalid value: 3: must be less than or equal to 2 (the number of indexes in the specified succeededIndexes field)`}},
		"another job's pods": {"", job + "{template: {metadata: {labels: {job-name: k}}, spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}",
			[]string{`spec.template.metadata.labels[job-name]: Invalid value: {"batch.kubernetes.io/controller-uid":"u","batch.kubernetes.io/job-name":"j","controller-uid":"u","job-name":"k"}: must be 'j'`}},
		"template changed": {job + "{" + once + "}", job + "{template: {spec: {restartPolicy: OnFailure, containers: [{name: c, image: i}]}}}",
			[]string{`spec.selector: Required value`, "spec.template.metadata.labels: Invalid value: null: `selector` does not match", `spec.selector: Invalid value: null: field is immutable`, `spec.template: Invalid value`}},
		"suspended, resources changed": {job + "{suspend: true, manualSelector: true, selector: {matchLabels: {a: b}}, " + asking + "1}}}]}}}",
			job + "{suspend: true, manualSelector: true, selector: {matchLabels: {a: b}}, " + asking + "2}}}]}}}", nil},
		"suspended, image changed": {job + "{suspend: true, manualSelector: true, selector: {matchLabels: {a: b}}, " + asking + "1}}}]}}}",
			job + "{suspend: true, manualSelector: true, selector: {matchLabels: {a: b}}, " + asking + "1}}, stdin: true}]}}}",
			[]string{`spec.template.spec: Invalid value: {`}},
		"schedule": {"", cronJob + "{schedule: '* * * * * *', jobTemplate: {spec: {" + once + "}}}",
			[]string{`spec.schedule: Invalid value: "* * * * * *": expected exactly 5 fields, found 6: [* * * * * *]`}},
		"zone in the schedule": {"", cronJob + "{schedule: 'TZ=UTC * * * * *', jobTemplate: {spec: {" + once + "}}}",
			[]string{`spec.schedule: Invalid value: "TZ=UTC * * * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead`}},
		"zone in the schedule as before": {cronJob + "{schedule: 'TZ=UTC * * * * *', jobTemplate: {spec: {" + once + "}}}", cronJob + "{suspend: true, schedule: 'TZ=UTC * * * * *', jobTemplate: {spec: {" + once + "}}}", nil},
		"zone outside": {"", cronJob + "{timeZone: ../UTC, schedule: '* * * * *', jobTemplate: {spec: {" + once + "}}}",
			[]string{`spec.timeZone: Invalid value: "../UTC": unknown time zone ../UTC`}},
		"a selector of its own": {"", cronJob + "{schedule: '* * * * *', jobTemplate: {spec: {selector: {matchLabels: {a: b}}, " + once + "}}}",
			[]string{"spec.jobTemplate.spec.selector: Invalid value: {\"matchLabels\":{\"a\":\"b\"}}: `selector` will be auto-generated"}},
	})
}

func TestJobStatusRules(t *testing.T) {
	plain := job + "{" + once + "}\nstatus: "
	rules(t, "status", map[string]rule{
		"complete": {plain + "{startTime: '2026-01-01T00:00:00Z'}",
			plain + "{startTime: '2026-01-01T00:00:00Z', completionTime: '2026-01-01T00:00:01Z', succeeded: 1, conditions: [{type: SuccessCriteriaMet, status: 'True'}, {type: Complete, status: 'True'}]}", nil},
		"complete too soon": {plain + "{}", plain + "{active: 1, ready: 2, terminating: 1, uncountedTerminatedPods: {failed: [a]}, conditions: [{type: Complete, status: 'True'}]}",
			[]string{`status.ready: Invalid value: 2: cannot set more ready pods than active`,
				`status.conditions: Invalid value: cannot set Complete=True condition without the SuccessCriteriaMet=true condition`,
				`status.completionTime: Required value: completionTime is required for Complete jobs`,
				`status.active: Invalid value: 1: active>0 is invalid for finished job`,
				`status.startTime: Required value: startTime is required for finished job`,
				`status.uncountedTerminatedPods: Invalid value: {"failed":["a"]}: uncountedTerminatedPods needs to be empty for finished job`,
				`status.terminating: Invalid value: 1: terminating>0 is invalid for finished job`}},
		"back again": {plain + "{failed: 2, succeeded: 2, conditions: [{type: FailureTarget, status: 'True'}]}", plain + "{failed: 1, succeeded: 1}",
			[]string{`status.conditions: Invalid value: cannot disable the terminal FailureTarget=True condition`,
				`status.failed: Invalid value: 1: cannot decrease the failed counter`, `status.succeeded: Invalid value: 1: cannot decrease the succeeded counter`}},
		"indexes": {job + "{completionMode: Indexed, completions: 5, backoffLimitPerIndex: 1, " + once + "}", job + "{completionMode: Indexed, completions: 5, backoffLimitPerIndex: 1, " + once + "}\nstatus: {completedIndexes: '0-2', failedIndexes: '2,3'}",
			[]string{`status.failedIndexes: Invalid value: "2,3": failedIndexes and completedIndexes overlap at index: 2`}},
		"an older status stays": {plain + "{active: 1, conditions: [{type: Complete, status: 'True'}]}", plain + "{active: 1, succeeded: 1, conditions: [{type: Complete, status: 'True'}]}", nil},
	})
}
