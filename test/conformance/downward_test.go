//go:build conformance

package conformance

import (
	"fmt"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
)

const someResources = "resources: {limits: {cpu: 1250m, memory: 64Mi}, requests: {cpu: 250m, memory: 32Mi}}"

// downward is a volume of the downward API with one item, plain or projected.
func downward(item, mode string, projects bool) string {
	if projects {
		return "projected: {" + join(mode, "sources: [{downwardAPI: {items: ["+item+"]}}]") + "}"
	}
	return "downwardAPI: {" + join(mode, "items: ["+item+"]") + "}"
}

const nameItem = "path: name, fieldRef: {fieldPath: metadata.name}"

func resourceItem(name, divisor string) string {
	return "{path: name, resourceFieldRef: {containerName: main, resource: " + name + ", divisor: " + divisor + "}}"
}

// downwardOnce reads an item once.
func downwardOnce(item, mode, resources, wanted string, projects bool) func(*T) {
	return func(t *T) {
		got := t.once("reader", "stat -L -c %A /v/name; cat /v/name", join(resources, "volumeMounts: [{name: v, mountPath: /v}]"), "volumes: [{name: v, "+downward(item, mode, projects)+"}]")
		t.equal("what the pod read", got, wanted)
	}
}

// downwardAllocatable reads a limit that is not set.
func downwardAllocatable(name string, projects bool) func(*T) {
	return func(t *T) {
		got := t.once("reader", "cat /v/name", "volumeMounts: [{name: v, mountPath: /v}]", "volumes: [{name: v, "+downward(resourceItem("limits."+name, `"1"`), "", projects)+"}]")
		t.equal("what the pod read", got, t.allocatable("reader", name))
	}
}

// allocatable is what the node of a pod offers, in whole units.
func (t *T) allocatable(pod, name string) string {
	t.Helper()
	node := t.get("nodes/" + t.get("pods/"+pod).str("spec.nodeName"))
	q := resource.MustParse(node.str("status.allocatable." + name))
	return strconv.FormatInt(q.Value(), 10)
}

// downwardFollows sees a change of the pod's metadata in the file.
func downwardFollows(field string, projects bool) func(*T) {
	return func(t *T) {
		t.create(pod("reader", "sleep 600", "volumeMounts: [{name: v, mountPath: /v}]", "volumes: [{name: v, "+downward("{path: name, fieldRef: {fieldPath: metadata."+field+"}}", "", projects)+"}]"))
		t.ready("reader")
		t.patch("pods/reader", fmt.Sprintf(`{"metadata":{%q:{"first":"one"}}}`, field))
		t.shows("reader", "cat /v/name", `first="one"`)
		t.patch("pods/reader", fmt.Sprintf(`{"metadata":{%q:{"first":"two","second":"three"}}}`, field))
		t.shows("reader", "cat /v/name", "first=\"two\"\nsecond=\"three\"")
	}
}

func init() {
	tests := map[string]func(*T){}
	for _, f := range []struct {
		first    int
		projects bool
	}{{16, false}, {56, true}} {
		id := func(n int) string { return fmt.Sprintf("STO%03d", f.first+n) }
		tests[id(0)] = downwardOnce(resourceItem("limits.cpu", `"1"`), "", someResources, "-rw-r--r--\n2", f.projects)
		tests[id(1)] = downwardOnce(resourceItem("requests.cpu", "1m"), "", someResources, "-rw-r--r--\n250", f.projects)
		tests[id(2)] = downwardOnce(resourceItem("limits.memory", `"1"`), "", someResources, "-rw-r--r--\n67108864", f.projects)
		tests[id(3)] = downwardOnce(resourceItem("requests.memory", "1Mi"), "", someResources, "-rw-r--r--\n32", f.projects)
		tests[id(4)] = downwardAllocatable("cpu", f.projects)
		tests[id(5)] = downwardAllocatable("memory", f.projects)
		tests[id(6)] = downwardOnce("{"+nameItem+"}", "", "", "-rw-r--r--\nreader", f.projects)
		tests[id(7)] = downwardOnce("{"+nameItem+"}", "defaultMode: 256", "", "-r--------\nreader", f.projects)
		tests[id(8)] = downwardOnce("{"+nameItem+", mode: 256}", "", "", "-r--------\nreader", f.projects)
		tests[id(9)] = downwardFollows("annotations", f.projects)
		tests[id(10)] = downwardFollows("labels", f.projects)
	}
	// emptyDir: {root, non-root} x {0644, 0666, 0777} x {default, tmpfs}.
	n := 28
	for _, user := range []string{"securityContext: {runAsUser: 1001}", ""} {
		for _, mode := range []string{"0644 -rw-r--r--", "0666 -rw-rw-rw-", "0777 -rwxrwxrwx"} {
			for _, memory := range []bool{false, true} {
				octal, shown, _ := strings.Cut(mode, " ")
				tests[fmt.Sprintf("STO%03d", n)] = emptyDir("echo -n text > /v/f; chmod "+octal+" /v/f; stat -c %A /v/f; cat /v/f; echo", shown+"\ntext\n", user, memory)
				n++
			}
		}
	}
	tests["STO040"] = emptyDir("stat -c %A /v", "drwxrwxrwx\n", "", false)
	tests["STO041"] = emptyDir("stat -c %A /v", "drwxrwxrwx\n", "", true)
	add(tests)
}

// emptyDir runs a script in a pod with an empty directory at /v; one in memory
// must be a tmpfs.
func emptyDir(script, wanted, spec string, memory bool) func(*T) {
	return func(t *T) {
		volume := "{name: v, emptyDir: {}}"
		if memory {
			volume = "{name: v, emptyDir: {medium: Memory}}"
			script += "; mount | grep ' /v ' | cut -d ' ' -f 5"
			wanted += "tmpfs\n"
		}
		got := t.once("writer", script, "volumeMounts: [{name: v, mountPath: /v}]", join("volumes: ["+volume+"]", spec))
		t.equal("output", got, wanted)
	}
}

func init() {
	add(map[string]func(*T){
		"STO027": func(t *T) {
			t.create(`{apiVersion: v1, kind: Pod, metadata: {name: two}, spec: {restartPolicy: Never, terminationGracePeriodSeconds: 0, volumes: [{name: v, emptyDir: {}}], containers: [` +
				`{name: main, image: ` + image + `, command: [sh, -c, "while ! test -f /v/f; do sleep 0.1; done; cat /v/f"], volumeMounts: [{name: v, mountPath: /v}]}, ` +
				`{name: sub, image: ` + image + `, command: [sh, -c, "sleep 0.3; echo -n dropped > /v/g; mv /v/g /v/f"], volumeMounts: [{name: v, mountPath: /v}]}]}}`)
			t.finished("two")
			t.equal("main's output", t.logs("two", "container=main"), "dropped")
		},
	})
}
