package cluster

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"minke/api/inprocess"
	"minke/apiserver/authz"
	"minke/client"
	"minke/store/local"
)

// shared are the objects that TestNothingSharedChanges writes.
var shared = []sharedSort{
	{name: "ConfigMap", path: sorts[0].path, head: sorts[0].head, body: sorts[0].body},
	{name: "Pod", path: sorts[1].path, head: sorts[1].head, status: `"status":{"message":"%s"}`, body: `"spec":{"serviceAccountName":"default","automountServiceAccountToken":false,
		"containers":[{"name":"c","image":"registry/web:%s","resources":{"limits":{"memory":"1Gi"},"requests":{"cpu":"100m","memory":"1Gi"}}}]}`},
	{name: "Custom", path: sorts[2].path, head: sorts[2].head, body: sorts[2].body, untyped: true},
	{name: "Service", created: true, path: "/api/v1/namespaces/shop/services", head: `"apiVersion":"v1","kind":"Service"`,
		body: `"spec":{"selector":{"v":"v%s"},"ports":[{"name":"a","port":80},{"name":"b","port":81}]}`, status: `"status":{"loadBalancer":{},"conditions":[{"type":"a","status":"True","reason":"r","message":"%s","lastTransitionTime":"2026-01-01T00:00:00Z"}]}`},
	{name: "Deployment", path: "/apis/apps/v1/namespaces/shop/deployments", head: `"apiVersion":"apps/v1","kind":"Deployment"`,
		body: `"spec":{"selector":{"matchLabels":{"app":"web"}},"template":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"c","image":"registry/web:%s"}]}}}`, status: `"status":{"observedGeneration":%s}`, scale: true},
	{name: "Converted", path: "/apis/sale.example.com/v1/namespaces/shop/beams", head: `"apiVersion":"sale.example.com/v1","kind":"Beam"`,
		body: `"spec":{"size":%s,"names":["a","b"],"any":{"x":[{"y":1}]},"rows":[{"k":"1"},{"k":"2","v":"x"}]}`, status: `"status":{"size":%s,"selector":"app=web"}`, scale: true, untyped: true},
	{name: "ConvertedElsewhere", path: "/apis/sale.example.com/v2/namespaces/shop/beams", head: `"apiVersion":"sale.example.com/v2","kind":"Beam"`,
		body: `"spec":{"size":%s,"color":"blue","names":["a","b"],"rows":[{"k":"1"},{"k":"2","v":"x"}]}`, status: `"status":{"size":%s}`, scale: true, untyped: true},
}

type sharedSort struct {
	name, path, head, body string
	// status is what its status becomes, if it has one.
	status string
	// created tells that an update creates it.
	scale, untyped, created bool
}

func (s *sharedSort) text(name string, version int) string {
	return text(s.head, s.body, name, version)
}

func (s *sharedSort) statusText(name string, version int) string {
	return fmt.Sprintf(`{%s,"metadata":{"name":%q},%s}`, s.head, name, fmt.Sprintf(s.status, fmt.Sprint(version)))
}

// step is a request and what it is to answer.
type step struct {
	what, method, path, body string
	contentType              string // of the body, if it is no JSON
	accept                   string
	code                     int
}

// formats are how objects, lists and watches can be asked for.
var formats = []string{
	"application/json", "application/yaml", "application/vnd.kubernetes.protobuf,application/json",
	"application/json;as=Table;g=meta.k8s.io;v=v1", "application/json;as=Table;g=meta.k8s.io;v=v1beta1,application/json",
	"application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
}

const (
	jsonPatch      = "application/json-patch+json"
	mergePatch     = "application/merge-patch+json"
	strategicPatch = "application/strategic-merge-patch+json"
	applyPatch     = "application/apply-patch+yaml"
)

// patches are the ways to change an object's labels, and more.
func (s *sharedSort) patches(path string) (all []step) {
	apply := func(manager, labels string) step {
		return step{"apply as " + manager, "PATCH", path + "?force=true&fieldManager=" + manager, `{` + s.head + `,"metadata":{"name":"a","labels":{` + labels + `}}}`, applyPatch, "", 200}
	}
	all = []step{
		{"json patch", "PATCH", path, `[{"op":"test","path":"/metadata/name","value":"a"},{"op":"add","path":"/metadata/annotations","value":{"x":"1","z":"2"}},
			{"op":"copy","from":"/metadata/annotations/x","path":"/metadata/annotations/y"},{"op":"move","from":"/metadata/annotations/z","path":"/metadata/annotations/w"},{"op":"remove","path":"/metadata/annotations/x"}]`, jsonPatch, "", 200},
		{"merge patch", "PATCH", path, `{"metadata":{"labels":{"m":"1","gone":null},"annotations":{"y":null}}}`, mergePatch, "", 200},
		apply("ann", `"a":"1"`), apply("bob", `"a":"2","b":"1"`), apply("ann", ``),
	}
	if !s.untyped {
		all = append(all, step{"strategic patch", "PATCH", path, `{"metadata":{"labels":{"s":"1"},"finalizers":["example.com/f"],"$deleteFromPrimitiveList/finalizers":["example.com/none"]}}`, strategicPatch, "", 200},
			step{"strategic patch back", "PATCH", path, `{"metadata":{"$deleteFromPrimitiveList/finalizers":["example.com/f"]}}`, strategicPatch, "", 200})
	}
	return all
}

// reads are the ways to read it.
func (s *sharedSort) reads() (all []step) {
	for _, f := range formats {
		all = append(all, step{"get as " + f, "GET", s.path + "/a", "", "", f, 200})
		f = strings.Replace(f, "PartialObjectMetadata", "PartialObjectMetadataList", 1)
		all = append(all,
			step{"list as " + f, "GET", s.path + "?labelSelector=app", "", "", f, 200},
			step{"list pages as " + f, "GET", s.path + "?limit=1", "", "", f, 200},
			step{"list as held as " + f, "GET", s.path + "?resourceVersion=0&fieldSelector=metadata.name!%3Dnone", "", "", f, 200})
	}
	return append(all,
		step{"list with objects in rows", "GET", s.path + "?includeObject=Object", "", "", formats[3], 200},
		step{"list with nothing in rows", "GET", s.path + "?includeObject=None", "", "", formats[3], 200},
		step{"list nicely", "GET", s.path + "?pretty=true", "", "", "", 200},
		step{"list everywhere", "GET", strings.Replace(s.path, "/namespaces/shop", "", 1), "", "", "", 200})
}

// writes are the ways to write it, each also as a dry run.
func (s *sharedSort) writes() (all []step) {
	all = []step{
		{"create", "POST", s.path, s.text("a", 1), "", "", 201},
		{"create again", "POST", s.path, s.text("a", 1), "", "", 409},
		{"create with a name made up", "POST", s.path, strings.Replace(s.text("", 1), `"name":""`, `"generateName":"b-"`, 1), "", formats[3], 201},
		{"update", "PUT", s.path + "/a", s.text("a", 2), "", "", 200},
		{"update to the same", "PUT", s.path + "/a", s.text("a", 2), "", formats[2], 200},
		{"bad update", "PUT", s.path + "/a", strings.Replace(s.text("a", 3), `"web"`, `"-"`, 1), "", "", 422},
		{"denied update", "PUT", s.path + "/a", strings.Replace(s.text("a", 3), `"app"`, `"bad":"1","app"`, 1), "", "", 422},
	}
	if s.created {
		all = append(all, step{"create by an update", "PUT", s.path + "/b", s.text("b", 2), "", "", 201}, step{"create by an apply",
			"PATCH", s.path + "/c?fieldManager=ann", s.text("c", 2), applyPatch, "", 201})
	} else {
		all = append(all, step{"update what is not there", "PUT", s.path + "/none", s.text("none", 2), "", "", 404})
	}
	all = append(all, s.patches(s.path+"/a")...)
	if s.status != "" {
		all = append(all, step{"get status", "GET", s.path + "/a/status", "", "", "", 200},
			step{"update status", "PUT", s.path + "/a/status", s.statusText("a", 1), "", "", 200})
		all = append(all, s.patches(s.path+"/a/status")...)
	}
	if s.scale {
		all = append(all, step{"get scale", "GET", s.path + "/a/scale", "", "", "", 200},
			step{"update scale", "PUT", s.path + "/a/scale", `{"metadata":{"name":"a"},"spec":{"replicas":4}}`, "", "", 200},
			step{"patch scale", "PATCH", s.path + "/a/scale", `{"spec":{"replicas":5}}`, mergePatch, "", 200})
	}
	return all
}

// pods are what is done to pods alone.
func pods(path string) []step {
	return []step{
		{"bind", "POST", path + "/a/binding", `{"metadata":{"name":"a","annotations":{"bound":"yes"}},"target":{"kind":"Node","name":"n1"}}`, "", "", 201},
		{"find a node", "PATCH", "/api/v1/nodes/n1/status", `{"status":{"allocatable":{"cpu":"4","memory":"8Gi"},"capacity":{"cpu":"4","memory":"8Gi"}}}`, strategicPatch, "", 200},
		{"resize", "PATCH", path + "/a/resize", `{"spec":{"containers":[{"name":"c","resources":{"requests":{"cpu":"200m"}}}]}}`, strategicPatch, "", 200},
		{"debug", "PATCH", path + "/a/ephemeralcontainers", `{"spec":{"ephemeralContainers":[{"name":"d","image":"registry/debug"}]}}`, strategicPatch, "", 200},
		{"run", "PATCH", path + "/a/status", `{"status":{"phase":"Running","startTime":"2026-01-01T00:00:00Z","conditions":[{"type":"Ready","status":"True"}]}}`, strategicPatch, "", 200},
		{"evict what the budget protects", "POST", path + "/a/eviction", `{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":"a"}}`, "", "", 429},
		{"allow a disruption", "PATCH", "/apis/policy/v1/namespaces/shop/poddisruptionbudgets/all/status", `{"status":{"observedGeneration":1,"disruptionsAllowed":2,"currentHealthy":3,"desiredHealthy":1,"expectedPods":3}}`, mergePatch, "", 200},
		{"keep it", "PATCH", path + "/a", `{"metadata":{"finalizers":["example.com/f"]}}`, mergePatch, "", 200},
		{"evict", "POST", path + "/a/eviction", `{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":"a"},"deleteOptions":{"gracePeriodSeconds":5}}`, "", "", 201},
		{"evict again", "POST", path + "/a/eviction", `{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":"a"}}`, "", "", 201},
	}
}

// ends are the ways to delete it.
func (s *sharedSort) ends() []step {
	return []step{
		{"create another", "POST", s.path, strings.Replace(s.text("", 1), `"name":""`, `"generateName":"e-"`, 1), "", "", 201},
		{"delete it all for show", "DELETE", s.path + "?labelSelector=app%3Dweb&dryRun=All", "", "", "", 200},
		{"keep it", "PATCH", s.path + "/a", `{"metadata":{"finalizers":["example.com/f"]}}`, mergePatch, "", 200},
		{"delete what is kept", "DELETE", s.path + "/a?gracePeriodSeconds=0&propagationPolicy=Foreground", "", "", "", 200},
		{"get what is kept", "GET", s.path + "/a", "", "", formats[3], 200},
		{"delete all", "DELETE", s.path + "?labelSelector=app%3Dweb", "", "", formats[3], 200},
		{"let go", "PATCH", s.path + "/a", `{"metadata":{"finalizers":null}}`, mergePatch, "", 200},
	}
}

// TestNothingSharedChanges makes every kind of request while webhooks and
// policies change and check what is written, and holds after each that no object
// and no bytes that caches share have changed, and that each object is what was
// stored for it.
func TestNothingSharedChanges(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	w := newTestServer(t, local.OpenMemory())
	h := newHooks(t)
	w.must(201, "POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", h.beams())
	for w.do("GET", "/apis/sale.example.com/v2/namespaces/shop/beams", "").Code != 200 {
		<-w.custom.Changed()
	}
	w.must(201, "POST", "/api/v1/nodes", `{"metadata":{"name":"n1","labels":{"kubernetes.io/os":"linux"}}}`)
	for _, a := range h.admission() {
		w.must(201, "POST", a[0], a[1])
	}
	w.unchanged("the beginning")
	for _, s := range shared {
		t.Run(s.name, func(t *testing.T) {
			w := &testServer{t, w.Server}
			for _, f := range formats {
				defer w.watching(s.path, f)()
			}
			for _, step := range s.writes() {
				w.take(step)
				if dry := step; step.method != "GET" {
					dry.what += " for show"
					dry.path += map[bool]string{true: "&dryRun=All", false: "?dryRun=All"}[strings.Contains(step.path, "?")]
					switch step.what { // it exists by now
					case "create":
						dry.code = 409
					case "create by an update", "create by an apply":
						dry.code = 200
					}
					w.take(dry)
				}
			}
			for _, step := range s.reads() {
				w.take(step)
			}
			w.inHouse(&s)
			if s.name == "Pod" {
				for _, step := range pods(s.path) {
					w.take(step)
				}
			}
			for _, step := range s.ends() {
				w.take(step)
			}
		})
	}
	for _, step := range []step{
		{"delete a definition", "DELETE", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/beams.sale.example.com", "", "", "", 200},
		{"delete the namespace", "DELETE", "/api/v1/namespaces/shop", "", "", "", 200},
		{"finalize it", "PUT", "/api/v1/namespaces/shop/finalize", `{"metadata":{"name":"shop"},"spec":{"finalizers":[]}}`, "", "", 200},
	} {
		w.take(step)
	}
	if objects, data := w.cfg.detector.Len(); objects < 100 || data < 300 {
		t.Errorf("only %d objects and %d pieces of bytes were looked at", objects, data)
	}
}

// unchanged holds that nothing shared has changed.
func (w *testServer) unchanged(what string) {
	w.Helper()
	if err := w.cfg.detector.Check(); err != nil {
		w.Errorf("after %q: %v", what, err)
	}
}

// take makes the request of a step.
func (w *testServer) take(s step) {
	w.Helper()
	r := httptest.NewRequest(s.method, s.path, strings.NewReader(w.latest(s.method, s.path, s.body)))
	r.Header.Set("Content-Type", "application/json")
	if s.contentType != "" {
		r.Header.Set("Content-Type", s.contentType)
	}
	r.Header.Set("Accept", s.accept)
	rec := httptest.NewRecorder()
	w.api.ServeHTTP(rec, r.WithContext(inprocess.WithUser(r.Context(), &inprocess.User{Name: "ann", Groups: []string{authz.Masters}})))
	if rec.Code != s.code {
		w.Errorf("%s: %s %s: got %d, want %d: %s", s.what, s.method, s.path, rec.Code, s.code, rec.Body)
	}
	w.unchanged(s.what)
}

// lines counts the events of a watch.
type lines struct {
	http.ResponseWriter
	mu    sync.Mutex
	bytes int
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bytes += len(p)
	return len(p), nil
}

func (l *lines) Flush() {}

// watching watches in a format until the function that it returns is called,
// which wants that something came.
func (w *testServer) watching(path, format string) func() {
	ctx, cancel := context.WithCancel(w.Context())
	r := httptest.NewRequest("GET", path+"?watch=true&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan", nil)
	r.Header.Set("Accept", format)
	l := &lines{ResponseWriter: httptest.NewRecorder()}
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.api.ServeHTTP(l, r.WithContext(inprocess.WithUser(ctx, &inprocess.User{Name: "ann", Groups: []string{authz.Masters}})))
	}()
	return func() {
		cancel()
		<-done
		if l.bytes == 0 {
			w.Errorf("no event came as %s", format)
		}
	}
}

// inHouse does what a part in this process does, which is given the caches' own
// objects, and keeps to the rules: what it changes are copies.
func (w *testServer) inHouse(s *sharedSort) {
	w.Helper()
	gv, err := schema.ParseGroupVersion(strings.Split(s.head, `"`)[3])
	if err != nil {
		w.Fatal(err)
	}
	api := w.Client("bob", authz.Masters)
	do := func(verb string, r client.Request) client.Object {
		w.Helper()
		r.Verb, r.Resource, r.Namespace = verb, gv.WithResource(s.path[strings.LastIndex(s.path, "/")+1:]), "shop"
		out, err := api.Do(w.Context(), r)
		if err != nil {
			w.Errorf("%s in house: %v", verb, err)
		}
		w.unchanged(verb + " in house")
		obj, _ := out.(client.Object)
		return obj
	}
	do("list", client.Request{})
	do("list", client.Request{List: metav1.ListOptions{LabelSelector: "app=web", Limit: 1}})
	old := do("get", client.Request{Name: "a"})
	if old == nil {
		return
	}
	next := old.DeepCopyObject().(client.Object)
	next.SetLabels(map[string]string{"app": "web", "house": "yes"})
	do("update", client.Request{Name: "a", Body: next})
	do("patch", client.Request{Name: "a", Patch: []byte(`{"metadata":{"labels":{"house":"no"}}}`), PatchType: types.MergePatchType})
	if s.status != "" {
		do("patch", client.Request{Name: "a", Subresource: "status", Patch: []byte(s.statusText("a", 7)), PatchType: types.MergePatchType})
	}
	fresh := old.DeepCopyObject().(client.Object)
	fresh.SetName("house")
	fresh.SetResourceVersion("")
	fresh.SetUID("")
	if s.name == "Service" {
		return // it would want the same address
	}
	do("create", client.Request{Body: fresh})
	do("delete", client.Request{Name: "house"})
}
