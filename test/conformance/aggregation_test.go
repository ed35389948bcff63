//go:build conformance

package conformance

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	certutil "k8s.io/client-go/util/cert"

	"minke/test/images"
)

// peer is where test/peers/build.sh puts programs of others.
func peer(name string) string { return filepath.Join("..", "..", "build", "peers", name) }

// importPeers makes an image of programs of others and brings it to the nodes.
func (t *T) importPeers(name string, programs ...string) {
	t.Helper()
	var files []string
	for _, p := range programs {
		files = append(files, peer(p))
	}
	archive, err := peerArchive(name, files)
	if err != nil {
		t.Fatalf("%v; make peers of it: test/peers/build.sh %s", err, strings.Join(programs, " "))
	}
	if err := importImage(t.ctx, archive); err != nil {
		t.Fatal(err)
	}
}

// importImage brings the images of an archive to the nodes.
func importImage(ctx context.Context, archive string) error {
	cmd := exec.CommandContext(ctx, minke(), "image", "import", "--name", clusterName, archive)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("import %s: %w\n%s", archive, err, out)
	}
	return nil
}

// peerArchive returns the archive of an image of programs, made anew when one of
// them is newer: to compress them takes half a minute.
func peerArchive(name string, files []string) (string, error) {
	archive := files[0] + ".tar"
	if made, err := os.Stat(archive); err == nil {
		fresh := true
		for _, file := range files {
			program, err := os.Stat(file)
			fresh = fresh && err == nil && program.ModTime().Before(made.ModTime())
		}
		if fresh {
			return archive, nil
		}
	}
	var data bytes.Buffer
	if err := images.Programs(&data, name, files...); err != nil {
		return "", err
	}
	return archive, os.WriteFile(archive, data.Bytes(), 0o644)
}

// later deletes what is at the path when the row has ended.
func (t *T) later(path string) {
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if _, err := do(ctx, request{Method: "DELETE", Path: path}); err != nil {
			t.Log(err)
		}
	})
}

// delegates lets the default service account do what an API server behind the
// cluster's needs: ask who somebody is and what he may, and what rules says.
func (t *T) delegates(rules string) {
	t.Helper()
	const subjects = `subjects: [{kind: ServiceAccount, name: default, namespace: NS}]`
	for _, manifest := range []string{
		`{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: NS}, rules: [` + rules + `]}`,
		`{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: NS}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: NS}, ` + subjects + `}`,
		`{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: NS-delegator}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "system:auth-delegator"}, ` + subjects + `}`,
		`{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: NS, namespace: kube-system}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: extension-apiserver-authentication-reader}, ` + subjects + `}`,
	} {
		o := parse(strings.ReplaceAll(manifest, "NS", t.ns))
		path := placesByKind[o.str("apiVersion")+"/"+o.str("kind")].collection(o.str("metadata.namespace"))
		t.post(path, o)
		t.later(path + "/" + o.name())
	}
}

// sampleServer runs upstream's sample API server behind the cluster's own.
func (t *T) sampleServer() {
	t.Helper()
	t.importPeers("minke.local/sample-apiserver:latest", "sample-apiserver", "etcd")
	host := "sample-api." + t.ns + ".svc"
	cert, key, err := certutil.GenerateSelfSignedCertKey(host, nil, []string{host})
	if err != nil {
		t.Fatal(err)
	}
	secret := parse(`{apiVersion: v1, kind: Secret, metadata: {name: certs}}`)
	secret["data"] = object{"tls.crt": base64.StdEncoding.EncodeToString(cert), "tls.key": base64.StdEncoding.EncodeToString(key)}
	t.createObject(secret)
	t.delegates(`{apiGroups: [""], resources: [namespaces], verbs: [get, list, watch]}, {apiGroups: [admissionregistration.k8s.io, flowcontrol.apiserver.k8s.io], resources: ["*"], verbs: [get, list, watch]}`)
	t.create(`{apiVersion: apps/v1, kind: Deployment, metadata: {name: sample-apiserver}, spec: {replicas: 1, selector: {matchLabels: {app: sample}}, template: {metadata: {labels: {app: sample}}, spec: {
		terminationGracePeriodSeconds: 1, volumes: [{name: certs, secret: {secretName: certs}}], containers: [
		{name: server, image: "minke.local/sample-apiserver:latest", imagePullPolicy: IfNotPresent, volumeMounts: [{name: certs, mountPath: /certs}],
			command: [sample-apiserver, "--etcd-servers=http://127.0.0.1:2379", "--tls-cert-file=/certs/tls.crt", "--tls-private-key-file=/certs/tls.key", "--secure-port=8443"],
			readinessProbe: {periodSeconds: 1, httpGet: {scheme: HTTPS, path: /readyz, port: 8443}}},
		{name: etcd, image: "minke.local/sample-apiserver:latest", imagePullPolicy: IfNotPresent, command: [etcd, --data-dir=/tmp/etcd]}]}}}}`)
	t.create(`{apiVersion: v1, kind: Service, metadata: {name: sample-api}, spec: {selector: {app: sample}, ports: [{port: 7443, targetPort: 8443}]}}`)
	service := parse(fmt.Sprintf(`{apiVersion: apiregistration.k8s.io/v1, kind: APIService, metadata: {name: v1alpha1.wardle.example.com}, spec: {group: wardle.example.com, version: v1alpha1, groupPriorityMinimum: 2000, versionPriority: 200,
		service: {namespace: %s, name: sample-api, port: 7443}, caBundle: %q}}`, t.ns, base64.StdEncoding.EncodeToString(cert)))
	t.post("/apis/apiregistration.k8s.io/v1/apiservices", service)
	t.later(apiService)
	t.wait(apiService, "the sample API server is available", func(o object) error {
		return want("Available", o.condition("Available"), "True")
	})
}

const (
	apiService = "/apis/apiregistration.k8s.io/v1/apiservices/v1alpha1.wardle.example.com"
	wardle     = "/apis/wardle.example.com/v1alpha1"
)

// flunders is the life of an object of the sample API server.
func (t *T) flunders() {
	t.Helper()
	all := wardle + "/namespaces/" + t.ns + "/flunders"
	made := t.post(all, `{"apiVersion":"wardle.example.com/v1alpha1","kind":"Flunder","metadata":{"name":"one","labels":{"a":"b"}},"spec":{"reference":"x"}}`)
	t.equal("its uid is set", made.str("metadata.uid") != "", true)
	t.equal("listed", len(t.items(all)), 1)
	w := t.watch(all, "&resourceVersion="+made.str("metadata.resourceVersion"))
	isOne := func(o object) bool { return o.name() == "one" }
	t.patch(all+"/one", `{"metadata":{"annotations":{"patched":"yes"}}}`)
	w.until("MODIFIED", isOne)
	t.update(all+"/one", func(o object) { o.set("metadata.labels.c", "d") })
	w.until("MODIFIED", isOne)
	t.equal("label", t.get(all+"/one").str("metadata.labels.c"), "d")
	t.contains("kubectl", t.kubectl("get", "flunders", "-n", t.ns, "-o", "name"), "flunder.wardle.example.com/one")
	t.contains("explain", t.kubectl("explain", "flunders.spec"), "reference")
	t.remove(all + "/one")
	w.until("DELETED", isOne)
	t.post(all, `{"apiVersion":"wardle.example.com/v1alpha1","kind":"Flunder","metadata":{"name":"two"}}`)
	t.call(request{Method: "DELETE", Path: all}, 200)
	t.equal("left", len(t.items(all)), 0)
}

// flundersAreCollected: owners and dependents may be other servers' objects, and a
// namespace does not go before what they hold in it.
func (t *T) flundersAreCollected() {
	t.Helper()
	gone := func(path string) {
		t.Helper()
		t.until(path+" is gone", func() error { return t.do(request{Method: "GET", Path: path}).err(404) })
	}
	all, maps := wardle+"/namespaces/"+t.ns+"/flunders", "/api/v1/namespaces/"+t.ns+"/configmaps"
	owned := func(version, kind, name, ownerVersion, ownerKind string, owner object) string {
		return fmt.Sprintf(`{"apiVersion":%q,"kind":%q,"metadata":{"name":%q,"ownerReferences":[{"apiVersion":%q,"kind":%q,"name":%q,"uid":%q}]}}`,
			version, kind, name, ownerVersion, ownerKind, owner.name(), owner.str("metadata.uid"))
	}
	const version = "wardle.example.com/v1alpha1"
	first := t.post(maps, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"first"}}`)
	second := t.post(all, owned(version, "Flunder", "second", "v1", "ConfigMap", first))
	t.post(maps, owned("v1", "ConfigMap", "third", version, "Flunder", second))
	t.remove(maps + "/first")
	gone(all + "/second")
	gone(maps + "/third")
	other := t.ns + "-other"
	t.post("/api/v1/namespaces", fmt.Sprintf(`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":%q}}`, other))
	left := wardle + "/namespaces/" + other + "/flunders"
	t.post(left, `{"apiVersion":"wardle.example.com/v1alpha1","kind":"Flunder","metadata":{"name":"left"}}`)
	t.remove("/api/v1/namespaces/" + other)
	gone("/api/v1/namespaces/" + other)
	t.equal("left in a namespace that is gone", len(t.items(left)), 0)
}

func init() {
	add(map[string]func(*T){
		"API029": func(t *T) {
			t.sampleServer()
			t.equal("group", t.get("/apis/wardle.example.com").str("preferredVersion.groupVersion"), "wardle.example.com/v1alpha1")
			t.contains("resources", string(t.do(request{Method: "GET", Path: wardle}).Raw), `"flunders"`)
			a := t.do(request{Method: "GET", Path: "/apis", Header: map[string]string{"Accept": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"}})
			t.contains("aggregated discovery", string(a.Raw), `"flunders"`)
			t.flunders()
			t.flundersAreCollected()
			t.patch(apiService, `{"metadata":{"labels":{"patched":"yes"}}}`)
			t.remove(apiService)
			t.until("its routes are gone", func() error {
				return t.do(request{Method: "GET", Path: wardle}).err(404)
			})
		},
	})
}
