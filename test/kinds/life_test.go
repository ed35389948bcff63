package kinds

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"

	"minke/api"
	"minke/apiserver/codec"
)

var update = flag.Bool("update", false, "write the results into testdata")

// TestFull compares with testdata/left.txt which fields an object may not have
// beside the others, and why: everything else is set in TestLife. -update writes it.
func TestFull(t *testing.T) {
	var b strings.Builder
	for _, r := range everything(t) {
		if !r.Serves("create") || !r.Serves("get") {
			continue
		}
		_, left, err := full(r)
		if err != nil {
			t.Errorf("%s: %v", r.GroupResource(), err)
		}
		for _, l := range left {
			fmt.Fprintf(&b, "%s: %s\n", r.GroupResource(), l)
		}
	}
	const golden = "testdata/left.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || string(want) != b.String() {
		t.Errorf("%v: it differs from %s:\n%s", err, golden, b.String())
	}
}

// TestLife: an object of each kind with every field set goes through its life in
// each format, and nothing is lost on the way:
//
//	create ─ get ─ update ─ status ─ apply ─ merge, strategic and JSON patch ─ delete
func TestLife(t *testing.T) {
	resources := everything(t)
	c := serve(t, resources)
	for _, r := range resources {
		if !r.Serves("create") || !r.Serves("get") {
			continue
		}
		t.Run(r.GroupResource().String(), func(t *testing.T) {
			obj, _, err := full(r)
			if err != nil {
				t.Fatal(err)
			}
			for _, format := range formats {
				if format == codec.Protobuf && !codec.HasProtobuf(obj) {
					continue
				}
				l := &life{T: t, client: c, r: r, format: format, path: pathOf(r, r.Kind.Version)}
				l.live(obj.DeepCopyObject().(api.Object))
			}
		})
	}
}

// life is one object's way through the API in one format.
type life struct {
	*testing.T
	client *client
	r      *api.Resource
	format codec.Format
	path   string
}

func (l *life) live(sent api.Object) {
	l.Helper()
	name := sent.GetName()
	spec := withoutStatus(leaves(sent))
	l.check("create", l.send(201, "POST", l.path, sent), spec)
	at := l.path + "/" + strings.ReplaceAll(name, ":", "%3A")
	got := l.send(200, "GET", at, nil)
	l.check("get", got, spec)
	l.forms(at, spec)
	got.SetLabels(map[string]string{"label": "value", "more": "1"})
	got = l.send(200, "PUT", at, got)
	l.check("update", got, spec)
	all := spec
	if _, ok := l.r.Subresources["status"]; ok {
		whole := sent.DeepCopyObject().(api.Object)
		whole.SetResourceVersion(got.GetResourceVersion())
		got = l.send(200, "PUT", at+"/status", whole)
		all = leaves(sent)
		l.check("status", got, all)
	}
	got.SetManagedFields(nil)
	got.SetResourceVersion("")
	got = l.patch(at+"?fieldManager=applier&force=true", "application/apply-patch+yaml", l.encode(got, codec.JSON))
	l.check("apply", got, all)
	if l.format == codec.CBOR {
		got.SetManagedFields(nil)
		got.SetResourceVersion("")
		l.check("apply in CBOR", l.patch(at+"?fieldManager=applier&force=true", "application/apply-patch+cbor", l.encode(got, codec.CBOR)), all)
	}
	l.check("merge patch", l.patch(at, "application/merge-patch+json", []byte(`{"metadata":{"labels":{"more":"2"}}}`)), all)
	l.check("strategic merge patch", l.patch(at, "application/strategic-merge-patch+json", []byte(`{"metadata":{"labels":{"more":"3"}}}`)), all)
	got = l.patch(at, "application/json-patch+json", []byte(`[{"op":"replace","path":"/metadata/labels/more","value":"4"}]`))
	l.check("JSON patch", got, all)
	if more := got.GetLabels()["more"]; more != "4" {
		l.Errorf("%s: label %q after the patches", l.format, more)
	}
	if code, _, body := l.client.do("DELETE", at+"?gracePeriodSeconds=0", "application/json", l.format.String(), nil); code != 200 {
		l.Fatalf("%s: delete: %d %.300s", l.format, code, body)
	}
	l.release(at)
	if code, _, body := l.client.do("GET", at, "", "application/json", nil); code != 404 {
		l.Errorf("%s: after deletion: %d %.300s", l.format, code, body)
	}
}

// release takes the finalizers off an object that waits for somebody to do so.
func (l *life) release(at string) {
	switch l.r.GroupResource().String() {
	case "namespaces":
		l.client.do("PUT", at+"/finalize", "application/json", "application/json", []byte(`{"metadata":{"name":"name"},"spec":{"finalizers":[]}}`))
	}
	l.client.do("PATCH", at, "application/merge-patch+json", "application/json", []byte(`{"metadata":{"finalizers":null}}`))
}

// check wants every leaf of want in got.
func (l *life) check(step string, got api.Object, want map[string]string) {
	l.Helper()
	g := leaves(got)
	shown := 0
	for path, value := range want {
		if g[path] == value || ownedByServer(l.r, path) ||
			l.format == codec.Protobuf && nested.MatchString(path) {
			continue
		}
		if shown++; shown <= 5 {
			l.Errorf("%s: %s: %s is %s, was %s", l.format, step, path, g[path], value)
		}
	}
}

// nested are the kinds of objects inside of others: protobuf has none.
var nested = regexp.MustCompile(`volumeClaimTemplates\[\d+\]\.(kind|apiVersion)$`)

// ownedByServer tells of fields that the server sets whatever it is sent.
func ownedByServer(r *api.Resource, path string) bool {
	return path == "metadata.resourceVersion" || path == "metadata.generation" || path == "metadata.labels.more" ||
		strings.HasPrefix(path, "metadata.managedFields") ||
		r.Kind.Kind == "Secret" && strings.HasPrefix(path, "stringData") // only ever written
}

func withoutStatus(all map[string]string) map[string]string {
	for path := range all {
		if strings.HasPrefix(path, "status.") || strings.HasPrefix(path, "status[") {
			delete(all, path)
		}
	}
	return all
}

func (l *life) encode(obj runtime.Object, format codec.Format) []byte {
	l.Helper()
	data, err := codec.Encode(obj, l.r.Kind, format, false)
	if err != nil {
		l.Fatal(err)
	}
	return data
}

func (l *life) send(want int, method, path string, obj api.Object) api.Object {
	l.Helper()
	var body []byte
	if obj != nil {
		body = l.encode(obj, l.format)
	}
	return l.answer(want, method, path, l.format.String(), body)
}

func (l *life) patch(path, media string, body []byte) api.Object {
	l.Helper()
	return l.answer(200, "PATCH", path, media, body)
}

func (l *life) answer(want int, method, path, media string, body []byte) api.Object {
	l.Helper()
	code, got, data := l.client.do(method, path, media, l.format.String(), body)
	if code != want {
		_, _, plain := l.client.do(method, path, media, "application/json", body)
		l.Fatalf("%s: %s %s: got %d, want %d: %.1000s", l.format, method, path, code, want, plain)
	}
	if got != l.format.String() {
		l.Fatalf("%s: %s %s: answered in %s", l.format, method, path, got)
	}
	obj := l.r.New()
	read := codec.Body{Data: data, Format: l.format, Validation: codec.Strict}
	if _, err := read.Decode(obj, l.r.Kind); err != nil {
		l.Fatalf("%s: %s %s: %v", l.format, method, path, err)
	}
	return obj
}
