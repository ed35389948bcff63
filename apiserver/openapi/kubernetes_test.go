package openapi

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var reference = flag.String("reference", "", "the folder api of Kubernetes' source, of which to write testdata/kubernetes.txt")

// beyond are the versions that Minke serves and Kubernetes 1.37 does not: it
// converts what was written for older releases.
var beyond = []string{
	"/apis/extensions/", "/apis/apps/v1beta1/", "/apis/apps/v1beta2/", "/apis/batch/v1beta1/", "/apis/discovery.k8s.io/v1beta1/",
	"/apis/events.k8s.io/v1beta1/", "/apis/networking.k8s.io/v1beta1/", "/apis/node.k8s.io/v1beta1/", "/apis/policy/v1beta1/",
	"/apis/rbac.authorization.k8s.io/v1beta1/", "/apis/storage.k8s.io/v1beta1/",
	"leases",          // of coordination.k8s.io/v1beta1
	"priorityclasses", // of scheduling.k8s.io/v1beta1
}

// lacking are those that Kubernetes serves when every alpha version is asked
// for, and Minke does not.
var lacking = []string{"lifecycle.", "compositepodgroups", "CompositePodGroup"}

// within tells whether all hashes are among others: v3 has a definition for each
// document, and not each document may be there.
func within(hashes, others string) bool {
	all := strings.Split(others, ",")
	for h := range strings.SplitSeq(hashes, ",") {
		if !slices.Contains(all, h) {
			return false
		}
	}
	return true
}

func oneOfThem(name string, list []string) bool {
	return slices.ContainsFunc(list, func(part string) bool { return strings.Contains(name, part) })
}

// TestKubernetes compares every definition, and every operation on a path, with
// those of Kubernetes 1.37.2, of which testdata/kubernetes.txt has a hash each.
// To write that anew:
//
//	go test ./apiserver/openapi -run TestKubernetes -reference KUBERNETES/api
func TestKubernetes(t *testing.T) {
	if *reference != "" {
		write(t, digestOf(t, referenceDocuments(t, *reference)))
	}
	raw, err := os.ReadFile("testdata/kubernetes.txt")
	if err != nil {
		t.Fatal(err)
	}
	want, got := parseDigest(string(raw)), digestOf(t, ownDocuments(t))
	served := map[string]bool{}
	for name := range got {
		served[name] = true
		path, _, _ := strings.Cut(strings.TrimPrefix(name, "path "), " ")
		switch {
		case want[name] == "" && !oneOfThem(path, beyond) && !strings.HasPrefix(name, "definition "):
			t.Errorf("Kubernetes has no %s", name)
		case want[name] != "" && !within(got[name], want[name]):
			t.Errorf("%s differs from Kubernetes'", name)
		}
	}
	for name := range want {
		if !served[name] && !oneOfThem(name, lacking) {
			t.Errorf("%s is missing", name)
		}
	}
}

func ownDocuments(t *testing.T) map[string]object {
	set := Set{Resources: everything(t), Actions: served().Actions, CBOR: true, Logs: true}
	s := New("unversioned", set)
	out := map[string]object{}
	read := func(name, path string) {
		var doc object
		if err := json.Unmarshal(get(t, s, path).Body.Bytes(), &doc); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		out[name] = doc
	}
	read("v2", "/openapi/v2")
	for _, name := range s.names() {
		if oneOfThem("/"+name+"/", beyond) {
			continue
		}
		read(name, "/openapi/v3/"+name)
	}
	return out
}

func referenceDocuments(t *testing.T, dir string) map[string]object {
	out := map[string]object{}
	read := func(name, path string) {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var doc object
		if err := json.Unmarshal(raw, &doc); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		out[name] = doc
	}
	read("v2", filepath.Join(dir, "openapi-spec", "swagger.json"))
	files, err := os.ReadDir(filepath.Join(dir, "openapi-spec", "v3"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if name, ok := strings.CutSuffix(f.Name(), "_openapi.json"); ok {
			read(strings.ReplaceAll(name, "__", "/"), filepath.Join(dir, "openapi-spec", "v3", f.Name()))
		}
	}
	return out
}

// digest has hashes by what they are of: "definition NAME", "path PATH METHOD",
// "v2" and "v3 DOCUMENT" for what else is in a document, each with the one in
// v2 and those in v3, if there.
type digest map[string]string

func digestOf(t *testing.T, documents map[string]object) digest {
	hash := func(v any) string {
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(raw)
		return hex.EncodeToString(sum[:3])
	}
	all := map[string][]string{}
	add := func(name, flavour string, v any) {
		if h := flavour + hash(v); !slices.Contains(all[name], h) {
			all[name] = append(all[name], h)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(documents)) {
		doc, flavour := maps.Clone(documents[name]), "3"
		definitions, _ := doc["definitions"].(object)
		what := "v3 " + name
		if name == "v2" {
			what, flavour = name, "2"
			each(doc["parameters"], func(name string, p object) { add("parameter "+name, "2", p) })
			delete(doc, "definitions")
			delete(doc, "parameters")
		} else {
			components := maps.Clone(doc["components"].(object))
			definitions, _ = components["schemas"].(object)
			delete(components, "schemas")
			doc["components"] = components
		}
		for model, d := range definitions {
			add("definition "+model, flavour, d)
		}
		for path, item := range doc["paths"].(object) {
			for method, op := range item.(object) {
				add("path "+path+" "+method, flavour, op)
			}
		}
		delete(doc, "paths")
		add(what, "", doc)
	}
	out := digest{}
	for name, hashes := range all {
		slices.Sort(hashes)
		out[name] = strings.Join(hashes, ",")
	}
	return out
}

// write writes a digest, with each name below what it has in common with the
// others: a package, a path.
func write(t *testing.T, d digest) {
	var out strings.Builder
	last := ""
	for _, name := range slices.Sorted(maps.Keys(d)) {
		head, tail := split(name)
		if head != last {
			fmt.Fprintln(&out, head)
			last = head
		}
		fmt.Fprintf(&out, "\t%s %s\n", tail, d[name])
	}
	if err := os.WriteFile("testdata/kubernetes.txt", []byte(out.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func split(name string) (head, tail string) {
	i := strings.LastIndexAny(name, " ")
	if strings.HasPrefix(name, "definition ") {
		i = strings.LastIndex(name, ".")
	}
	if i < 0 {
		return "", name
	}
	return name[:i+1], name[i+1:]
}

func parseDigest(text string) digest {
	out := digest{}
	head := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		entry, ok := strings.CutPrefix(line, "\t")
		if !ok {
			head = line
			continue
		}
		tail, hashes, _ := strings.Cut(entry, " ")
		out[head+tail] = hashes
	}
	return out
}
