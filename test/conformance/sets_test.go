//go:build conformance

package conformance

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// daemons waits until a DaemonSet has a ready pod on every node that it wants.
func (t *T) daemons(n int) object {
	t.Helper()
	return t.wait("daemonsets/main", "a pod on each node", func(o object) error {
		got := [5]int{o.num("status.observedGeneration"), o.num("status.desiredNumberScheduled"), o.num("status.currentNumberScheduled"), o.num("status.numberReady"), o.num("status.updatedNumberScheduled")}
		return want("generation, desired, scheduled, ready, updated", got, [5]int{o.num("metadata.generation"), n, n, n, n})
	})
}

func init() {
	add(map[string]func(*T){
		"APP008": func(t *T) {
			t.create(workload("DaemonSet", "", ""))
			t.daemons(2)
			p := t.mainPods()[0]
			t.patch("pods/"+p.name()+"/status", `{"status":{"phase":"Failed"}}`)
			t.until("another takes its place", func() error {
				for _, q := range t.livePods() {
					if q.name() != p.name() && q.str("spec.nodeName") == p.str("spec.nodeName") && q.condition("Ready") == "True" {
						return nil
					}
				}
				return fmt.Errorf("%v", names(t.livePods()))
			})
		},
		"APP009": func(t *T) {
			t.create(workload("DaemonSet", "", ""))
			t.daemons(2)
			before := map[string]string{}
			for _, p := range t.mainPods() {
				before[p.str("spec.nodeName")] = p.name()
			}
			t.patch("daemonsets/main", `{"spec":{"template":{"spec":{"containers":[{"name":"main","image":"nowhere.invalid/nothing:1"}]}}}}`)
			t.until("a pod of the bad version", func() error {
				for _, p := range t.livePods() {
					if strings.HasPrefix(p.str("spec.containers.0.image"), "nowhere") {
						delete(before, p.str("spec.nodeName"))
						return nil
					}
				}
				return fmt.Errorf("none yet")
			})
			t.call(request{Method: "PATCH", Path: "daemonsets/main", Type: strategicPatch, Body: fmt.Sprintf(`{"spec":{"template":{"spec":{"containers":[{"name":"main","image":%q}]}}}}`, image)})
			t.call(request{Method: "PATCH", Path: "daemonsets/main", Type: jsonPatch, Body: fmt.Sprintf(`[{"op":"replace","path":"/spec/template/spec/containers","value":[{"name":"main","image":%q,"imagePullPolicy":"IfNotPresent","ports":[{"containerPort":8080,"protocol":"TCP"}],"readinessProbe":{"httpGet":{"path":"/healthz","port":8080}}}]}]`, image)})
			t.daemons(2)
			t.equal("nodes never touched", len(before), 1)
			for node, name := range before {
				for _, p := range t.livePods() {
					if p.str("spec.nodeName") == node {
						t.equal("the pod on "+node, p.name(), name)
					}
				}
			}
		},
		"APP010": func(t *T) {
			t.create(strings.Replace(workload("DaemonSet", "", ""), "containers:", "nodeSelector: {app010: blue}, containers:", 1))
			t.daemons(0)
			t.patch("nodes/node-1", `{"metadata":{"labels":{"app010":"blue"}}}`)
			defer t.patch("nodes/node-1", `{"metadata":{"labels":{"app010":null}}}`)
			t.daemons(1)
			t.equal("node", t.mainPods()[0].str("spec.nodeName"), "node-1")
			t.patch("nodes/node-1", `{"metadata":{"labels":{"app010":"green"}}}`)
			t.daemons(0)
			t.patch("daemonsets/main", `{"spec":{"template":{"spec":{"nodeSelector":{"app010":"green"}}}}}`)
			t.daemons(1)
		},
		"APP011": func(t *T) {
			t.create(workload("DaemonSet", "", ""))
			t.daemons(2)
			p := t.mainPods()[0]
			t.remove("pods/" + p.name())
			t.gone("pods/" + p.name())
			t.daemons(2)
			nodes := []string{}
			for _, p := range t.livePods() {
				nodes = append(nodes, p.str("spec.nodeName"))
			}
			slices.Sort(nodes)
			t.equal("nodes", nodes, []string{"node-1", "node-2"})
		},
		"APP012": func(t *T) {
			t.create(workload("DaemonSet", "updateStrategy: {type: RollingUpdate}", ""))
			t.daemons(2)
			t.patch("daemonsets/main", newTemplate("two"))
			t.daemons(2)
			for _, p := range t.livePods() {
				t.equal("version", p.str("metadata.annotations.version"), "two")
			}
		},
		"APP001": func(t *T) {
			t.create(workload("DaemonSet", "", ""))
			t.daemons(2)
			const listed = "controllerrevisions?labelSelector=app%3Dmain"
			list := t.items(listed)
			t.equal("revisions", len(list), 1)
			first := list[0]
			t.patch("controllerrevisions/"+first.name(), `{"metadata":{"labels":{"patched":"yes"}}}`)
			added := object{"revision": 2, "data": first["data"]}
			added.set("metadata.name", "added").set("metadata.labels", map[string]any{"app": "main"}).set("metadata.ownerReferences", first.at("metadata.ownerReferences"))
			t.post("controllerrevisions", added)
			t.equal("revisions", len(t.items(listed)), 2)
			t.remove("controllerrevisions/added")
			t.until("one is gone", func() error { return want("revisions", len(t.items(listed)), 1) })
			t.update("controllerrevisions/"+first.name(), func(o object) { o.set("metadata.labels.updated", "yes") })
			t.patch("daemonsets/main", newTemplate("two"))
			t.until("a second revision", func() error { return want("revisions", len(t.items(listed)), 2) })
			t.daemons(2)
			t.patch("daemonsets/main", newTemplate("three"))
			t.daemons(2)
			for _, o := range t.items(listed) {
				if o.num("revision") < 3 {
					t.patch("controllerrevisions/"+o.name(), `{"metadata":{"labels":{"old":"yes"}}}`)
				}
			}
			t.call(request{Method: "DELETE", Path: "controllerrevisions?labelSelector=old%3Dyes"})
			t.until("one is left", func() error { return want("revisions", len(t.items(listed)), 1) })
			t.equal("its revision", t.items(listed)[0].num("revision"), 3)
		},
		"APP053": burst,
		"APP054": ordered,
		"APP055": func(t *T) {
			t.create(workload("StatefulSet", "replicas: 1", ""))
			t.replicas("statefulsets/main", 1)
			uid := t.get("pods/main-0").str("metadata.uid")
			t.patch("pods/main-0/status", `{"status":{"phase":"Failed","reason":"Evicted"}}`)
			t.wait("pods/main-0", "it is made anew", func(o object) error {
				if o.str("metadata.uid") == uid {
					return fmt.Errorf("the same pod")
				}
				return want("Ready", o.condition("Ready"), "True")
			})
		},
		"APP058": func(t *T) {
			t.create(workload("StatefulSet", "replicas: 3, updateStrategy: {type: RollingUpdate, rollingUpdate: {partition: 3}}", ""))
			old := t.replicas("statefulsets/main", 3).str("status.currentRevision")
			t.patch("statefulsets/main", newTemplate("two"))
			o := t.wait("statefulsets/main", "an update revision", func(o object) error {
				if r := o.str("status.updateRevision"); r == old || r == "" {
					return fmt.Errorf("update revision %s", r)
				}
				return nil
			})
			fresh := o.str("status.updateRevision")
			revisions := func(what string, wanted ...string) {
				t.until(what, func() error {
					var got []string
					for n := range 3 {
						a := t.do(request{Method: "GET", Path: t.path(fmt.Sprintf("pods/main-%d", n))})
						if a.Body.condition("Ready") != "True" {
							return fmt.Errorf("main-%d is not ready", n)
						}
						got = append(got, a.Body.at("metadata.labels").(map[string]any)["controller-revision-hash"].(string))
					}
					return want("revisions", fmt.Sprint(got), fmt.Sprint(wanted))
				})
			}
			revisions("nothing changes", old, old, old)
			t.patch("statefulsets/main", `{"spec":{"updateStrategy":{"rollingUpdate":{"partition":2}}}}`)
			revisions("the canary", old, old, fresh)
			for _, name := range []string{"main-0", "main-2"} {
				t.remove("pods/" + name)
			}
			revisions("both come back as they were", old, old, fresh)
			t.patch("statefulsets/main", `{"spec":{"updateStrategy":{"rollingUpdate":{"partition":1}}}}`)
			revisions("the second phase", old, fresh, fresh)
			t.patch("statefulsets/main", `{"spec":{"updateStrategy":{"rollingUpdate":{"partition":0}}}}`)
			revisions("the end", fresh, fresh, fresh)
			t.waitField("statefulsets/main", "status.currentRevision", fresh)
		},
		"APP059": func(t *T) {
			t.create(workload("StatefulSet", "replicas: 3", ""))
			old := t.replicas("statefulsets/main", 3).str("status.currentRevision")
			w := t.watch("pods", "&labelSelector=app%3Dmain")
			t.patch("statefulsets/main", newTemplate("two"))
			for n := 2; n >= 0; n-- {
				kind, o := w.next()
				for kind != "DELETED" {
					kind, o = w.next()
				}
				t.equal("the next to go", o.name(), fmt.Sprintf("main-%d", n))
			}
			o := t.wait("statefulsets/main", "the update", func(o object) error {
				return want("ready, updated", [2]int{o.num("status.readyReplicas"), o.num("status.updatedReplicas")}, [2]int{3, 3})
			})
			if o.str("status.updateRevision") == old {
				t.Fatal("the update has no revision of its own")
			}
			t.call(request{Method: "PATCH", Path: "statefulsets/main", Type: mergePatch, Body: `{"spec":{"template":{"metadata":{"annotations":null}}}}`})
			t.waitField("statefulsets/main", "status.currentRevision", old)
			t.replicas("statefulsets/main", 3)
			t.equal("revisions", len(t.items("controllerrevisions")), 2)
		},
	})
}

// burst scales a Parallel StatefulSet up and down while a pod is not ready.
func burst(t *T) {
	text := workload("StatefulSet", "replicas: 1, podManagementPolicy: Parallel", "command: [sh, -c, 'mkdir /www/s; touch /www/s/ok; httpd -p 8080 -h /www']")
	text = strings.Replace(text, "path: /healthz", "path: /s/ok", 1)
	t.create(strings.Replace(text, "port: 8080}}", "port: 8080}, periodSeconds: 1, failureThreshold: 1}", 1))
	t.replicas("statefulsets/main", 1)
	t.must("main-0", "rm /www/s/ok")
	t.waitField("statefulsets/main", "status.readyReplicas", "")
	t.patch("statefulsets/main/scale", `{"spec":{"replicas":3}}`)
	t.wait("statefulsets/main", "all are made", func(o object) error {
		return want("replicas, ready", [2]int{o.num("status.replicas"), o.num("status.readyReplicas")}, [2]int{3, 2})
	})
	t.must("main-1", "rm /www/s/ok")
	t.waitField("statefulsets/main", "status.readyReplicas", "1")
	t.patch("statefulsets/main/scale", `{"spec":{"replicas":0}}`)
	t.until("all are gone", func() error { return want("pods", len(t.mainPods()), 0) })
}

// ordered scales a StatefulSet up and down, once with a pod that is not ready.
func ordered(t *T) {
	t.create(workload("StatefulSet", "replicas: 1", "command: [sh, -c, 'mkdir /www/s; touch /www/s/ok; httpd -p 8080 -h /www']"))
	probed := strings.Replace(workload("StatefulSet", "replicas: 1", "command: [sh, -c, 'mkdir /www/s; touch /www/s/ok; httpd -p 8080 -h /www']"), "path: /healthz", "path: /s/ok", 1)
	t.removeWith("statefulsets/main", "Foreground")
	t.gone("statefulsets/main")
	t.create(strings.Replace(probed, "port: 8080}}", "port: 8080}, periodSeconds: 1, failureThreshold: 1}", 1))
	t.replicas("statefulsets/main", 1)
	health := func(script, ready string) {
		t.must("main-0", script)
		t.wait("pods/main-0", "main-0 is ready: "+ready, func(o object) error { return want("Ready", o.condition("Ready"), ready) })
	}
	scale := func(n int) { t.patch("statefulsets/main/scale", fmt.Sprintf(`{"spec":{"replicas":%d}}`, n)) }
	count := func(n int) func() error {
		return func() error { return want("pods", len(t.livePods()), n) }
	}
	health("rm /www/s/ok", "False")
	scale(3)
	t.never("it grows while one is not ready", time.Second, count(1))
	w := t.watch("pods", "&labelSelector=app%3Dmain")
	w.next()
	health("touch /www/s/ok", "True")
	t.replicas("statefulsets/main", 3)
	for _, name := range []string{"main-1", "main-2"} {
		t.equal("the next made", w.until("ADDED", func(object) bool { return true }).name(), name)
	}
	for _, name := range []string{"main-1", "main-2"} {
		t.must(name, "rm /www/s/ok")
		t.wait("pods/"+name, name+" is not ready", func(o object) error { return want("Ready", o.condition("Ready"), "False") })
	}
	health("rm /www/s/ok", "False")
	scale(0)
	t.never("it shrinks while one is not ready", time.Second, count(3))
	health("touch /www/s/ok", "True")
	for _, name := range []string{"main-1", "main-2"} {
		// A pod may be told to go as soon as all before it are ready.
		if out, err := t.sh(name, "touch /www/s/ok"); err != nil {
			a := t.do(request{Method: "GET", Path: t.path("pods/" + name)})
			t.equal(fmt.Sprintf("%s stays, and its health is not mended: %v %s", name, err, out), a.Code == 200 && a.Body.str("metadata.deletionTimestamp") == "", false)
		}
	}
	for _, name := range []string{"main-2", "main-1", "main-0"} {
		t.equal("the next gone", w.until("DELETED", func(object) bool { return true }).name(), name)
	}
}
