//go:build conformance

package conformance

import (
	"fmt"
	"slices"
	"strings"
)

func quota(name, hard, more string) string {
	return `{apiVersion: v1, kind: ResourceQuota, metadata: {name: ` + name + `}, spec: {` + join("hard: {"+hard+"}", more) + `}}`
}

// uses waits until a quota has this used.
func (t *T) uses(name, resource, n string) {
	t.Helper()
	t.wait("resourcequotas/"+name, name+" uses "+n+" "+resource, func(o object) error {
		used, _ := o.at("status.used").(map[string]any)
		return want(resource, fmt.Sprint(used[resource]), n)
	})
}

// counts follows the count of a kind of object through one's life.
func counts(resource, manifest, path string) func(*T) {
	return func(t *T) {
		t.create(quota("main", fmt.Sprintf("%q: '10', resourcequotas: '3'", resource), ""))
		t.uses("main", "resourcequotas", "1")
		t.equal("hard", t.get("resourcequotas/main").str("status.hard"), fmt.Sprintf("map[%s]", inOrder(resource+":10", "resourcequotas:3")))
		before := fmt.Sprint(t.get("resourcequotas/main").at("status.used").(map[string]any)[resource])
		var n int
		fmt.Sscan(before, &n)
		t.create(manifest)
		t.uses("main", resource, fmt.Sprint(n+1))
		t.remove(path)
		t.uses("main", resource, before)
	}
}

// scopes sees a pod counted by one quota and not by the other. used is what the
// pod adds to each resource of the quotas.
func scopes(one, other, inOne, inOther string, used map[string]string) func(*T) {
	return func(t *T) {
		uses := func(quota string, counted bool) {
			t.Helper()
			for resource, n := range used {
				if !counted {
					n = "0"
				}
				t.uses(quota, resource, n)
			}
		}
		var hard []string
		for resource := range used {
			hard = append(hard, resource+": '5G'")
		}
		for name, scope := range map[string]string{"one": one, "other": other} {
			t.create(quota(name, strings.Join(hard, ", "), "scopes: ["+scope+"]"))
			uses(name, false)
			o := t.get("resourcequotas/" + name)
			t.equal("hard", o.str("status.hard"), o.str("spec.hard"))
		}
		for i, manifest := range []string{inOne, inOther} {
			t.create(manifest)
			uses("one", i == 0)
			uses("other", i == 1)
			t.remove("pods/main")
			t.gone("pods/main")
			uses("one", false)
			uses("other", false)
		}
	}
}

// inOrder are words in the order of the alphabet.
func inOrder(words ...string) string {
	slices.Sort(words)
	return strings.Join(words, " ")
}

func init() {
	const some = "resources: {requests: {cpu: 100m, memory: 10Mi}, limits: {cpu: 100m, memory: 10Mi}}"
	add(map[string]func(*T){
		"API076": func(t *T) {
			t.create(quota("main", "cpu: '1', memory: 500Mi", ""))
			t.update("resourcequotas/main", func(o object) { o.set("spec.hard.cpu", "2").set("spec.hard.memory", "1Gi") })
			t.equal("hard", t.get("resourcequotas/main").str("spec.hard"), "map[cpu:2 memory:1Gi]")
			t.remove("resourcequotas/main")
			t.gone("resourcequotas/main")
		},
		"API083": func(t *T) {
			t.create(quota("main", "pods: '5', services: '3'", ""))
			o := t.wait("resourcequotas/main", "its status", func(o object) error { return want("used", o.str("status.used"), "map[pods:0 services:0]") })
			t.equal("hard", o.str("status.hard"), "map[pods:5 services:3]")
		},
		"API077": counts("configmaps", `{apiVersion: v1, kind: ConfigMap, metadata: {name: main}}`, "configmaps/main"),
		"API079": counts("count/replicasets.apps", workload("ReplicaSet", "replicas: 0", ""), "replicasets/main"),
		"API080": counts("replicationcontrollers", workload("ReplicationController", "replicas: 0", ""), "replicationcontrollers/main"),
		"API081": counts("secrets", `{apiVersion: v1, kind: Secret, metadata: {name: main}}`, "secrets/main"),
		"API082": counts("services", `{apiVersion: v1, kind: Service, metadata: {name: main}, spec: {ports: [{port: 80}]}}`, "services/main"),
		"API085": scopes("BestEffort", "NotBestEffort", pod("main", "sleep 600", "", ""), pod("main", "sleep 600", some, ""), map[string]string{"pods": "1"}),
		"API086": scopes("Terminating", "NotTerminating", pod("main", "sleep 600", some, "activeDeadlineSeconds: 3600"), pod("main", "sleep 600", some, ""),
			map[string]string{"pods": "1", "requests.cpu": "100m", "requests.memory": "10Mi", "limits.cpu": "100m", "limits.memory": "10Mi"}),
		"API078": func(t *T) {
			t.create(quota("main", "pods: '5', requests.cpu: '1', requests.memory: 500Mi, requests.ephemeral-storage: 50Gi, requests.example.com/dongle: '3'", ""))
			t.uses("main", "pods", "0")
			o := t.get("resourcequotas/main")
			t.equal("hard", o.str("status.hard"), o.str("spec.hard"))
			t.post("pods", parse(pod("none", "true", "", "")), 403)
			wants := func(cpu string) string {
				return "resources: {requests: {cpu: " + cpu + ", memory: 252Mi, ephemeral-storage: 30Gi, example.com/dongle: 2}, limits: {example.com/dongle: 2}}"
			}
			t.create(pod("main", "sleep 600", wants("500m"), ""))
			for name, n := range map[string]string{"pods": "1", "requests.cpu": "500m", "requests.memory": "252Mi", "requests.ephemeral-storage": "30Gi", "requests.example.com/dongle": "2"} {
				t.uses("main", name, n)
			}
			a := t.do(request{Method: "POST", Path: t.path("pods"), Body: parse(strings.ReplaceAll(pod("more", "true", wants("600m"), ""), "dongle: 2", "dongle: 1"))})
			t.equal("code", a.Code, 403)
			t.contains("the refusal", a.text(), "exceeded quota")
			t.patch("pods/main", `{"spec":{"containers":[{"name":"main","resources":{"requests":{"cpu":"100m"}}}]}}`, 422)
			t.remove("pods/main")
			t.gone("pods/main")
			t.uses("main", "pods", "0")
			t.uses("main", "requests.cpu", "0")
		},
		"API075": func(t *T) {
			t.create(quota("main", "cpu: 500m, memory: 500Mi", ""))
			t.waitField("resourcequotas/main", "status.hard.cpu", "500m")
			o := t.update("resourcequotas/main/status", func(o object) { o.set("status.hard.cpu", "600m") })
			t.equal("status", o.str("status.hard.cpu"), "600m")
			o = t.patch("resourcequotas/main/status", `{"status":{"hard":{"cpu":"700m"}}}`)
			t.equal("status", o.str("status.hard.cpu")+o.str("spec.hard.cpu"), "700m500m")
			t.patch("resourcequotas/main", `{"spec":{"hard":{"cpu":"1","memory":"1Gi"}}}`)
			t.waitField("resourcequotas/main/status", "status.hard.cpu", "1")
			t.waitField("resourcequotas/main/status", "status.hard.memory", "1Gi")
			t.patch("resourcequotas/main/status", `{"status":{"hard":{"cpu":"2"}}}`)
			t.waitField("resourcequotas/main", "status.hard.cpu", "1")
			t.equal("spec", t.get("resourcequotas/main").str("spec.hard.cpu"), "1")
		},
	})
}
