//go:build conformance

package conformance

import (
	"fmt"
	"strings"
)

// volumeCase is a pod that reads one file of a volume made from the key data-1
// of a ConfigMap or a Secret.
type volumeCase struct {
	source   string // configMap, secret
	item     string // more of the source: items
	mode     int    // defaultMode, 0 for the default
	spec     string // more of the pod
	path     string
	want     string // the file's mode, as ls shows it
	projects bool   // through a projected volume
	twice    bool   // in two volumes
}

const (
	nonRoot   = "securityContext: {runAsUser: 1000, runAsNonRoot: true}"
	fsGroup   = "securityContext: {runAsUser: 1000, fsGroup: 1001}"
	mapped    = "items: [{key: data-1, path: path/to/data-2}]"
	mappedTo  = "path/to/data-2"
	mode0400  = "items: [{key: data-1, path: path/to/data-2, mode: 256}]"
	usualMode = "-rw-r--r--"
)

var volumeCases = map[string]volumeCase{
	"STO007": {source: "configMap"},
	"STO008": {source: "configMap", spec: nonRoot},
	"STO009": {source: "configMap", mode: 0o400, want: "-r--------"},
	"STO010": {source: "configMap", item: mapped, path: mappedTo},
	"STO011": {source: "configMap", item: mode0400, path: mappedTo, want: "-r--------"},
	"STO012": {source: "configMap", item: mapped, path: mappedTo, spec: nonRoot},
	"STO013": {source: "configMap", twice: true},
	"STO048": {source: "configMap", projects: true},
	"STO049": {source: "configMap", projects: true, spec: nonRoot},
	"STO050": {source: "configMap", projects: true, mode: 0o400, want: "-r--------"},
	"STO051": {source: "configMap", projects: true, item: mapped, path: mappedTo},
	"STO052": {source: "configMap", projects: true, item: mode0400, path: mappedTo, want: "-r--------"},
	"STO053": {source: "configMap", projects: true, item: mapped, path: mappedTo, spec: nonRoot},
	"STO054": {source: "configMap", projects: true, twice: true},
	"STO068": {source: "secret", projects: true},
	"STO069": {source: "secret", projects: true, mode: 0o440, spec: fsGroup, want: "-r--r-----"},
	"STO070": {source: "secret", projects: true, mode: 0o400, want: "-r--------"},
	"STO071": {source: "secret", projects: true, item: mapped, path: mappedTo},
	"STO072": {source: "secret", projects: true, item: mode0400, path: mappedTo, want: "-r--------"},
	"STO073": {source: "secret", projects: true, twice: true},
	"STO076": {source: "secret"},
	"STO077": {source: "secret", mode: 0o440, spec: fsGroup, want: "-r--r-----"},
	"STO078": {source: "secret", mode: 0o400, want: "-r--------"},
	"STO079": {source: "secret", item: mapped, path: mappedTo},
	"STO080": {source: "secret", item: mode0400, path: mappedTo, want: "-r--------"},
	"STO081": {source: "secret", twice: true},
}

func init() {
	tests := map[string]func(*T){}
	for id, c := range volumeCases {
		tests[id] = c.run
	}
	add(tests)
}

// join puts the non-empty parts of a flow mapping together.
func join(parts ...string) string {
	var some []string
	for _, p := range parts {
		if p != "" {
			some = append(some, p)
		}
	}
	return strings.Join(some, ", ")
}

// source is a volume's source of an object named name.
func source(kind, name, item, mode string, projects bool) string {
	field := "name: "
	if kind == "secret" && !projects {
		field = "secretName: "
	}
	inner := func(more ...string) string {
		return kind + ": {" + join(append([]string{field + name, item}, more...)...) + "}"
	}
	if !projects {
		return inner(mode)
	}
	return "projected: {" + join(mode, "sources: [{"+inner()+"}]") + "}"
}

// keep makes the ConfigMap or Secret named name with data.
func (t *T) keep(kind, name, data string) {
	t.Helper()
	if kind == "secret" {
		t.create(`{apiVersion: v1, kind: Secret, metadata: {name: ` + name + `}, stringData: ` + data + `}`)
		return
	}
	t.create(`{apiVersion: v1, kind: ConfigMap, metadata: {name: ` + name + `}, data: ` + data + `}`)
}

func (c volumeCase) run(t *T) {
	t.keep(c.source, "kept", "{data-1: value-1, data-2: value-2, data-3: value-3}")
	path, wanted, mode := c.path, c.want, ""
	if path == "" {
		path = "data-1"
	}
	if wanted == "" {
		wanted = usualMode
	}
	if c.mode != 0 {
		mode = fmt.Sprintf("defaultMode: %d", c.mode)
	}
	from := source(c.source, "kept", c.item, mode, c.projects)
	script := fmt.Sprintf("stat -L -c %%A /v/%s; cat /v/%s", path, path)
	mounts, volumes := "{name: v, mountPath: /v}", "{name: v, "+from+"}"
	wantOut := wanted + "\nvalue-1"
	if c.twice {
		script += fmt.Sprintf("; cat /w/%s", path)
		mounts += ", {name: w, mountPath: /w}"
		volumes += ", {name: w, " + from + "}"
		wantOut += "value-1"
	}
	got := t.once("reader", script, "volumeMounts: ["+mounts+"]", join("volumes: ["+volumes+"]", c.spec))
	t.equal("what the pod read", got, wantOut)
}

// updated changes a key of the kept object, and sees the file change.
func updated(kind string, projects bool) func(*T) {
	return func(t *T) {
		t.keep(kind, "kept", "{data-1: value-1}")
		t.create(pod("reader", "sleep 600", "volumeMounts: [{name: v, mountPath: /v}]", "volumes: [{name: v, "+source(kind, "kept", "", "", projects)+"}]"))
		t.ready("reader")
		t.equal("file", t.must("reader", "cat /v/data-1"), "value-1")
		t.patch(plural(kind)+"/kept", changed(kind, "data-1", "value-2"))
		t.shows("reader", "cat /v/data-1", "value-2")
	}
}

func plural(kind string) string { return strings.ToLower(kind) + "s" }

func changed(kind, key, value string) string {
	field := "data"
	if kind == "secret" {
		field = "stringData"
	}
	return fmt.Sprintf(`{%q:{%q:%q}}`, field, key, value)
}

// optional is a pod of three containers whose sources come, change and go.
func optional(kind string, projects bool) func(*T) {
	return func(t *T) {
		t.keep(kind, "update", "{data-1: value-1}")
		t.keep(kind, "delete", "{data-1: value-1}")
		var containers, volumes []string
		for _, name := range []string{"create", "update", "delete"} {
			containers = append(containers, fmt.Sprintf("{name: %s, image: %s, imagePullPolicy: IfNotPresent, command: [sleep, '600'], volumeMounts: [{name: %s, mountPath: /v}]}", name, image, name))
			volumes = append(volumes, "{name: "+name+", "+source(kind, name, "optional: true", "", projects)+"}")
		}
		t.create(`{apiVersion: v1, kind: Pod, metadata: {name: reader}, spec: {terminationGracePeriodSeconds: 1, containers: [` + strings.Join(containers, ", ") + `], volumes: [` + strings.Join(volumes, ", ") + `]}}`)
		t.ready("reader")
		if out, err := t.shIn("reader", "create", "cat /v/data-1"); err == nil {
			t.Fatalf("before it is created, the file holds %q", out)
		}
		t.keep(kind, "create", "{data-1: value-1}")
		t.patch(plural(kind)+"/update", changed(kind, "data-1", "value-3"))
		t.remove(plural(kind) + "/delete")
		reads := func(container, text string) {
			t.until(container+" reads "+text, func() error {
				out, err := t.shIn("reader", container, "cat /v/data-1")
				if err != nil {
					return err
				}
				return want("file", out, text)
			})
		}
		reads("create", "value-1")
		reads("update", "value-3")
		t.until("the file of what was deleted is gone", func() error {
			if out, err := t.shIn("reader", "delete", "cat /v/data-1"); err == nil {
				return fmt.Errorf("it holds %q", out)
			}
			return nil
		})
	}
}

func immutable(kind string) func(*T) {
	return func(t *T) {
		t.keep(kind, "kept", "{a: one}")
		path := plural(kind) + "/kept"
		t.patch(path, changed(kind, "a", "two"), 200)
		t.patch(path, `{"immutable":true}`, 200)
		t.patch(path, changed(kind, "a", "three"), 422)
		t.patch(path, `{"immutable":false}`, 422)
		t.patch(path, `{"immutable":null}`, 422)
		got := t.patch(path, `{"metadata":{"labels":{"a":"b"}}}`, 200)
		t.equal("label", got.str("metadata.labels.a"), "b")
		t.remove(path)
		t.gone(path)
	}
}

// subPath reads a file through a volumeMount's subPath.
func subPath(volume, sub, at, wanted string) func(*T) {
	return func(t *T) {
		t.keep("configMap", "kept", "{data-1: value-1}")
		t.keep("secret", "kept", "{data-1: value-1}")
		got := t.once("reader", "cat "+at, "volumeMounts: [{name: v, mountPath: "+at+", subPath: "+sub+"}]", "volumes: [{name: v, "+volume+"}]")
		t.equal("what the pod read", got, wanted)
	}
}

func init() {
	add(map[string]func(*T){
		"STO006": optional("configMap", false), "STO047": optional("configMap", true),
		"STO074": optional("secret", false), "STO067": optional("secret", true),
		"STO015": updated("configMap", false), "STO055": updated("configMap", true),
		"STO014": immutable("configMap"), "STO082": immutable("secret"),
		"STO084": subPath("configMap: {name: kept}", "data-1", "/v/file", "value-1"),
		"STO085": subPath("configMap: {name: kept}", "data-1", "/etc/group", "value-1"),
		"STO086": subPath("downwardAPI: {items: [{path: name, fieldRef: {fieldPath: metadata.name}}]}", "name", "/v/file", "reader"),
		"STO087": subPath("projected: {sources: [{configMap: {name: kept}}]}", "data-1", "/v/file", "value-1"),
		"STO088": subPath("secret: {secretName: kept}", "data-1", "/v/file", "value-1"),
		"STO005": func(t *T) {
			t.create(`{apiVersion: v1, kind: ConfigMap, metadata: {name: kept}, data: {text: words}, binaryData: {bin: "3q2+7w=="}}`)
			got := t.once("reader", "cat /v/text; sha256sum /v/bin", "volumeMounts: [{name: v, mountPath: /v}]", "volumes: [{name: v, configMap: {name: kept}}]")
			t.contains("output", got, "words", "5f78c33274e43fa9de5659265c1d917e25c03722dcb0b8d27db8d5feaa813953")
		},
		"STO043": func(t *T) {
			t.keep("configMap", "kept", "{a: one}")
			t.keep("secret", "kept", "{b: two}")
			t.create(pod("reader", "sleep 600", "volumeMounts: [{name: v, mountPath: /v}, {name: w, mountPath: /w}]", "volumes: [{name: v, configMap: {name: kept}}, {name: w, secret: {secretName: kept}}]"))
			t.ready("reader")
		},
		"STO046": func(t *T) {
			t.keep("configMap", "kept", "{a: one}")
			t.keep("secret", "kept", "{b: two}")
			ref := func(r string) string {
				return "{path: " + strings.ReplaceAll(r, ".", "-") + ", resourceFieldRef: {containerName: main, resource: " + r + "}}"
			}
			items := strings.Join([]string{"{path: name, fieldRef: {fieldPath: metadata.name}}", ref("limits.cpu"), ref("requests.memory"), ref("limits.memory"), ref("requests.cpu")}, ", ")
			got := t.once("reader", "cat /v/a /v/b /v/name; for f in limits-cpu requests-cpu limits-memory requests-memory; do echo; cat /v/$f; done", "resources: {limits: {cpu: 1250m, memory: 64Mi}, requests: {cpu: 250m, memory: 32Mi}}, volumeMounts: [{name: v, mountPath: /v}]",
				"volumes: [{name: v, projected: {sources: [{configMap: {name: kept}}, {secret: {name: kept}}, {downwardAPI: {items: ["+items+"]}}]}}]")
			t.equal("what the pod read", got, "onetworeader\n2\n1\n67108864\n33554432")
		},
		"STO075": func(t *T) {
			t.keep("secret", "kept", "{data-1: mine}")
			other := t.ns + "-other"
			t.post("namespaces", object{}.set("metadata.name", other))
			defer t.remove("/api/v1/namespaces/" + other)
			t.post("/api/v1/namespaces/"+other+"/secrets", parse(`{metadata: {name: kept}, stringData: {data-1: yours}}`))
			got := t.once("reader", "stat -L -c %A /v/data-1; cat /v/data-1; ls /v", "volumeMounts: [{name: v, mountPath: /v}]", "volumes: [{name: v, secret: {secretName: kept}}]")
			t.equal("what the pod read", got, "-rw-r--r--\nminedata-1\n")
		},
	})
}
