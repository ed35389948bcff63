//go:build conformance

package conformance

import (
	"fmt"
	"strings"
)

// workload is a manifest of a Deployment, ReplicaSet, StatefulSet, DaemonSet or
// ReplicationController named main with pods labelled app=main that serve.
// spec is more of its spec; container more of its container.
func workload(kind, spec, container string) string {
	version, selector := "apps/v1", "{matchLabels: {app: main}}"
	if kind == "ReplicationController" {
		version, selector = "v1", "{app: main}"
	}
	if kind == "StatefulSet" {
		spec = join("serviceName: main", spec)
	}
	return fmt.Sprintf(`{apiVersion: %s, kind: %s, metadata: {name: main, labels: {app: main}}, spec: {%s, template: {metadata: {labels: {app: main}}, spec: {terminationGracePeriodSeconds: 1, containers: [{%s}]}}}}`,
		version, kind, join("selector: "+selector, spec),
		join("name: main", "image: "+image, "imagePullPolicy: IfNotPresent", "ports: [{containerPort: 8080}]", "readinessProbe: {httpGet: {path: /healthz, port: 8080}}", container))
}

// rolled waits until a Deployment has all of its pods, of its newest template.
func (t *T) rolled(n int) object {
	t.Helper()
	return t.wait("deployments/main", "the rollout", func(o object) error {
		got := [5]int{o.num("status.observedGeneration"), o.num("status.replicas"), o.num("status.updatedReplicas"), o.num("status.availableReplicas"), o.num("spec.replicas")}
		return want("generation, replicas, updated, available", got, [5]int{o.num("metadata.generation"), n, n, n, n})
	})
}

// replicas waits until a workload has n ready pods.
func (t *T) replicas(path string, n int) object {
	t.Helper()
	return t.wait(path, path+" has its pods", func(o object) error {
		return want("replicas, ready", [2]int{o.num("status.replicas"), o.num("status.readyReplicas")}, [2]int{n, n})
	})
}

func (t *T) mainPods() []object {
	t.Helper()
	return t.items("pods?labelSelector=app%3Dmain")
}

// livePods are those that are not leaving.
func (t *T) livePods() []object {
	t.Helper()
	var live []object
	for _, p := range t.mainPods() {
		if p.str("metadata.deletionTimestamp") == "" {
			live = append(live, p)
		}
	}
	return live
}

// scales reads, updates and patches the scale of a workload of one pod.
func scales(kind string) func(*T) {
	return func(t *T) {
		path := strings.ToLower(kind) + "s/main"
		t.create(workload(kind, "replicas: 1", ""))
		t.replicas(path, 1)
		scale := t.get(path + "/scale")
		t.equal("scale", scale.num("spec.replicas"), 1)
		t.equal("kind", scale.str("kind"), "Scale")
		t.update(path+"/scale", func(o object) { o.set("spec.replicas", 2) })
		t.equal("replicas", t.get(path).num("spec.replicas"), 2)
		t.replicas(path, 2)
		t.patch(path+"/scale", `{"spec":{"replicas":3}}`)
		t.equal("replicas", t.get(path).num("spec.replicas"), 3)
		t.replicas(path, 3)
	}
}

// serves reaches every pod of a workload from another pod.
func serves(kind string) func(*T) {
	return func(t *T) {
		t.create(workload(kind, "replicas: 2", ""))
		t.create(pod("client", "sleep 600", "", ""))
		t.replicas(strings.ToLower(kind)+"s/main", 2)
		t.ready("client")
		for _, p := range t.mainPods() {
			t.equal("answer", t.must("client", "wget -q -O - http://"+p.str("status.podIP")+":8080/hostname"), p.name())
		}
	}
}

// owner is the uid of a pod's controller.
func owner(o object) string {
	for _, ref := range o.list("metadata.ownerReferences") {
		if ref.str("controller") == "true" {
			return ref.str("uid")
		}
	}
	return ""
}

func adopts(kind string) func(*T) {
	return func(t *T) {
		t.create(serverPod("main", "", ""))
		uid := t.create(workload(kind, "replicas: 1", "")).str("metadata.uid")
		t.wait("pods/main", "the pod is adopted", func(o object) error { return want("owner", owner(o), uid) })
		t.equal("pods", len(t.mainPods()), 1)
	}
}

func releases(kind string) func(*T) {
	return func(t *T) {
		uid := t.create(workload(kind, "replicas: 1", "")).str("metadata.uid")
		t.replicas(strings.ToLower(kind)+"s/main", 1)
		name := t.mainPods()[0].name()
		t.patch("pods/"+name, `{"metadata":{"labels":{"app":"other"}}}`)
		t.wait("pods/"+name, "the pod is released", func(o object) error { return want("owner", owner(o), "") })
		t.until("another takes its place", func() error {
			list := t.livePods()
			if len(list) != 1 {
				return fmt.Errorf("%d pods", len(list))
			}
			return want("owner", owner(list[0]), uid)
		})
	}
}

func newTemplate(version string) string {
	return fmt.Sprintf(`{"spec":{"template":{"metadata":{"annotations":{"version":%q}}}}}`, version)
}

func init() {
	add(map[string]func(*T){
		"APP014": scales("Deployment"), "APP042": scales("ReplicaSet"), "APP048": scales("ReplicationController"), "APP056": scales("StatefulSet"),
		"APP045": serves("ReplicaSet"), "APP050": serves("ReplicationController"),
		"APP047": adopts("ReplicationController"), "APP049": releases("ReplicationController"),
		"APP043": func(t *T) {
			adopts("ReplicaSet")(t)
			t.removeWith("replicasets/main", "Background")
			t.until("its pods are gone", func() error { return want("pods", len(t.mainPods()), 0) })
			releases("ReplicaSet")(t)
		},
		"APP015": func(t *T) {
			t.create(workload("Deployment", "replicas: 2, strategy: {type: Recreate}", ""))
			t.rolled(2)
			old := map[string]bool{}
			for _, p := range t.mainPods() {
				old[p.name()] = true
			}
			w := t.watch("pods", "&labelSelector=app%3Dmain")
			t.patch("deployments/main", newTemplate("two"))
			gone := 0
			for fresh := false; !fresh; {
				switch kind, o := w.next(); {
				case kind == "DELETED" && old[o.name()]:
					gone++
				case !old[o.name()]:
					// A pod that still runs its last moments has been told to go.
					for _, p := range t.mainPods() {
						if old[p.name()] && p.str("status.phase") == "Running" {
							t.Fatalf("%s runs beside new pods", p.name())
						}
					}
					fresh = true
				}
			}
			t.rolled(2)
		},
		"APP016": func(t *T) {
			t.create(workload("Deployment", "replicas: 2", ""))
			first := t.rolled(2)
			t.patch("deployments/main", newTemplate("two"))
			second := t.rolled(2)
			for _, p := range t.livePods() {
				t.equal("version", p.str("metadata.annotations.version"), "two")
			}
			t.equal("replica sets", len(t.items("replicasets?labelSelector=app%3Dmain")), 2)
			t.equal("revisions", first.str("metadata.annotations")+second.str("metadata.annotations"), "map[deployment.kubernetes.io/revision:1]map[deployment.kubernetes.io/revision:2]")
		},
		"APP017": func(t *T) {
			t.create(workload("Deployment", "replicas: 1, revisionHistoryLimit: 0", ""))
			t.rolled(1)
			t.patch("deployments/main", newTemplate("two"))
			t.rolled(1)
			t.until("the old replica set is gone", func() error {
				return want("replica sets", len(t.items("replicasets?labelSelector=app%3Dmain")), 1)
			})
		},
		"APP018": func(t *T) {
			t.create(workload("Deployment", "replicas: 10, strategy: {rollingUpdate: {maxSurge: 3, maxUnavailable: 2}}", ""))
			t.rolled(10)
			t.patch("deployments/main", `{"spec":{"template":{"spec":{"containers":[{"name":"main","image":"nowhere.invalid/nothing:1"}]}}}}`)
			sizes := func() string {
				list := t.items("replicasets")
				if len(list) != 2 {
					return ""
				}
				old, fresh := list[0], list[1]
				if strings.Contains(old.str("spec.template"), "nowhere") {
					old, fresh = fresh, old
				}
				return fmt.Sprintf("%d+%d, %d available", old.num("spec.replicas"), fresh.num("spec.replicas"), old.num("status.availableReplicas"))
			}
			t.until("the rollout is stuck", func() error { return want("replica sets", sizes(), "8+5, 8 available") })
			t.patch("deployments/main", `{"spec":{"replicas":30}}`)
			t.until("both grow in proportion", func() error { return want("replica sets", sizes(), "20+13, 20 available") })
		},
		"APP019": func(t *T) {
			t.create(workload("Deployment", "replicas: 2, minReadySeconds: 5", ""))
			t.wait("deployments/main", "its pods", func(o object) error { return want("replicas", o.num("status.replicas"), 2) })
			for n := range 4 {
				t.patch("deployments/main", newTemplate(fmt.Sprint(n)))
			}
			t.patch("deployments/main", `{"spec":{"minReadySeconds":0}}`)
			t.rolled(2)
			t.until("only the last version has pods", func() error {
				for _, rs := range t.items("replicasets") {
					if v := rs.str("spec.template.metadata.annotations.version"); v != "3" && rs.num("status.replicas") != 0 {
						return fmt.Errorf("version %s has %d", v, rs.num("status.replicas"))
					}
				}
				return nil
			})
		},
		"APP020": func(t *T) {
			t.create(workload("Deployment", "replicas: 1", ""))
			t.rolled(1)
			t.patch("deployments/main", `{"metadata":{"labels":{"patched":"yes"}},"spec":{"replicas":2}}`)
			t.rolled(2)
			t.patch("deployments/main/scale", `{"spec":{"replicas":3}}`)
			t.rolled(3)
			t.equal("status", t.get("deployments/main/status").num("status.readyReplicas"), 3)
			o := t.patch("deployments/main/status", `{"metadata":{"annotations":{"seen":"yes"}},"status":{"readyReplicas":0,"availableReplicas":0}}`)
			t.equal("readyReplicas", o.num("status.readyReplicas"), 0)
			t.equal("listed everywhere", len(t.items("/apis/apps/v1/deployments?labelSelector=patched%3Dyes")), 1)
			t.remove("deployments/main")
			t.gone("deployments/main")
		},
		"APP041": func(t *T) {
			t.create(workload("ReplicaSet", "replicas: 1", ""))
			t.replicas("replicasets/main", 1)
			t.update("replicasets/main", func(o object) { o.set("spec.replicas", 2) })
			t.replicas("replicasets/main", 2)
			o := t.patch("replicasets/main", `{"metadata":{"labels":{"patched":"yes"}},"spec":{"replicas":3}}`)
			t.equal("label", o.str("metadata.labels.patched"), "yes")
			t.replicas("replicasets/main", 3)
		},
		"APP051": func(t *T) {
			t.create(`{apiVersion: v1, kind: ResourceQuota, metadata: {name: few}, spec: {hard: {pods: "2"}}}`)
			t.waitField("resourcequotas/few", "status.hard.pods", "2")
			t.create(workload("ReplicationController", "replicas: 3", ""))
			failure := func(wanted string) {
				t.wait("replicationcontrollers/main", "ReplicaFailure "+wanted, func(o object) error { return want("condition", o.condition("ReplicaFailure"), wanted) })
			}
			failure("True")
			t.update("replicationcontrollers/main", func(o object) { o.set("spec.replicas", 2) })
			failure("")
		},
		"APP052": func(t *T) {
			w := t.watch("replicationcontrollers", "")
			t.create(workload("ReplicationController", "replicas: 1", ""))
			w.until("ADDED", func(o object) bool { return o.name() == "main" })
			t.replicas("replicationcontrollers/main", 1)
			t.patch("replicationcontrollers/main", `{"metadata":{"labels":{"patched":"yes"}}}`)
			t.patch("replicationcontrollers/main/status", `{"status":{"readyReplicas":0,"availableReplicas":0}}`)
			t.patch("replicationcontrollers/main/scale", `{"spec":{"replicas":2}}`)
			t.replicas("replicationcontrollers/main", 2)
			t.equal("listed", len(t.items("replicationcontrollers?labelSelector=patched%3Dyes")), 1)
			t.call(request{Method: "DELETE", Path: "replicationcontrollers?labelSelector=patched%3Dyes"})
			w.until("DELETED", func(o object) bool { return o.name() == "main" })
		},
		"APP023": func(t *T) {
			t.create(workload("ReplicaSet", "replicas: 3", ""))
			t.create(`{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: main}, spec: {minAvailable: 3, selector: {matchLabels: {app: main}}}}`)
			t.replicas("replicasets/main", 3)
			t.waitField("poddisruptionbudgets/main", "status.currentHealthy", "3")
			name := t.mainPods()[0].name()
			eviction := fmt.Sprintf(`{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":%q}}`, name)
			t.post("pods/"+name+"/eviction", eviction, 429)
			t.patch("poddisruptionbudgets/main", `{"spec":{"minAvailable":2}}`)
			t.waitField("poddisruptionbudgets/main", "status.disruptionsAllowed", "1")
			t.post("pods/"+name+"/eviction", eviction, 201)
			t.gone("pods/" + name)
		},
		"APP025": func(t *T) {
			t.create(workload("ReplicaSet", "replicas: 2", ""))
			t.create(`{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: main}, spec: {minAvailable: 1, selector: {matchLabels: {app: main}}}}`)
			t.waitField("poddisruptionbudgets/main", "status.disruptionsAllowed", "1")
			t.equal("expected", t.get("poddisruptionbudgets/main").num("status.expectedPods"), 2)
		},
	})
}
