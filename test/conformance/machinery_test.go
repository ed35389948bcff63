//go:build conformance

package conformance

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// collected deletes a workload with a policy, and tells what
// becomes of its pods (and replica set).
func collected(kind, policy string, stays bool) func(*T) {
	return func(t *T) {
		all := 2
		if kind != "Deployment" && stays {
			all = mostPods
		}
		path := strings.ToLower(kind) + "s/main"
		t.create(workload(kind, fmt.Sprintf("replicas: %d", all), ""))
		if kind == "Deployment" {
			t.rolled(all)
		} else {
			t.replicas(path, all)
		}
		t.removeWith(path, policy)
		t.gone(path)
		count := func() error {
			n, sets := 0, 0
			if stays {
				n, sets = all, 1
			}
			if kind == "Deployment" {
				if err := want("replica sets", len(t.items("replicasets")), sets); err != nil {
					return err
				}
			}
			return want("pods", len(t.livePods()), n)
		}
		t.until("the dependents", count)
		if !stays {
			t.until("the pods are gone", func() error { return want("pods", len(t.mainPods()), 0) })
			return
		}
		t.never("they go", 2*time.Second, count)
		for _, p := range t.mainPods() {
			if kind != "Deployment" {
				t.equal("owner of "+p.name(), owner(p), "")
			}
		}
	}
}

func init() {
	add(map[string]func(*T){
		"API057": collected("Deployment", "Background", false), "API062": collected("Deployment", "Orphan", true),
		"API058": collected("ReplicationController", "Background", false),
		"API060": func(t *T) {
			for _, name := range []string{"pod1", "pod2", "pod3"} {
				t.create(pod(name, "sleep 600", "", ""))
			}
			owns := func(name, owner string) {
				t.patch("pods/"+name, fmt.Sprintf(`{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":%q,"uid":%q,"controller":true,"blockOwnerDeletion":true}]}}`, owner, t.get("pods/"+owner).str("metadata.uid")))
			}
			owns("pod1", "pod3")
			owns("pod2", "pod1")
			owns("pod3", "pod2")
			t.removeWith("pods/pod1", "Foreground")
			t.until("all are gone", func() error { return want("pods", len(t.items("pods")), 0) })
		},
		"API068": func(t *T) {
			const finalizer = "e2e.example.com/fake"
			path := "/api/v1/namespaces/" + t.ns
			set := func(list ...any) object {
				for {
					o := t.get(path)
					a := t.do(request{Method: "PUT", Path: path + "/finalize", Body: o.set("spec.finalizers", append([]any{"kubernetes"}, list...))})
					if a.Code != 409 {
						return a.Body
					}
				}
			}
			t.contains("finalizers", set(finalizer).str("spec.finalizers"), finalizer)
			t.equal("finalizers", set().str("spec.finalizers"), "[kubernetes]")
		},
		"API069": func(t *T) {
			t.update("/api/v1/namespaces/"+t.ns, func(o object) { o.set("metadata.labels.updated", "yes") })
			t.equal("label", t.get("/api/v1/namespaces/"+t.ns).str("metadata.labels.updated"), "yes")
		},
		"API073": func(t *T) {
			t.patch("/api/v1/namespaces/"+t.ns, `{"metadata":{"labels":{"patched":"yes"}}}`)
			t.equal("label", t.get("/api/v1/namespaces/"+t.ns).str("metadata.labels.patched"), "yes")
		},
		"API070": func(t *T) {
			path := "/api/v1/namespaces/" + t.ns + "/status"
			t.equal("phase", t.get(path).str("status.phase"), "Active")
			o := t.patch(path, `{"status":{"conditions":[{"type":"StatusPatch","status":"True","reason":"E2E","message":"patched"}]}}`)
			t.equal("condition", o.condition("StatusPatch"), "True")
			o = t.update(path, func(o object) {
				o.at("status").(map[string]any)["conditions"] = append(o.at("status.conditions").([]any), map[string]any{"type": "StatusUpdate", "status": "True", "reason": "E2E", "message": "updated"})
			})
			t.equal("condition", o.condition("StatusUpdate"), "True")
		},
		"API071": emptied("pods", pod("main", "sleep 600", "", "")),
		"API072": emptied("services", `{apiVersion: v1, kind: Service, metadata: {name: main}, spec: {ports: [{port: 80}]}}`),
		"API074": func(t *T) {
			ns := t.ns + "-gone"
			t.post("namespaces", object{}.set("metadata.name", ns))
			path := "/api/v1/namespaces/" + ns
			o := parse(pod("main", "sleep 600", "", ""))
			o.set("metadata.finalizers", []any{"example.com/stay"})
			t.until("the pod", func() error { return t.do(request{Method: "POST", Path: path + "/pods", Body: o}).err(201) })
			t.post(path+"/configmaps", parse(`{metadata: {name: kept}}`))
			t.remove(path)
			t.wait(path+"/pods/main", "the pod is told to go", func(o object) error {
				return want("told", o.str("metadata.deletionTimestamp") != "", true)
			})
			t.never("the ConfigMap goes", 2*time.Second, func() error {
				return t.do(request{Method: "GET", Path: path + "/configmaps/kept"}).err(200)
			})
			t.patch(path+"/pods/main", `{"metadata":{"finalizers":null}}`)
			t.gone(path)
		},
		"API087": func(t *T) { chunks(t, 60) },
		"API099": func(t *T) {
			o := t.get("/version")
			for _, part := range []string{"major", "minor"} {
				if !regexp.MustCompile(`^\d+$`).MatchString(o.str(part)) {
					t.Fatalf("%s is %q", part, o.str(part))
				}
			}
		},
		"API014": func(t *T) {
			t.discovered(placesByPlural["mutatingwebhookconfigurations"])
			t.discovered(placesByPlural["validatingwebhookconfigurations"])
		},
		"API048": func(t *T) {
			for _, g := range t.get("/apis").list("groups") {
				for _, v := range g.list("versions") {
					o := t.get("/apis/" + v.str("groupVersion"))
					t.equal("groupVersion", o.str("groupVersion"), v.str("groupVersion"))
					t.equal("there are resources", len(o.list("resources")) > 0, true)
				}
			}
		},
		"API049": func(t *T) {
			for _, g := range t.get("/apis").list("groups") {
				found := false
				for _, v := range g.list("versions") {
					found = found || v.str("version") == g.str("preferredVersion.version")
				}
				t.equal(g.str("name")+" has its preferred version", found, true)
			}
		},
		"API025": discoversAll, "API027": aggregatedDiscovery,
		"API089": func(t *T) {
			const table = "application/json;as=Table;v=v1;g=meta.k8s.io"
			a := t.do(request{Method: "POST", Path: "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", Body: `{"apiVersion":"authorization.k8s.io/v1","kind":"SelfSubjectAccessReview","spec":{"nonResourceAttributes":{"path":"/","verb":"get"}}}`, Header: map[string]string{"Accept": table}})
			t.equal("code", a.Code, 406)
		},
		"API054": strictly(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"nonsense":1}`, `unknown field "nonsense"`, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"a":"b"},"data":{"a":"c"}}`, `duplicate field "data"`),
		"API056": strictly(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","nonsense":1}}`, `unknown field "metadata.nonsense"`),
		"INS002": eventLife("/apis/events.k8s.io/v1", "note"), "INS004": eventLife("/api/v1", "message"),
	})
}

// mostPods is how many pods a controller gets where a row asks for as many as
// the nodes take, of 10 to 100.
const mostPods = 100

func init() {
	addAlone(map[string]func(*T){
		"API059": func(t *T) {
			t.create(workload("ReplicationController", fmt.Sprintf("replicas: %d", mostPods), ""))
			t.replicas("replicationcontrollers/main", mostPods)
			t.removeWith("replicationcontrollers/main", "Foreground")
			for {
				a := t.do(request{Method: "GET", Path: t.path("replicationcontrollers/main")})
				n := len(t.mainPods())
				if a.Code == 404 {
					t.equal("pods when it was gone", n, 0)
					return
				}
				t.contains("finalizers", a.Body.str("metadata.finalizers"), "foregroundDeletion")
				time.Sleep(20 * time.Millisecond)
			}
		},
		"API061": func(t *T) {
			t.create(workload("ReplicationController", fmt.Sprintf("replicas: %d", mostPods), ""))
			t.replicas("replicationcontrollers/main", mostPods)
			other := t.create(`{apiVersion: v1, kind: ReplicationController, metadata: {name: other}, spec: {replicas: 0, selector: {app: other}, template: {metadata: {labels: {app: other}}, spec: {containers: [{name: a, image: ` + image + `}]}}}}`)
			shared := t.mainPods()[:mostPods/2]
			for _, p := range shared {
				t.call(request{Method: "PATCH", Path: "pods/" + p.name(), Type: jsonPatch, Body: fmt.Sprintf(`[{"op":"add","path":"/metadata/ownerReferences/-","value":{"apiVersion":"v1","kind":"ReplicationController","name":"other","uid":%q}}]`, other.str("metadata.uid"))})
			}
			t.removeWith("replicationcontrollers/main", "Foreground")
			t.gone("replicationcontrollers/main")
			t.until("the others are gone", func() error { return want("pods", fmt.Sprint(names(t.mainPods())), fmt.Sprint(names(shared))) })
			for _, p := range t.mainPods() {
				t.equal("deletionTimestamp", p.str("metadata.deletionTimestamp"), "")
			}
		},
		"API063": collected("ReplicationController", "Orphan", true),
	})
}

// strictly sends pairs of a body and what the refusal must say.
func strictly(pairs ...string) func(*T) {
	return func(t *T) {
		for i := 0; i < len(pairs); i += 2 {
			a := t.do(request{Method: "POST", Path: t.path("configmaps") + "?fieldValidation=Strict", Body: pairs[i]})
			t.equal("code", a.Code, 400)
			t.contains("the refusal", a.text(), pairs[i+1])
		}
	}
}

func emptied(plural, manifest string) func(*T) {
	return func(t *T) {
		ns := t.ns + "-gone"
		path := "/api/v1/namespaces/" + ns
		t.post("namespaces", object{}.set("metadata.name", ns))
		t.until("one is there", func() error {
			return t.do(request{Method: "POST", Path: path + "/" + plural, Body: parse(manifest)}).err(201)
		})
		if plural == "pods" {
			t.waitField(path+"/pods/main", "status.phase", "Running")
		}
		t.remove(path)
		t.gone(path)
		t.post("namespaces", object{}.set("metadata.name", ns))
		t.equal("left", len(t.items(path+"/"+plural)), 0)
		t.remove(path)
	}
}

// chunks lists PodTemplates piece by piece.
func chunks(t *T, total int) {
	for n := range total {
		t.create(fmt.Sprintf(`{apiVersion: v1, kind: PodTemplate, metadata: {name: t%03d}, template: {spec: {containers: [{name: a, image: a}]}}}`, n))
	}
	const limit = 17
	seen, token, version := 0, "", ""
	for {
		o := t.get("/api/v1/namespaces/" + t.ns + "/podtemplates?limit=" + fmt.Sprint(limit) + "&continue=" + token)
		n := len(o.list("items"))
		if version == "" {
			version = o.str("metadata.resourceVersion")
		}
		t.equal("resourceVersion", o.str("metadata.resourceVersion"), version)
		t.equal("a chunk is within the limit", n <= limit, true)
		seen += n
		t.equal("remainingItemCount", o.num("metadata.remainingItemCount"), total-seen)
		if token = o.str("metadata.continue"); token == "" {
			break
		}
	}
	t.equal("seen", seen, total)
	all := t.get("podtemplates")
	t.equal("all", len(all.list("items")), total)
	t.equal("continue", all.str("metadata.continue"), "")
}

func aggregatedDiscovery(t *T) {
	const accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
	have := map[string]bool{}
	for _, path := range []string{"/api", "/apis"} {
		a := t.do(request{Method: "GET", Path: path, Header: map[string]string{"Accept": accept}})
		if err := a.err(200); err != nil {
			t.Fatal(err)
		}
		t.equal("kind", a.Body.str("kind"), "APIGroupDiscoveryList")
		t.contains("type", a.Header.Get("Content-Type"), "as=APIGroupDiscoveryList")
		for _, g := range a.Body.list("items") {
			for _, v := range g.list("versions") {
				for _, r := range v.list("resources") {
					prefix := "/apis/" + g.name() + "/"
					if g.name() == "" {
						prefix = "/api/"
					}
					have[prefix+v.str("version")+"/"+r.str("resource")] = true
				}
			}
		}
	}
	t.hasBuiltIn(have)
}

// hasBuiltIn wants every built-in resource among those found, which are named by
// their paths.
func (t *T) hasBuiltIn(have map[string]bool) {
	t.Helper()
	for _, p := range placesByKind {
		if !have[p.Prefix+"/"+p.Plural] {
			t.Errorf("it lacks %s/%s", p.Prefix, p.Plural)
		}
	}
}

func eventLife(prefix, text string) func(*T) {
	return func(t *T) {
		kind := strings.TrimPrefix(strings.TrimPrefix(prefix, "/apis/"), "/api/") + "/Event"
		o, err := sample(kind, t.ns, "life")
		if err != nil {
			t.Fatal(err)
		}
		o = t.createObject(o)
		path := prefix + "/namespaces/" + t.ns + "/events/" + o.name()
		all := prefix + "/events?labelSelector=sweep%3Dlife"
		has := func(wanted bool) {
			t.equal("listed", strings.Contains(fmt.Sprint(names(t.items(all))), o.name()), wanted)
		}
		has(true)
		t.patch(path, fmt.Sprintf(`{%q:"patched"}`, text))
		t.equal(text, t.get(path).str(text), "patched")
		t.update(path, func(o object) {
			o.set("series", map[string]any{"count": 2, "lastObservedTime": "2026-01-02T03:04:05.000000Z"})
		})
		t.equal("series", t.get(path).num("series.count"), 2)
		t.remove(path)
		has(false)
	}
}
