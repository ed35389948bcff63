//go:build conformance

package conformance

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// job is a manifest of a Job main whose pods run a script.
func job(script, spec, podSpec string) string {
	return `{apiVersion: batch/v1, kind: Job, metadata: {name: main, labels: {app: main}}, spec: {` + join(spec, `template: {metadata: {labels: {app: main}}, spec: {`+
		join("restartPolicy: Never", "terminationGracePeriodSeconds: 1", fmt.Sprintf("containers: [{name: main, image: %s, imagePullPolicy: IfNotPresent, command: [sh, -c, %q]}]", image, script), podSpec)+`}}`) + `}}`
}

// ends waits until the Job has a condition, and returns it.
func (t *T) ends(condition string) object {
	t.Helper()
	return t.wait("jobs/main", "the Job is "+condition, func(o object) error { return want(condition, o.condition(condition), "True") })
}

func reason(o object, condition string) string {
	for _, c := range o.list("status.conditions") {
		if c.str("type") == condition {
			return c.str("reason")
		}
	}
	return ""
}

const indexed = "completionMode: Indexed"

// succeeds runs a Job with a success policy.
func succeeds(script, policy string) func(*T) {
	return func(t *T) {
		t.create(job(script, join(indexed, "completions: 3, parallelism: 3", "successPolicy: {rules: ["+policy+"]}"), ""))
		o := t.ends("Complete")
		t.equal("SuccessCriteriaMet", o.condition("SuccessCriteriaMet"), "True")
		t.until("nothing runs on", func() error { return want("active", t.get("jobs/main").num("status.active"), 0) })
	}
}

func init() {
	add(map[string]func(*T){
		"APP027": func(t *T) {
			uid := t.create(job("sleep 600", "parallelism: 2, completions: 2", "")).str("metadata.uid")
			t.waitField("jobs/main", "status.ready", "2")
			name := t.mainPods()[0].name()
			t.patch("pods/"+name, `{"metadata":{"ownerReferences":null}}`)
			t.wait("pods/"+name, "it is adopted", func(o object) error { return want("owner", owner(o), uid) })
			t.patch("pods/"+name, `{"metadata":{"labels":null}}`)
			t.wait("pods/"+name, "it is released", func(o object) error { return want("owner", owner(o), "") })
		},
		"APP029": func(t *T) {
			t.create(job("exit 42", "parallelism: 2, completions: 4, backoffLimit: 6, podFailurePolicy: {rules: [{action: FailJob, onExitCodes: {containerName: main, operator: In, values: [42]}}]}", ""))
			t.equal("reason", reason(t.ends("Failed"), "Failed"), "PodFailurePolicy")
		},
		"APP028": func(t *T) {
			text := job("if test -f /v/$JOB_COMPLETION_INDEX; then exit 0; fi; touch /v/$JOB_COMPLETION_INDEX; sleep 600", join(indexed, "parallelism: 2, completions: 2, backoffLimit: 0, podFailurePolicy: {rules: [{action: Ignore, onPodConditions: [{type: DisruptionTarget}]}]}"), "nodeName: node-1, volumes: [{name: v, hostPath: {path: "+t.TempDir()+", type: Directory}}]")
			t.create(strings.Replace(text, "name: main, image", "volumeMounts: [{name: v, mountPath: /v}], name: main, image", 1))
			t.waitField("jobs/main", "status.ready", "2")
			for _, p := range t.mainPods() {
				t.shows(p.name(), "ls /v", p.at("metadata.annotations").(map[string]any)["batch.kubernetes.io/job-completion-index"].(string))
				t.post("pods/"+p.name()+"/eviction", fmt.Sprintf(`{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":%q}}`, p.name()), 201)
			}
			t.equal("failed", t.ends("Complete").condition("Failed"), "")
		},
		"APP030": func(t *T) {
			t.create(job("sleep 600", "parallelism: 2, completions: 2", ""))
			t.waitField("jobs/main", "status.active", "2")
			o := t.patch("jobs/main/status", `{"metadata":{"annotations":{"patched":"yes"}},"status":{"startTime":null}}`, 200, 422)
			if o.str("kind") == "Status" {
				o = t.patch("jobs/main/status", `{"metadata":{"annotations":{"patched":"yes"}}}`)
			}
			t.equal("annotation", o.str("metadata.annotations.patched"), "yes")
			t.update("jobs/main/status", func(o object) { o.set("metadata.annotations.updated", "yes") })
			t.equal("annotation", t.get("jobs/main/status").str("metadata.annotations.updated"), "yes")
		},
		"APP031": func(t *T) {
			t.create(job("echo $JOB_COMPLETION_INDEX; hostname", join(indexed, "completions: 4, parallelism: 2"), ""))
			t.equal("completed", t.ends("Complete").str("status.completedIndexes"), "0-3")
			var seen []string
			for _, p := range t.mainPods() {
				index := p.at("metadata.annotations").(map[string]any)["batch.kubernetes.io/job-completion-index"].(string)
				seen = append(seen, index)
				t.equal("output", t.logs(p.name(), ""), index+"\nmain-"+index+"\n")
			}
			slices.Sort(seen)
			t.equal("indexes", seen, []string{"0", "1", "2", "3"})
		},
		"APP032": func(t *T) {
			t.create(job("sleep 600", "parallelism: 2, completions: 4", ""))
			t.waitField("jobs/main", "status.active", "2")
			t.equal("pods", len(t.mainPods()), 2)
			t.removeWith("jobs/main", "Foreground")
			t.gone("jobs/main")
			t.equal("pods", len(t.mainPods()), 0)
		},
		"APP033": func(t *T) {
			t.create(job("if test $JOB_COMPLETION_INDEX = 1; then exit 1; fi; if test $JOB_COMPLETION_INDEX = 3; then exit 1; fi", join(indexed, "completions: 4, parallelism: 4, backoffLimitPerIndex: 1"), ""))
			o := t.ends("Failed")
			t.equal("indexes", o.str("status.failedIndexes")+" "+o.str("status.completedIndexes"), "1,3 0,2")
		},
		"APP034": func(t *T) {
			t.create(job("true", "suspend: true", ""))
			t.patch("jobs/main", `{"metadata":{"labels":{"patched":"`+t.ns+`"}}}`)
			o := t.update("jobs/main", func(o object) { o.set("metadata.annotations.updated", "yes") })
			t.equal("annotation", o.str("metadata.annotations.updated"), "yes")
			t.equal("listed", len(t.items("/apis/batch/v1/jobs?labelSelector=patched%3D"+t.ns)), 1)
			t.call(request{Method: "DELETE", Path: "jobs?labelSelector=patched%3D" + t.ns})
			t.gone("jobs/main")
		},
		"APP035": func(t *T) {
			t.create(job("if test $JOB_COMPLETION_INDEX = 1; then exit 42; fi", join(indexed, "completions: 2, parallelism: 2, backoffLimitPerIndex: 3, podFailurePolicy: {rules: [{action: FailIndex, onExitCodes: {operator: In, values: [42]}}]}"), ""))
			o := t.ends("Failed")
			t.equal("failed", o.str("status.failedIndexes")+" "+o.str("status.failed"), "1 1")
		},
		"APP036": func(t *T) {
			text := strings.Replace(job("if test -f /v/x; then exit 0; fi; touch /v/x; exit 1", "completions: 2, parallelism: 2", "volumes: [{name: v, emptyDir: {}}]"), "restartPolicy: Never", "restartPolicy: OnFailure", 1)
			t.create(strings.Replace(text, "name: main, image", "volumeMounts: [{name: v, mountPath: /v}], name: main, image", 1))
			t.equal("succeeded", t.ends("Complete").num("status.succeeded"), 2)
		},
		"APP037": func(t *T) {
			t.create(job("if test $JOB_COMPLETION_INDEX = 0; then sleep 600; fi; exit 1", join(indexed, "completions: 4, parallelism: 4, backoffLimitPerIndex: 0, maxFailedIndexes: 1"), ""))
			o := t.ends("Failed")
			t.equal("reason", reason(o, "Failed"), "MaxFailedIndexesExceeded")
			t.until("nothing runs on", func() error { return want("active", t.get("jobs/main").num("status.active"), 0) })
		},
		"APP038": succeeds("true", "{succeededIndexes: 0-2}"),
		"APP039": succeeds("if test $JOB_COMPLETION_INDEX != 0; then sleep 600; fi", "{succeededCount: 1}"),
		"APP040": succeeds("if test $JOB_COMPLETION_INDEX != 0; then sleep 600; fi", "{succeededIndexes: '0'}"),
		"APP002": cronJob("suspend: true", "sleep 300", func(t *T) {
			t.never("a job", 65*time.Second, func() error { return want("jobs", len(t.items("jobs")), 0) })
		}),
	})
}

func cronJob(spec, script string, check func(*T)) func(*T) {
	return func(t *T) {
		t.create(`{apiVersion: batch/v1, kind: CronJob, metadata: {name: main}, spec: {` + join("schedule: '*/1 * * * *'", spec) + `, jobTemplate: {spec: {template: {spec: {restartPolicy: OnFailure, terminationGracePeriodSeconds: 1, containers: [{name: main, image: ` + image + `, command: [sh, -c, "` + script + `"]}]}}}}}}`)
		check(t)
	}
}

// activeJobs waits, over a minute's end or two, until the CronJob has n jobs
// that run.
func (t *T) activeJobs(n int) []object {
	t.Helper()
	for end := time.Now().Add(150 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		var active []object
		for _, j := range t.items("jobs") {
			if j.num("status.active") > 0 && j.str("metadata.deletionTimestamp") == "" {
				active = append(active, j)
			}
		}
		if len(active) == n {
			return active
		}
		if time.Now().After(end) {
			t.Fatalf("%d jobs run, wanted %d", len(active), n)
		}
	}
}

func init() {
	add(map[string]func(*T){
		"APP003": cronJob("concurrencyPolicy: Forbid", "sleep 300", func(t *T) {
			first := t.activeJobs(1)[0]
			t.never("a second job", 65*time.Second, func() error {
				return want("jobs", fmt.Sprint(names(t.items("jobs"))), fmt.Sprint([]string{first.name()}))
			})
		}),
		"APP004": cronJob("concurrencyPolicy: Replace", "sleep 300", func(t *T) {
			first := t.activeJobs(1)[0]
			for {
				if next := t.activeJobs(1)[0]; next.name() != first.name() {
					return
				}
				time.Sleep(200 * time.Millisecond)
			}
		}),
		"APP005": cronJob("concurrencyPolicy: Allow", "sleep 300", func(t *T) { t.activeJobs(2) }),
	})
}
