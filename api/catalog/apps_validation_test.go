package catalog

import "testing"

const (
	daemonSet   = "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: d}\nspec: "
	replicaSet  = "apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: d}\nspec: "
	statefulSet = "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: d}\nspec: "
	selected    = "selector: {matchLabels: {a: b}}, " + okTemplate
)

func TestWorkloadRules(t *testing.T) {
	rules(t, "", map[string]rule{
		"negative replicas": {"", deployment + "{replicas: -1, " + selected + "}", []string{`spec.replicas: Invalid value: -1: must be greater than or equal to 0`}},
		"empty selector": {"", replicaSet + "{selector: {}, " + okTemplate + "}",
			[]string{`spec.selector: Invalid value: {}: empty selector is invalid for deployment`}},
		"strategy that stands still": {"", deployment + "{strategy: {rollingUpdate: {maxSurge: 0%, maxUnavailable: 0}}, " + selected + "}",
			[]string{"spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0"}},
		"recreate in turns": {"", deployment + "{strategy: {type: Recreate, rollingUpdate: {}}, " + selected + "}",
			[]string{"spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"}},
		"deadline before ready": {"", deployment + "{minReadySeconds: 10, progressDeadlineSeconds: 10, " + selected + "}",
			[]string{`spec.progressDeadlineSeconds: Invalid value: 10: must be greater than minReadySeconds`}},
		"pods that end": {"", deployment + "{selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {restartPolicy: Never, activeDeadlineSeconds: 1, containers: [{name: c, image: i}]}}}",
			[]string{`spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"`,
				`spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicaSet is not Supported`}},
		"template's labels": {"", deployment + "{selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b, c: -d}}, spec: {containers: [{name: c, image: i}]}}}",
			[]string{`spec.template.labels: Invalid value: "-d": a valid label must be`}},
		"daemons neither more nor less": {"", daemonSet + "{updateStrategy: {rollingUpdate: {maxUnavailable: 0}}, " + selected + "}",
			[]string{`spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0`}},
		"daemons both more and less": {"", daemonSet + "{updateStrategy: {rollingUpdate: {maxSurge: 1}}, " + selected + "}",
			[]string{`spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero`}},
		"daemons more than all": {"", daemonSet + "{updateStrategy: {rollingUpdate: {maxSurge: 101%, maxUnavailable: 0}}, " + selected + "}",
			[]string{`spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: "101%": must not be greater than 100%`}},
		"daemons without a selector": {"", daemonSet + "{" + okTemplate + "}",
			[]string{"spec.template.metadata.labels: Invalid value: {\"a\":\"b\"}: `selector` does not match template `labels`"}},
		"set's service":         {"", statefulSet + "{serviceName: A, " + selected + "}", []string{`spec.serviceName: Invalid value: "A": a lowercase RFC 1123 label`}},
		"set's pods' own names": {"", statefulSet + "{selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {hostname: A_, subdomain: B_, containers: [{name: c, image: i}]}}}", nil},
		"set's volumes behind its claims": {"", statefulSet + "{selector: {matchLabels: {a: b}}, volumeClaimTemplates: [{metadata: {name: v}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1}}}}], template: {metadata: {labels: {a: b}}, spec: {volumes: [{name: V_, emptyDir: {}}], containers: [{name: c, image: i, volumeMounts: [{name: v, mountPath: /v}]}]}}}",
			[]string{`spec.template.spec.volumes[1].name: Invalid value: "V_"`}},
		"set's policy": {"", statefulSet + "{podManagementPolicy: X, " + selected + "}",
			[]string{`spec.podManagementPolicy: Invalid value: "X": must be 'OrderedReady' or 'Parallel'`}},
		"set all at once": {"", statefulSet + "{updateStrategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 0}}, " + selected + "}",
			[]string{`spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: 0: cannot be 0`}},
		"set's retention": {"", statefulSet + "{persistentVolumeClaimRetentionPolicy: {whenDeleted: X}, " + selected + "}",
			[]string{`spec.persistentVolumeClaimRetentionPolicy.whenDeleted: Unsupported value: "X": supported values: "Retain", "Delete"`}},
		"set's service changed": {statefulSet + "{serviceName: a, " + selected + "}", statefulSet + "{serviceName: b, " + selected + "}",
			[]string{`spec.serviceName: Invalid value: "b": field is immutable`}},
		"set's pods otherwise managed": {statefulSet + "{" + selected + "}", statefulSet + "{podManagementPolicy: Parallel, " + selected + "}",
			[]string{`spec.podManagementPolicy: Invalid value: "Parallel": field is immutable`}},
		"daemon set's selector changed": {daemonSet + "{" + selected + "}", daemonSet + "{selector: {matchLabels: {a: c}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}}",
			[]string{`spec.selector: Invalid value: {"matchLabels":{"a":"c"}}: field is immutable`,
				"spec.template.metadata.labels: Invalid value: {\"a\":\"b\"}: `selector` does not match template `labels`"}},
		"set with an older template": {statefulSet + "{selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: []}}}",
			statefulSet + "{replicas: 2, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: []}}}", nil},
		"revision of a list":    {"", "apiVersion: apps/v1\nkind: ControllerRevision\nmetadata: {name: r}\nrevision: 1\ndata: []", []string{`data: Required value: data must be a valid JSON object`}},
		"unknown strategy":      {"", deployment + "{strategy: {type: X}, " + selected + "}", []string{`spec.strategy: Unsupported value: {"Type":"X","RollingUpdate":null}: supported values: "Recreate", "RollingUpdate"`}},
		"revision without data": {"", "apiVersion: apps/v1\nkind: ControllerRevision\nmetadata: {name: r}\nrevision: 1", []string{`data: Required value: data is mandatory`}},
	})
	rules(t, "status", map[string]rule{
		"more ready than there are": {deployment + "{" + selected + "}", deployment + "{" + selected + "}\nstatus: {replicas: 1, readyReplicas: 2, availableReplicas: 3}",
			[]string{`status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas`,
				`status.availableReplicas: Invalid value: 3: cannot be greater than status.replicas`,
				`status.availableReplicas: Invalid value: 3: cannot be greater than readyReplicas`}},
		"fewer collisions": {daemonSet + "{" + selected + "}\nstatus: {collisionCount: 2}", daemonSet + "{" + selected + "}\nstatus: {collisionCount: 1}",
			[]string{`status.collisionCount: Invalid value: 1: cannot be decremented`}},
		"more available than ready": {statefulSet + "{" + selected + "}", statefulSet + "{" + selected + "}\nstatus: {replicas: 2, readyReplicas: 1, availableReplicas: 2}",
			[]string{`status.availableReplicas: Invalid value: 2: cannot be greater than status.readyReplicas`}},
	})
}

// TestTemplateCount: the count of a daemon set's templates is not the status
// subresource's to change.
func TestTemplateCount(t *testing.T) {
	old, r := decode(t, []byte("apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: d, annotations: {deprecated.daemonset.template.generation: '3'}}\nspec: {"+selected+"}"))
	for _, manifest := range []string{daemonSet + "{}", "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: d, annotations: {deprecated.daemonset.template.generation: '7'}}"} {
		o, _ := decode(t, []byte(manifest))
		r.Subresources["status"].Prepare(o, old)
		if got := o.GetAnnotations()["deprecated.daemonset.template.generation"]; got != "3" {
			t.Errorf("got %s", got)
		}
	}
}
