//go:build conformance

package conformance

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// sizes is a pod of containers c1, c2, … with these resources each, as
// "cpu memory" for requests and limits alike.
func sizes(list ...string) string {
	var containers []string
	for i, s := range list {
		cpu, memory, _ := strings.Cut(s, " ")
		both := "{cpu: " + cpu + ", memory: " + memory + "}"
		containers = append(containers, fmt.Sprintf("{name: c%d, image: %s, command: [sleep, '600'], resources: {requests: %s, limits: %s}}", i+1, image, both, both))
	}
	return `{apiVersion: v1, kind: Pod, metadata: {name: main}, spec: {terminationGracePeriodSeconds: 1, containers: [` + strings.Join(containers, ", ") + `]}}`
}

// quotas are a container's CPU quota in thousandths of a CPU and its memory
// limit in bytes, read from its cgroup, of version 1 or 2.
const quotas = `if test -f /sys/fs/cgroup/cpu.max; then cut -d ' ' -f 1 /sys/fs/cgroup/cpu.max; cat /sys/fs/cgroup/memory.max; else cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/memory/memory.limit_in_bytes; fi`

// resized changes a guaranteed pod's containers in place and sees it in their
// status, and in their cgroups, without a restart.
func resized(before, after []string, quota []string, put bool) func(*T) {
	return func(t *T) {
		t.create(sizes(before...))
		t.ready("main")
		var changes []any
		for i, s := range after {
			cpu, memory, _ := strings.Cut(s, " ")
			both := map[string]any{"cpu": cpu, "memory": memory}
			changes = append(changes, map[string]any{"name": fmt.Sprintf("c%d", i+1), "resources": map[string]any{"requests": both, "limits": both}})
		}
		if put {
			t.update("pods/main/resize", func(o object) {
				for i, c := range o.at("spec.containers").([]any) {
					c.(map[string]any)["resources"] = changes[i].(map[string]any)["resources"]
				}
			})
		} else {
			t.call(request{Method: "PATCH", Path: "pods/main/resize", Type: strategicPatch, Body: object{}.set("spec.containers", changes)}, 200)
		}
		for i := range after {
			t.wait("pods/main", "the resize is done", func(o object) error {
				s := o.list("status.containerStatuses")[i]
				if err := want("restarts", s.num("restartCount"), 0); err != nil {
					return err
				}
				spec := o.list("spec.containers")[i]
				return want("resources", s.str("resources.limits")+s.str("resources.requests"), spec.str("resources.limits")+spec.str("resources.requests"))
			})
			t.until("the cgroup follows", func() error {
				out, err := t.shIn("main", fmt.Sprintf("c%d", i+1), quotas)
				if err != nil {
					return err
				}
				return want("quota and limit", strings.Join(strings.Fields(out), " "), quota[i])
			})
		}
	}
}

func init() {
	three := []string{"100m 64Mi", "100m 64Mi", "100m 64Mi"}
	add(map[string]func(*T){
		"NOD048": resized([]string{"100m 64Mi"}, []string{"0.1 65536Ki"}, []string{"10000 67108864"}, false),
		"NOD049": resized(three, []string{"200m 128Mi", "200m 128Mi", "50m 32Mi"}, []string{"20000 134217728", "20000 134217728", "5000 33554432"}, false),
		"NOD050": resized(three, []string{"150m 96Mi", "50m 32Mi", "50m 32Mi"}, []string{"15000 100663296", "5000 33554432", "5000 33554432"}, false),
		"NOD051": resized(three, []string{"150m 64Mi", "50m 128Mi", "150m 128Mi"}, []string{"15000 67108864", "5000 134217728", "15000 134217728"}, false),
		"NOD047": burstable,
		"NOD052": resized([]string{"100m 64Mi"}, []string{"200m 128Mi"}, []string{"20000 134217728"}, true),
		"NOD078": func(t *T) {
			t.create(pod("main", "mkdir -p /www/state; touch /www/state/healthz; (sleep 1; rm /www/state/healthz) & httpd -p 8080 -h /www", "livenessProbe: {periodSeconds: 1, failureThreshold: 1, initialDelaySeconds: 1, httpGet: {path: /state/healthz, port: 8080}}", ""))
			last := 0
			for last < 5 {
				if err := t.ctx.Err(); err != nil {
					t.Fatalf("%d restarts: %v", last, err)
				}
				n := t.get("pods/main").num("status.containerStatuses.0.restartCount")
				if n < last {
					t.Fatalf("the restart count went from %d to %d", last, n)
				}
				last = n
				time.Sleep(200 * time.Millisecond)
			}
		},
		"NET030": func(t *T) {
			o := parse(pod("main", "sleep 600", "", ""))
			t.createObject(o)
			ip := t.ready("main").str("status.podIP")
			var took []time.Duration
			for n := range 100 {
				name := fmt.Sprintf("s%d", n)
				start := time.Now()
				t.create(`{apiVersion: v1, kind: Service, metadata: {name: ` + name + `}, spec: {selector: {app: main}, ports: [{port: 80}]}}`)
				t.until(name+" has its endpoint", func() error { return want("addresses", fmt.Sprint(t.addresses(name)), "["+ip+"]") })
				took = append(took, time.Since(start))
			}
			slices.Sort(took)
			t.Logf("p50 %v, p90 %v, p99 %v", took[50], took[90], took[99])
			if took[50] > 20*time.Second || took[90] > 50*time.Second {
				t.Fatalf("p50 %v, p90 %v", took[50], took[90])
			}
		},
		"STO002": func(t *T) {
			const csi = "schedulerName: nobody, volumes: [{name: v, csi: {driver: e2e.example.com}}]"
			o := t.create(pod("main", "true", "volumeMounts: [{name: v, mountPath: /v}]", csi))
			t.equal("driver", o.str("spec.volumes.0.csi.driver"), "e2e.example.com")
			t.equal("driver", t.get("pods/main").str("spec.volumes.0.csi.driver"), "e2e.example.com")
			t.equal("listed", len(t.items("pods?labelSelector=app%3Dmain")), 1)
			t.equal("label", t.patch("pods/main", `{"metadata":{"labels":{"patched":"yes"}}}`).str("metadata.labels.patched"), "yes")
			t.remove("pods/main")
			t.gone("pods/main")
		},
		"STO042": func(t *T) {
			var mounts, volumes []string
			for n := range 50 {
				t.keep("configMap", fmt.Sprintf("c%d", n), "{data-1: value-1}")
				mounts = append(mounts, fmt.Sprintf("{name: c%d, mountPath: /v/%d}", n, n))
				volumes = append(volumes, fmt.Sprintf("{name: c%d, configMap: {name: c%d}}", n, n))
			}
			text := workload("ReplicationController", "replicas: 5", "volumeMounts: ["+strings.Join(mounts, ", ")+"]")
			t.create(strings.Replace(text, "containers:", "volumes: ["+strings.Join(volumes, ", ")+"], containers:", 1))
			t.replicas("replicationcontrollers/main", 5)
			for _, p := range t.mainPods() {
				t.equal("restarts", p.num("status.containerStatuses.0.restartCount"), 0)
			}
		},
		"API032": func(t *T) {
			w := t.watch("customresourcedefinitions", "")
			o := t.definition()
			w.until("ADDED", func(e object) bool { return e.name() == o.name() })
			t.patch("customresourcedefinitions/"+o.name(), `{"metadata":{"labels":{"a":"b"}}}`)
			w.until("MODIFIED", func(e object) bool { return e.name() == o.name() && e.str("metadata.labels.a") == "b" })
			t.remove("customresourcedefinitions/" + o.name())
			w.until("DELETED", func(e object) bool { return e.name() == o.name() })
		},
		"API033": func(t *T) {
			o := t.definition()
			t.remove("customresourcedefinitions/" + o.name())
			t.gone("customresourcedefinitions/" + o.name())
		},
		"API034": operations("apiextensions.k8s.io/v1/CustomResourceDefinition", "status"),
		"API035": func(t *T) {
			for range 10 {
				t.definition()
			}
			other, err := sample("apiextensions.k8s.io/v1/CustomResourceDefinition", t.ns, "other")
			if err != nil {
				t.Fatal(err)
			}
			t.createObject(other)
			t.equal("listed", len(t.items("customresourcedefinitions?labelSelector=sweep%3D"+t.id)), 10)
			t.call(request{Method: "DELETE", Path: t.path("customresourcedefinitions") + "?labelSelector=sweep%3D" + t.id})
			t.until("they are gone", func() error {
				return want("left", len(t.items("customresourcedefinitions?labelSelector=sweep%3D"+t.id)), 0)
			})
			t.get("customresourcedefinitions/" + other.name())
		},
		"API037": func(t *T) { t.discovered(placesByPlural["customresourcedefinitions"]) },
	})
}

// definition makes a CustomResourceDefinition with the label sweep=ID.
func (t *T) definition() object {
	t.Helper()
	o, err := sample("apiextensions.k8s.io/v1/CustomResourceDefinition", t.ns, strings.ToLower(t.id)+"x")
	if err != nil {
		t.Fatal(err)
	}
	return t.createObject(o.set("metadata.labels", map[string]any{"sweep": t.id}))
}
