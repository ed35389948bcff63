//go:build conformance

package conformance

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"minke/test/images"
)

const guestImage = "minke.local/guest:latest"

// importGuest builds the image of test/images/guest and brings it to the nodes,
// once for all rows.
var importGuest = sync.OnceValue(func() error {
	program, err := buildProgram("guest")
	if err != nil {
		return err
	}
	defer os.RemoveAll(filepath.Dir(program))
	var data bytes.Buffer
	if err := images.Entrypoint(&data, guestImage, program, "args", "of", "the", "image"); err != nil {
		return err
	}
	archive := program + ".tar"
	if err := os.WriteFile(archive, data.Bytes(), 0o600); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return importImage(ctx, archive)
})

// guest creates a pod whose container main runs the image's entrypoint with
// these arguments; none are the image's own.
func (t *T) guest(name, args, spec string) {
	t.Helper()
	t.create(`{apiVersion: v1, kind: Pod, metadata: {name: ` + name + `}, spec: {` + t.guestSpec(args, "", spec) + `}}`)
}

// guestSpec is the spec of a pod of guest.
func (t *T) guestSpec(args, extra, spec string) string {
	t.Helper()
	if err := importGuest(); err != nil {
		t.Fatal(err)
	}
	if args != "" {
		args = "args: [" + strings.Join(strings.Fields(args), ", ") + "]"
	}
	container := join("name: main", "image: \""+guestImage+"\"", "imagePullPolicy: IfNotPresent", args, extra)
	return join("terminationGracePeriodSeconds: 1", "containers: [{"+container+"}]", spec)
}

// guestbook is a Deployment of a part of the guestbook, and its Service.
func (t *T) guestbook(name, args string, replicas int) {
	t.Helper()
	labels := "{app: " + name + "}"
	spec := t.guestSpec("book "+args, "readinessProbe: {periodSeconds: 1, tcpSocket: {port: 6379}}", "")
	t.create(fmt.Sprintf(`{apiVersion: v1, kind: Service, metadata: {name: %s}, spec: {selector: %s, ports: [{port: 6379}]}}`, name, labels))
	t.create(fmt.Sprintf(`{apiVersion: apps/v1, kind: Deployment, metadata: {name: %s}, spec: {replicas: %d, selector: {matchLabels: %s}, template: {metadata: {labels: %s}, spec: {%s}}}}`, name, replicas, labels, labels, spec))
}

func init() {
	add(map[string]func(*T){
		"CLI001": guestbook,
		"NOD020": func(t *T) {
			t.guest("own", "", "restartPolicy: Never")
			t.guest("main", "args of the pod", "restartPolicy: Never")
			t.finished("own")
			t.equal("output with the image's arguments", t.logs("own", ""), "[of the image]\n")
			t.finished("main")
			t.equal("output with the pod's arguments", t.logs("main", ""), "[of the pod]\n")
		},
		"NOD032": imageVolume,
		"NOD072": func(t *T) {
			spec := t.guestSpec("grpc", "livenessProbe: {periodSeconds: 1, failureThreshold: 1, initialDelaySeconds: 1, grpc: {port: 8080}}", "")
			t.create(`{apiVersion: v1, kind: Pod, metadata: {name: main}, spec: {` + spec + `}}`)
			t.ready("main")
			t.never("it is restarted", 8*time.Second, func() error {
				return want("restarts", t.get("pods/main").num("status.containerStatuses.0.restartCount"), 0)
			})
		},
	})
}

// imageVolume mounts an image of a registry on the node, whole and in part.
func imageVolume(t *T) {
	const node = "nodeSelector: {kubernetes.io/hostname: node-1}"
	spec := t.guestSpec("registry", "readinessProbe: {periodSeconds: 1, exec: {command: [/bin/guest, args]}}", join("hostNetwork: true", node))
	t.create(`{apiVersion: v1, kind: Pod, metadata: {name: registry}, spec: {` + spec + `}}`)
	t.ready("registry")
	o := parse(pod("main", "sleep 600", "volumeMounts: [{name: v, mountPath: /whole}, {name: v, mountPath: /part, subPath: dir}, {name: v, mountPath: /single, subPath: dir/two}]",
		join(node, `volumes: [{name: v, image: {reference: "127.0.0.1:5032/volume:latest", pullPolicy: Always}}]`)))
	t.createObject(o)
	t.ready("main")
	t.equal("content", t.must("main", "cat /whole/file /whole/dir/one /whole/dir/two"), "abovefirstsecond")
	t.equal("content of the part", t.must("main", "ls /part; cat /part/one /single"), "one\ntwo\nfirstsecond")
	for _, path := range []string{"/whole/new", "/whole/file", "/part/one", "/single"} {
		if out, err := t.sh("main", "echo changed > "+path); err == nil {
			t.Fatalf("%s was written: %s", path, out)
		}
	}
	if out, err := t.sh("main", "/whole/file"); err == nil || !strings.Contains(out+err.Error(), "ermission denied") {
		t.Fatalf("a file of the volume can be run: %v %s", err, out)
	}
	t.remove("pods/main")
	t.gone("pods/main")
}

// guestbook stores an entry through the frontend's Service, reads it back from
// the replicas, and stops all of it.
func guestbook(t *T) {
	t.guestbook("primary", "primary", 1)
	t.guestbook("replica", "replica primary:6379", 2)
	t.guestbook("frontend", "frontend primary:6379 replica:6379", 3)
	parts := []string{"frontend", "primary", "replica"}
	for _, name := range parts {
		t.kubectl("rollout", "status", "deployment/"+name, "--timeout=60s")
	}
	t.until("both replicas follow the primary", func() error {
		return want("replicas", strings.Count(t.kubectl("logs", "deployment/primary"), "replica "), 2)
	})
	const frontend = "services/frontend/proxy"
	t.call(request{Method: "POST", Path: t.path(frontend + "/set?key=messages&value=TestEntry")}, 200)
	for range 10 { // whichever replica answers
		a := t.do(request{Method: "GET", Path: t.path(frontend + "/get?key=messages")})
		t.equal("the entry", fmt.Sprint(a.Code, " ", string(a.Raw)), "200 TestEntry")
	}
	for _, name := range parts {
		t.kubectl("delete", "deployment,service", name, "--wait=true")
	}
	t.until("it is stopped", func() error { return want("pods", len(t.items("pods")), 0) })
}
