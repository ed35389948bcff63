//go:build conformance

package conformance

import (
	"strings"
)

// custom is a definition of things.NAMESPACE.example.com in some versions, the
// first of which is stored.
func custom(ns string, versions ...string) object {
	var list []any
	for i, v := range versions {
		one := parse(`{served: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}`)
		one["name"], one["storage"] = v, i == 0
		list = append(list, map[string]any(one))
	}
	o := parse(`{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, spec: {scope: Namespaced, names: {plural: things, kind: Thing}}}`)
	return o.set("metadata.name", "things."+ns+".example.com").set("spec.group", ns+".example.com").set("spec.versions", list)
}

// define stores a definition, waits until it is served, and returns the path of
// its objects in the row's namespace with VERSION in it.
func (t *T) define(crd object) string {
	t.Helper()
	made := t.createObject(crd)
	t.wait("customresourcedefinitions/"+made.name(), "the definition is established", func(o object) error {
		return want("Established", o.condition("Established"), "True")
	})
	return "/apis/" + t.ns + ".example.com/VERSION/namespaces/" + t.ns + "/things"
}

func in(version, path string) string { return strings.Replace(path, "VERSION", version, 1) }

// thing is an object of a definition of custom.
func (t *T) thing(name, version, fields string) object {
	o := parse(`{kind: Thing, metadata: {name: ` + name + `}` + fields + `}`)
	return o.set("apiVersion", t.ns+".example.com/"+version)
}

// converted makes a definition with a conversion webhook, of which v1 is stored.
func (t *T) converted() string {
	t.Helper()
	h := t.serveHooks(`{}`)
	crd := custom(t.ns, "v1", "v2").set("spec.conversion", object{
		"strategy": "Webhook", "webhook": object{"clientConfig": h.client("/convert"), "conversionReviewVersions": []string{"v1"}},
	})
	path := t.define(crd)
	t.post(in("v1", path), t.thing("one", "v1", ", hostPort: 'localhost:8080'"), 201)
	t.until("the webhook is reached", func() error { return t.do(request{Method: "GET", Path: in("v2", path) + "/one"}).err() })
	return path
}

// undefine takes the definition away while its webhook still answers: what is
// stored in another version cannot be deleted without.
func (t *T) undefine() {
	t.Helper()
	path := "customresourcedefinitions/things." + t.ns + ".example.com"
	t.remove(path)
	t.gone(path)
}

// storeIn moves the storage version.
func (t *T) storeIn(version string) {
	t.Helper()
	t.update("customresourcedefinitions/things."+t.ns+".example.com", func(o object) {
		for _, v := range o.list("spec.versions") {
			v["storage"] = v.str("name") == version
		}
	})
}

func init() {
	const mutating, validating = "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"
	const stages = `{"/one": [{"when": {"object.data.start": "yes"}, "patch": [{"op": "add", "path": "/data/stage-1", "value": "yes"}]}],
		"/two": [{"when": {"object.data.stage-1": "yes"}, "patch": [{"op": "add", "path": "/data/stage-2", "value": "yes"}]}]}`
	group := func(t *T) string { return t.ns + ".example.com/*/things" }
	add(map[string]func(*T){
		"API010": func(t *T) {
			h := t.serveHooks(`{"/deny": [{"when": {"object.data.bad": "yes"}, "deny": "the custom resource contains unwanted data"}, {"when": {"operation": "DELETE", "oldObject.data.keep": "yes"}, "deny": "the custom resource cannot be deleted"}]}`)
			path := in("v1", t.define(custom(t.ns, "v1")))
			h.configure(validating, "c", h.hook("custom", "/deny", "CREATE, UPDATE, DELETE", group(t)))
			const text = "the custom resource contains unwanted data"
			t.deniedWith(t.do(request{Method: "POST", Path: path, Body: t.thing("bad", "v1", ", data: {bad: 'yes'}")}), 400, text)
			t.post(path, t.thing("main", "v1", ", data: {keep: 'yes'}"), 201)
			t.deniedWith(t.do(request{Method: "PATCH", Path: path + "/main", Type: mergePatch, Body: `{"data":{"bad":"yes"}}`}), 400, text)
			t.deniedWith(t.do(request{Method: "DELETE", Path: path + "/main"}), 400, "the custom resource cannot be deleted")
			t.patch(path+"/main", `{"data":null}`)
			t.remove(path + "/main")
		},
		"API016": func(t *T) {
			h := t.serveHooks(stages)
			path := in("v1", t.define(custom(t.ns, "v1")))
			h.configure(mutating, "c", h.hook("one", "/one", "CREATE", group(t)), h.hook("two", "/two", "CREATE", group(t)))
			o := t.post(path, t.thing("main", "v1", ", data: {start: 'yes'}"), 201)
			t.equal("data", o.at("data"), map[string]any{"start": "yes", "stage-1": "yes", "stage-2": "yes"})
		},
		"API017": func(t *T) {
			h := t.serveHooks(stages)
			path := t.define(custom(t.ns, "v1", "v2"))
			h.configure(mutating, "c", h.hook("one", "/one", "CREATE, UPDATE", t.ns+".example.com/v1/things"))
			o := t.post(in("v1", path), t.thing("main", "v1", ", data: {start: 'yes'}"), 201)
			t.equal("data", o.str("data.stage-1"), "yes")
			t.storeIn("v2")
			t.until("v2 is stored", func() error {
				return want("stored", t.get("customresourcedefinitions/things."+t.ns+".example.com").str("status.storedVersions"), "[v1 v2]")
			})
			o = t.patch(in("v2", path)+"/main", `{"data":{"stage-1":null,"other":"new"}}`)
			t.equal("version", o.str("apiVersion"), t.ns+".example.com/v2")
			t.equal("data", o.at("data"), map[string]any{"start": "yes", "stage-1": "yes", "other": "new"})
		},
		"API018": func(t *T) {
			h := t.serveHooks(stages)
			crd := custom(t.ns, "v1")
			crd.list("spec.versions")[0]["schema"] = parse(`{openAPIV3Schema: {type: object, properties: {data: {type: object, properties: {start: {type: string}, stage-1: {type: string}}}}}}`)
			path := in("v1", t.define(crd))
			h.configure(mutating, "c", h.hook("one", "/one", "CREATE", group(t)), h.hook("two", "/two", "CREATE", group(t)))
			o := t.post(path, t.thing("main", "v1", ", data: {start: 'yes'}"), 201)
			t.equal("data", o.at("data"), map[string]any{"start": "yes", "stage-1": "yes"})
		},
		"API030": func(t *T) {
			path := t.converted()
			defer t.undefine()
			t.storeIn("v2")
			t.post(in("v2", path), t.thing("two", "v2", ", host: example.com, port: '80'"), 201)
			for version, wanted := range map[string][]string{"v2": {"localhost 8080 ", "example.com 80 "}, "v1": {"  localhost:8080", "  example.com:80"}} {
				list := t.items(in(version, path))
				t.equal("listed", names(list), []string{"one", "two"})
				for i, o := range list {
					t.equal("version", o.str("apiVersion"), t.ns+".example.com/"+version)
					t.equal(o.name(), o.str("host")+" "+o.str("port")+" "+o.str("hostPort"), wanted[i])
				}
			}
		},
		"API031": func(t *T) {
			path := t.converted()
			defer t.undefine()
			o := t.get(in("v2", path) + "/one")
			t.equal("version", o.str("apiVersion"), t.ns+".example.com/v2")
			t.equal("host and port", o.str("host")+" "+o.str("port")+o.str("hostPort"), "localhost 8080")
		},
	})
}
