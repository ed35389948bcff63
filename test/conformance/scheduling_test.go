//go:build conformance

package conformance

import (
	"fmt"
	"strings"
	"time"
)

// offer gives a node an amount of an extended resource, until the test ends.
func (t *T) offer(node, name string, n int) {
	t.Helper()
	key := strings.ReplaceAll(name, "/", "~1")
	patch := func(op string) {
		t.call(request{Method: "PATCH", Path: "nodes/" + node + "/status", Type: jsonPatch, Body: fmt.Sprintf(`[{"op":%q,"path":"/status/capacity/%s","value":"%d"},{"op":%q,"path":"/status/allocatable/%s","value":"%d"}]`, op, key, n, op, key, n)}, 200)
	}
	patch("add")
}

func wants(name string, n int) string {
	return fmt.Sprintf("resources: {requests: {%s: %d}, limits: {%s: %d}}", name, n, name, n)
}

// pending wants a pod to be found unschedulable, and to stay so.
func (t *T) pending(name string) {
	t.Helper()
	t.wait("pods/"+name, name+" is unschedulable", func(o object) error {
		for _, c := range o.list("status.conditions") {
			if c.str("type") == "PodScheduled" && c.str("reason") == "Unschedulable" {
				return nil
			}
		}
		return fmt.Errorf("%v", o.at("status.conditions"))
	})
	t.equal("node", t.get("pods/"+name).str("spec.nodeName"), "")
}

// preempts lets a pod of higher priority drive one of lower priority out.
func preempts(high string) func(*T) {
	return func(t *T) {
		name := "example.com/" + t.ns
		t.offer("node-1", name, 1)
		t.create(`{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: ` + t.ns + `-low}, value: 1}`)
		t.create(`{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: ` + t.ns + `-high}, value: 1000}`)
		low := parse(pod("low", "sleep 600", wants(name, 1), "priorityClassName: "+t.ns+"-low"))
		low.set("metadata.finalizers", []any{"example.com/seen"})
		t.createObject(low)
		t.ready("low")
		t.create(pod("high", "sleep 600", wants(name, 1), "priorityClassName: "+strings.ReplaceAll(high, "NS", t.ns)))
		t.wait("pods/low", "low is told to go", func(o object) error {
			if o.str("metadata.deletionTimestamp") == "" {
				return fmt.Errorf("it stays")
			}
			return want("DisruptionTarget", o.condition("DisruptionTarget"), "True")
		})
		t.patch("pods/low", `{"metadata":{"finalizers":null}}`)
		t.gone("pods/low")
		t.ready("high")
	}
}

func init() {
	add(map[string]func(*T){
		"ARC001": func(t *T) {
			n := 0
			for _, o := range t.items("nodes") {
				if o.condition("Ready") == "True" && o.str("spec.unschedulable") == "" && len(o.list("spec.taints")) == 0 {
					n++
				}
			}
			if n < 2 {
				t.Fatalf("%d nodes", n)
			}
		},
		"SCH001": limitRange,
		"SCH002": func(t *T) {
			other := t.ns + "-other"
			t.post("namespaces", object{}.set("metadata.name", other))
			defer t.remove("/api/v1/namespaces/" + other)
			for _, ns := range []string{t.ns, other} {
				t.post("/api/v1/namespaces/"+ns+"/limitranges", parse(`{metadata: {name: main, labels: {e2e: `+t.ns+`}}, spec: {limits: [{type: Container, max: {cpu: "2"}}]}}`), 201)
			}
			selector := "?labelSelector=e2e%3D" + t.ns
			t.equal("listed", len(t.items("/api/v1/limitranges"+selector)), 2)
			o := t.patch("limitranges/main", `{"metadata":{"labels":{"patched":"yes"}},"spec":{"limits":[{"type":"Container","max":{"cpu":"3"}}]}}`)
			t.equal("max", o.str("spec.limits.0.max.cpu"), "3")
			t.call(request{Method: "DELETE", Path: "limitranges" + selector})
			t.equal("left", len(t.items("/api/v1/limitranges"+selector)), 1)
		},
		"SCH003": func(t *T) {
			t.create(pod("main", "sleep 600", "resources: {requests: {cpu: 1000}}", ""))
			t.pending("main")
		},
		"SCH004": func(t *T) {
			t.patch("nodes/node-2", `{"metadata":{"labels":{"sch004":"yes"}}}`)
			defer t.patch("nodes/node-2", `{"metadata":{"labels":{"sch004":null}}}`)
			t.create(pod("main", "sleep 600", "", "nodeSelector: {sch004: 'yes'}"))
			t.equal("node", t.ready("main").str("spec.nodeName"), "node-2")
		},
		"SCH005": func(t *T) {
			t.create(pod("main", "sleep 600", "", "nodeSelector: {nobody: here}"))
			t.pending("main")
		},
		"SCH006": func(t *T) {
			ports := func(ip string) string { return "ports: [{containerPort: 8080, hostPort: 54322, hostIP: " + ip + "}]" }
			t.create(pod("one", "sleep 600", ports("0.0.0.0"), "nodeSelector: {kubernetes.io/hostname: node-2}"))
			t.ready("one")
			t.create(pod("two", "sleep 600", ports(t.nodeIPs()[1]), "nodeSelector: {kubernetes.io/hostname: node-2}"))
			t.pending("two")
		},
		"SCH008": func(t *T) {
			t.create(`{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: sch008}, value: 7}`)
			const path = "priorityclasses/sch008"
			t.patch(path, `{"description":"patched"}`, 200)
			t.update(path, func(o object) { o.set("description", "updated").set("globalDefault", false) })
			t.patch(path, `{"value":8}`, 422)
			t.patch(path, `{"preemptionPolicy":"Never"}`, 422)
			t.put(path, t.get(path).set("value", 9), 422)
			t.equal("listed", strings.Contains(fmt.Sprint(names(t.items("priorityclasses"))), "sch008"), true)
		},
		"SCH009": preempts("NS-high"),
		"SCH010": preempts("system-cluster-critical"),
		"SCH011": preempts("NS-high"),
		"SCH007": func(t *T) {
			name := "example.com/sch007"
			t.offer("node-1", name, 5)
			set := func(n, replicas, each int) {
				t.create(fmt.Sprintf(`{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: sch007-p%d}, value: %d}`, n, n))
				text := workload("ReplicaSet", fmt.Sprintf("replicas: %d", replicas), wants(name, each))
				text = strings.ReplaceAll(text, "app: main", fmt.Sprintf("app: p%d", n))
				text = strings.Replace(text, "metadata: {name: main", fmt.Sprintf("metadata: {name: p%d", n), 1)
				t.create(strings.Replace(text, "containers:", fmt.Sprintf("priorityClassName: sch007-p%d, containers:", n), 1))
			}
			for n := 1; n <= 3; n++ {
				set(n, 1, 1)
				t.replicas(fmt.Sprintf("replicasets/p%d", n), 1)
			}
			set(4, 1, 4)
			t.replicas("replicasets/p4", 1)
			t.until("p3 alone keeps its place", func() error {
				var got []int
				for n := 1; n <= 3; n++ {
					got = append(got, t.get(fmt.Sprintf("replicasets/p%d", n)).num("status.readyReplicas"))
				}
				return want("ready", fmt.Sprint(got), "[0 0 1]")
			})
		},
		"NOD081": func(t *T) {
			t.create(`{apiVersion: node.k8s.io/v1, kind: RuntimeClass, metadata: {name: nod081}, handler: nobody}`)
			t.remove("runtimeclasses/nod081")
			t.until("it is rejected", func() error {
				return t.do(request{Method: "POST", Path: t.path("pods?dryRun=All"), Body: parse(pod("main", "true", "", "runtimeClassName: nod081"))}).err(403)
			})
		},
		"NOD082": func(t *T) {
			t.post("pods", parse(pod("main", "true", "", "runtimeClassName: nobody")), 403)
		},
		"NOD083": runtimeClass(", overhead: {podFixed: {cpu: 10m, memory: 10Mi}}", "map[cpu:10m memory:10Mi]"),
		"NOD084": runtimeClass("", ""),
	})
	addAlone(map[string]func(*T){
		"NOD044": func(t *T) {
			t.taint(func() {
				t.create(pod("soon", "sleep 600", "", "nodeName: node-2, tolerations: [{key: evict, operator: Exists, effect: NoExecute, tolerationSeconds: 1}]"))
				t.create(pod("later", "sleep 600", "", "nodeName: node-2, tolerations: [{key: evict, operator: Exists, effect: NoExecute, tolerationSeconds: 4}]"))
				t.ready("soon", "later")
			}, func() {
				t.gone("pods/soon")
				t.equal("later stays", t.get("pods/later").str("metadata.deletionTimestamp"), "")
				t.gone("pods/later")
			})
		},
		"NOD045": func(t *T) {
			t.taint(func() {
				t.create(pod("main", "sleep 600", "", "nodeName: node-2, tolerations: [{key: evict, operator: Exists, effect: NoExecute, tolerationSeconds: 3}]"))
				t.ready("main")
			}, func() { time.Sleep(time.Second) })
			t.never("it is evicted", 4*time.Second, func() error {
				return want("deletionTimestamp", t.get("pods/main").str("metadata.deletionTimestamp"), "")
			})
		},
	})
}

// taint lets things happen before and while node-2 has a NoExecute taint.
func (t *T) taint(before, during func()) {
	t.Helper()
	before()
	t.patch("nodes/node-2", `{"spec":{"taints":[{"key":"evict","value":"yes","effect":"NoExecute"}]}}`)
	defer t.patch("nodes/node-2", `{"spec":{"taints":null}}`)
	during()
}

func runtimeClass(more, overhead string) func(*T) {
	return func(t *T) {
		t.create(`{apiVersion: node.k8s.io/v1, kind: RuntimeClass, metadata: {name: ` + t.ns + `}, handler: runc` + more + `}`)
		o := t.create(pod("main", "sleep 600", "", "runtimeClassName: "+t.ns))
		t.equal("overhead", o.str("spec.overhead"), overhead)
		t.wait("pods/main", "it is scheduled", func(o object) error { return want("PodScheduled", o.condition("PodScheduled"), "True") })
	}
}

func limitRange(t *T) {
	t.create(`{apiVersion: v1, kind: LimitRange, metadata: {name: main}, spec: {limits: [{type: Container, min: {cpu: 50m, memory: 100Mi}, max: {cpu: 500m, memory: 500Mi}, default: {cpu: 500m, memory: 500Mi}, defaultRequest: {cpu: 100m, memory: 200Mi}}]}}`)
	t.equal("read back", t.get("limitranges/main").str("spec.limits.0.defaultRequest"), "map[cpu:100m memory:200Mi]")
	o := t.create(pod("defaulted", "true", "", ""))
	t.equal("resources", o.str("spec.containers.0.resources"), "map[limits:map[cpu:500m memory:500Mi] requests:map[cpu:100m memory:200Mi]]")
	o = t.create(pod("partly", "true", "resources: {requests: {cpu: 300m}}", ""))
	t.equal("resources", o.str("spec.containers.0.resources"), "map[limits:map[cpu:500m memory:500Mi] requests:map[cpu:300m memory:200Mi]]")
	t.post("pods", parse(pod("small", "true", "resources: {requests: {cpu: 10m, memory: 50Mi}}", "")), 403)
	t.post("pods", parse(pod("big", "true", "resources: {requests: {cpu: 600m}, limits: {cpu: 600m}}", "")), 403)
	t.update("limitranges/main", func(o object) {
		o.at("spec.limits.0.min").(map[string]any)["cpu"] = "9m"
		o.at("spec.limits.0.min").(map[string]any)["memory"] = "9Mi"
	})
	t.until("the update counts", func() error {
		return t.do(request{Method: "POST", Path: t.path("pods"), Body: parse(pod("small", "true", "resources: {requests: {cpu: 10m, memory: 50Mi}}", ""))}).err(201)
	})
	t.remove("limitranges/main")
	t.gone("limitranges/main")
}
