//go:build conformance

package conformance

import "strings"

func init() {
	add(map[string]func(*T){
		"NOD005": prefixes("configMap", "configMapRef"),
		"NOD086": prefixes("secret", "secretRef"),
		"NOD006": fromKey("configMap", "configMapKeyRef"),
		"NOD087": fromKey("secret", "secretKeyRef"),
		"NOD007": fromAll("configMap", "configMapRef"),
		"NOD088": fromAll("secret", "secretRef"),
		"NOD008": func(t *T) { t.post("configmaps", parse(`{metadata: {name: a}, data: {"": b}}`), 422) },
		"NOD089": func(t *T) { t.post("secrets", parse(`{metadata: {name: a}, data: {"": Yg==}}`), 422) },
		"NOD010": func(t *T) {
			t.keep("configMap", "kept", "{a: one}")
			t.update("configmaps/kept", func(o object) { o.set("data.b", "two") })
			t.equal("data", t.get("configmaps/kept").str("data"), "map[a:one b:two]")
		},
		"NOD024": prints("echo $CL $CR $ML $MR", join(someResources, "env: ["+envResource("CL", "limits.cpu")+", "+envResource("CR", "requests.cpu")+", "+envResource("ML", "limits.memory")+", "+envResource("MR", "requests.memory")+"]"), "", "2 1 67108864 33554432\n"),
		"NOD025": func(t *T) {
			got := t.once("main", "echo $CL $ML", "env: ["+envResource("CL", "limits.cpu")+", "+envResource("ML", "limits.memory")+"]", "")
			t.equal("output", got, t.allocatable("main", "cpu")+" "+t.allocatable("main", "memory")+"\n")
		},
		"NOD026": fromField("status.hostIP", "status.hostIP"),
		"NOD027": fromField("status.hostIPs", "status.hostIPs.0.ip"),
		"NOD028": fromField("metadata.uid", "metadata.uid"),
		"NOD029": func(t *T) {
			for _, f := range []string{"metadata.name", "metadata.namespace", "status.podIP"} {
				fromField(f, f)(t)
			}
		},
		"NOD063": func(t *T) {
			t.create(strings.Replace(pod("server", "httpd -p 9376", "readinessProbe: {periodSeconds: 1, httpGet: {path: /healthz, port: 9376}}", ""), "app: ", "serves: foo, app: ", 1))
			t.ready("server")
			t.create(`{apiVersion: v1, kind: Service, metadata: {name: fooservice}, spec: {selector: {serves: foo}, ports: [{port: 8765, targetPort: 8080}]}}`)
			ip := t.get("services/fooservice").str("spec.clusterIP")
			got := t.once("main", "env", "", "")
			t.contains("env", got, "FOOSERVICE_SERVICE_HOST="+ip+"\n", "FOOSERVICE_SERVICE_PORT=8765\n", "FOOSERVICE_PORT=tcp://"+ip+":8765\n", "FOOSERVICE_PORT_8765_TCP=tcp://"+ip+":8765\n",
				"FOOSERVICE_PORT_8765_TCP_PORT=8765\n", "FOOSERVICE_PORT_8765_TCP_PROTO=tcp\n", "FOOSERVICE_PORT_8765_TCP_ADDR="+ip+"\n")
		},
	})
}

func envResource(name, resource string) string {
	return "{name: " + name + ", valueFrom: {resourceFieldRef: {resource: " + resource + "}}}"
}

// fromField wants an environment variable to be what the pod's object says.
func fromField(field, path string) func(*T) {
	return func(t *T) {
		name := strings.ToLower(strings.ReplaceAll(field, ".", "-"))
		got := t.once(name, "echo $V", "env: [{name: V, valueFrom: {fieldRef: {fieldPath: "+field+"}}}]", "")
		wanted := t.get("pods/" + name).str(path)
		if wanted == "" {
			t.Fatalf("the pod has no %s", path)
		}
		t.equal(field, got, wanted+"\n")
	}
}

func prefixes(kind, ref string) func(*T) {
	return func(t *T) {
		t.keep(kind, "kept", "{data-1: value-1, data_2: value-2}")
		got := t.once("main", "env", "envFrom: [{"+ref+": {name: kept}}, {prefix: p_, "+ref+": {name: kept}}, {prefix: p-, "+ref+": {name: kept}}, {prefix: p., "+ref+": {name: kept}}, {prefix: '#p', "+ref+": {name: kept}}, {prefix: '1-', "+ref+": {name: kept}}]", "")
		t.contains("env", got, "data_2=value-2\n", "p_data_2=value-2\n", "p-data_2=value-2\n", "p.data_2=value-2\n", "data-1=value-1\n", "p-data-1=value-1\n")
	}
}

func fromKey(kind, ref string) func(*T) {
	return func(t *T) {
		t.keep(kind, "kept", "{data-1: value-1}")
		t.equal("output", t.once("main", "echo $V", "env: [{name: V, valueFrom: {"+ref+": {name: kept, key: data-1}}}]", ""), "value-1\n")
	}
}

func fromAll(kind, ref string) func(*T) {
	return func(t *T) {
		t.keep(kind, "kept", "{data_1: value-1, data_2: value-2}")
		t.contains("env", t.once("main", "env", "envFrom: [{"+ref+": {name: kept}}]", ""), "data_1=value-1\n", "data_2=value-2\n")
	}
}
