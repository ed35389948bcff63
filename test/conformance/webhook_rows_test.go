//go:build conformance

package conformance

import (
	"fmt"
	"strings"
)

// dry tells whether the webhook is asked about a new config map, or not, as
// wanted.
func (t *T) dry(kind, name string, asked bool) error {
	o := parse(`{apiVersion: v1, kind: ConfigMap, metadata: {name: ` + name + `}, data: {a: b}}`)
	a := t.do(request{Method: "POST", Path: t.path("configmaps") + "?dryRun=All", Body: o})
	if kind == "ValidatingWebhookConfiguration" {
		return want("refused", a.Code == 400, asked)
	}
	return want("changed", a.Body.str("data.added") != "", asked)
}

// podsAndMaps refuses what does not comply, and what hangs the webhook.
func podsAndMaps(t *T) {
	h := t.serveHooks(`{
		"/pods": [{"when": {"object.metadata.labels.hang": "yes"}, "sleep": "30s"}, {"when": {"object.metadata.labels.bad": "yes"}, "deny": "the pod contains an unwanted label"}],
		"/maps": [{"when": {"object.data.bad": "yes"}, "deny": "the configmap contains an unwanted key and value"}]}`)
	pods := h.hook("pods", "/pods", "CREATE", "/v1/pods")
	pods["timeoutSeconds"] = 2
	maps := h.hook("maps", "/maps", "CREATE, UPDATE, DELETE", "/v1/configmaps")
	for _, one := range []object{pods, maps} {
		one.set("namespaceSelector.matchExpressions", []any{object{"key": "exempt", "operator": "DoesNotExist"}})
	}
	h.configure("ValidatingWebhookConfiguration", "c", pods, maps)
	post := func(label string) answer {
		o := parse(strings.Replace(pod("main", "sleep 600", "", ""), "labels: {", "labels: {"+label+": 'yes', ", 1))
		return t.do(request{Method: "POST", Path: t.path("pods"), Body: o})
	}
	t.deniedWith(post("bad"), 400, `admission webhook "pods.hooks.example.com" denied the request: the pod contains an unwanted label`)
	hung := post("hang")
	t.deniedWith(hung, 500, `failed calling webhook "pods.hooks.example.com"`)
	t.contains("the error of a webhook that hangs", hung.text(), "deadline exceeded")
	t.deniedWith(t.configMap("main", "{bad: 'yes'}"), 400, "the configmap contains an unwanted key and value")
	t.accepted(t.configMap("main", "{a: b}"))
	put := t.get("configmaps/main").set("data.bad", "yes")
	t.deniedWith(t.do(request{Method: "PUT", Path: t.path("configmaps/main"), Body: put}), 400, "the configmap contains an unwanted key and value")
	t.deniedWith(t.do(request{Method: "PATCH", Path: t.path("configmaps/main"), Type: mergePatch, Body: `{"data":{"bad":"yes"}}`}), 400, "the configmap contains an unwanted key and value")
	other := t.ns + "-exempt"
	t.post("/api/v1/namespaces", object{}.set("metadata.name", other).set("metadata.labels", object{"hooked": t.ns, "exempt": "yes"}), 201)
	defer t.remove("/api/v1/namespaces/" + other)
	o := parse(`{apiVersion: v1, kind: ConfigMap, metadata: {name: main}, data: {bad: 'yes'}}`)
	t.post("/api/v1/namespaces/"+other+"/configmaps", o, 201)
}

// timeouts are honoured, with both failure policies.
func timeouts(t *T) {
	h := t.serveHooks(`{"/slow": [{"sleep": "5s"}]}`)
	for i, test := range []struct {
		seconds int
		policy  string
		fails   bool
	}{{1, "Fail", true}, {1, "Ignore", false}, {10, "Fail", false}} {
		one := h.hook("slow", "/slow", "CREATE", "/v1/configmaps")
		one["timeoutSeconds"], one["failurePolicy"] = test.seconds, test.policy
		one["objectSelector"] = object{"matchLabels": object{"slow": fmt.Sprint(i)}}
		h.configure("ValidatingWebhookConfiguration", fmt.Sprint("c", i), one)
		o := parse(fmt.Sprintf(`{apiVersion: v1, kind: ConfigMap, metadata: {name: main%d, labels: {slow: '%d'}}}`, i, i))
		a := t.do(request{Method: "POST", Path: t.path("configmaps"), Body: o})
		if test.fails {
			t.deniedWith(a, 500, "context deadline exceeded")
		} else {
			t.accepted(a)
		}
	}
}

func init() {
	const mutating, validating = "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"
	const addKey = `{"/add": [{"patch": [{"op": "add", "path": "/data/added", "value": "yes"}]}], "/deny": [{"deny": "this webhook denies all requests"}]}`
	const denied = `denied the request: this webhook denies all requests`
	// listed makes ten configurations, sees what they do, and that they do
	// nothing once the collection is deleted.
	listed := func(kind, path string, check func(t *T, name string, on bool)) func(*T) {
		return func(t *T) {
			h := t.serveHooks(addKey)
			for i := range 10 {
				h.configure(kind, fmt.Sprint("c", i), h.hook("one", path, "CREATE", "/v1/configmaps"))
			}
			collection := "/apis/admissionregistration.k8s.io/v1/" + plurals[kind] + "?labelSelector=row%3D" + t.id
			t.equal("listed", len(t.items(collection)), 10)
			check(t, "one", true)
			t.call(request{Method: "DELETE", Path: collection})
			t.equal("left", len(t.items(collection)), 0)
			h.until("they have no effect", func() error { return h.marked("c9").err(201) })
			check(t, "two", false)
		}
	}
	// changed updates and patches the operations of a configuration.
	changed := func(kind, path string, check func(t *T, name string, on bool)) func(*T) {
		return func(t *T) {
			h := t.serveHooks(addKey)
			at := h.configure(kind, "c", h.hook("one", path, "CREATE", "/v1/configmaps"))
			check(t, "one", true)
			t.update(at, func(o object) {
				o.list("webhooks")[1].list("rules")[0]["operations"] = []string{"UPDATE"}
			})
			t.until("it is not asked", func() error { return t.dry(kind, "two", false) })
			check(t, "two", false)
			t.call(request{Method: "PATCH", Path: at, Type: jsonPatch, Body: `[{"op":"replace","path":"/webhooks/1/rules/0/operations","value":["CREATE"]}]`})
			t.until("it is asked again", func() error { return t.dry(kind, "three", true) })
			check(t, "three", true)
		}
	}
	mutated := func(t *T, name string, on bool) {
		t.Helper()
		got := t.accepted(t.configMap(name, "{a: b}")).str("data.added")
		t.equal("the added key", got, map[bool]string{true: "yes", false: ""}[on])
	}
	judged := func(t *T, name string, on bool) {
		t.Helper()
		if a := t.configMap(name, "{a: b}"); on {
			t.deniedWith(a, 400, denied)
		} else {
			t.accepted(a)
		}
	}
	conditioned := func(kind string) func(*T) {
		return func(t *T) {
			h := &hooks{T: t}
			one := h.hook("one", "/none", "CREATE", "/v1/configmaps")
			one["matchConditions"] = []any{object{"name": "a", "expression": "true"}}
			o := t.createObject(object{"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "webhooks": []any{one}}.set("metadata.name", t.ns))
			t.equal("conditions", o.str("webhooks.0.matchConditions.0.expression"), "true")
			at := "/apis/admissionregistration.k8s.io/v1/" + plurals[kind] + "/" + t.ns
			t.update(at, func(o object) {
				o.list("webhooks")[0]["matchConditions"] = []any{object{"name": "b", "expression": "object.metadata.name != 'x'"}, object{"name": "c", "expression": "false"}}
			})
			got := t.get(at)
			t.equal("conditions", len(got.list("webhooks.0.matchConditions")), 2)
			t.equal("first", got.str("webhooks.0.matchConditions.0.expression"), "object.metadata.name != 'x'")
		}
	}
	invalid := func(kind string) func(*T) {
		return func(t *T) {
			one := (&hooks{T: t}).hook("one", "/none", "CREATE", "/v1/configmaps")
			one["matchConditions"] = []any{object{"name": "a", "expression": "... [] bad expression"}}
			o := object{"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "webhooks": []any{one}}.set("metadata.name", t.ns)
			t.deniedWith(t.do(request{Method: "POST", Path: "/apis/admissionregistration.k8s.io/v1/" + plurals[kind], Body: o}), 422, "compilation failed")
		}
	}
	add(map[string]func(*T){
		"API022": invalid(mutating), "API023": invalid(validating),
		"API003": listed(mutating, "/add", mutated), "API004": listed(validating, "/deny", judged),
		"API005": changed(mutating, "/add", mutated), "API006": changed(validating, "/deny", judged),
		"API007": conditioned(mutating), "API008": conditioned(validating),
		"API009": func(t *T) {
			h := t.serveHooks(`{"/attach": [{"when": {"name": "main", "object.kind": "PodAttachOptions"}, "deny": "attaching to pod 'main' is not allowed"}]}`)
			t.create(pod("main", "sleep 600", "", ""))
			t.ready("main")
			attach := h.hook("attach", "/attach", "CONNECT", "/v1/pods/attach")
			delete(attach, "objectSelector") // what is asked for has no labels
			h.configure(validating, "c", attach)
			for range 3 {
				out, err := t.tryKubectl("", "attach", "main")
				if err == nil {
					t.Fatalf("attached: %s", out)
				}
				t.contains("kubectl attach", out, "attaching to pod 'main' is not allowed")
			}
			t.must("main", "true")
		},
		"API011": podsAndMaps,
		"API012": func(t *T) {
			h := t.serveHooks(addKey)
			deny := h.hook("crd", "/deny", "CREATE", "apiextensions.k8s.io/*/customresourcedefinitions")
			deny["objectSelector"] = object{"matchLabels": object{"row": t.id}}
			h.configure(validating, "c", deny)
			crd := custom(t.ns, "v1").set("metadata.labels.row", t.id)
			t.deniedWith(t.do(request{Method: "POST", Path: "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", Body: crd}), 400, denied)
		},
		"API013": timeouts,
		"API015": func(t *T) {
			h := t.serveHooks(`{"/one": [{"when": {"object.data.start": "yes"}, "patch": [{"op": "add", "path": "/data/stage-1", "value": "yes"}]}],
				"/two": [{"when": {"object.data.stage-1": "yes"}, "patch": [{"op": "add", "path": "/data/stage-2", "value": "yes"}]}]}`)
			h.configure(mutating, "c", h.hook("one", "/one", "CREATE", "/v1/configmaps"), h.hook("two", "/two", "CREATE", "/v1/configmaps"))
			o := t.accepted(t.configMap("main", "{start: 'yes'}"))
			t.equal("data", o.str("data"), object{"data": map[string]any{"start": "yes", "stage-1": "yes", "stage-2": "yes"}}.str("data"))
		},
		"API019": func(t *T) {
			h := t.serveHooks(addKey)
			one := h.hook("one", "/add", "CREATE", "/v1/configmaps")
			one["matchConditions"] = []any{object{"name": "not-skipped", "expression": "object.metadata.name != 'skip-me'"}}
			h.configure(mutating, "c", one)
			mutated(t, "skip-me", false)
			mutated(t, "main", true)
		},
		"API020": func(t *T) {
			h := t.serveHooks(`{"/pods": [{"patch": [{"op": "add", "path": "/spec/initContainers", "value": [{"name": "added", "image": "` + image + `", "command": ["true"]}]}]}]}`)
			h.configure(mutating, "c", h.hook("pods", "/pods", "CREATE", "/v1/pods"))
			o := t.create(pod("main", "sleep 600", "", ""))
			t.equal("init container", o.str("spec.initContainers.0.name"), "added")
			t.equal("its default", o.str("spec.initContainers.0.terminationMessagePolicy"), "File")
			t.ready("main")
		},
		"API021": func(t *T) {
			h := t.serveHooks(`{"/label": [{"patch": [{"op": "add", "path": "/metadata/labels/changed", "value": "yes"}]}], "/deny": [{"deny": "no"}]}`)
			for _, kind := range []string{mutating, validating} {
				path := map[string]string{mutating: "/label", validating: "/deny"}[kind]
				one := h.hook("own", path, "CREATE, UPDATE, DELETE", "admissionregistration.k8s.io/*/*")
				one["objectSelector"] = object{"matchLabels": object{"aimed-at": t.ns}}
				h.configure(kind, "c", one)
			}
			for _, kind := range []string{mutating, validating} {
				o := object{"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "webhooks": []any{}}.
					set("metadata.name", t.ns+"-aim").set("metadata.labels.aimed-at", t.ns)
				made := t.createObject(o)
				t.equal("label", made.str("metadata.labels.changed"), "")
				t.remove("/apis/admissionregistration.k8s.io/v1/" + plurals[kind] + "/" + made.name())
			}
		},
		"API024": func(t *T) {
			h := t.serveHooks(addKey)
			one := h.hook("closed", "/deny", "CREATE, UPDATE, DELETE", "/v1/configmaps")
			delete(one["clientConfig"].(object), "caBundle")
			one["failurePolicy"] = "Fail"
			one["objectSelector"] = object{"matchLabels": object{"closed": "yes"}}
			t.accepted(t.configMap("before", "{a: b}"))
			h.configure(validating, "c", one)
			o := parse(`{apiVersion: v1, kind: ConfigMap, metadata: {name: main, labels: {closed: 'yes'}}}`)
			const text = `failed calling webhook "closed.hooks.example.com"`
			for range 3 {
				t.deniedWith(t.do(request{Method: "POST", Path: t.path("configmaps"), Body: o}), 500, text)
			}
			t.deniedWith(t.do(request{Method: "PATCH", Path: t.path("configmaps/before"), Type: mergePatch, Body: `{"metadata":{"labels":{"closed":"yes"}}}`}), 500, text)
			t.accepted(t.configMap("other", "{}"))
		},
	})
}
