package apiserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"

	"minke/api/inprocess"
	"minke/apiserver/admission"
	"minke/apiserver/audit"
	"minke/apiserver/request"
)

// witness keeps what it is told.
type witness struct {
	mu     sync.Mutex
	events []*auditv1.Event
	fail   error
}

func (w *witness) Name() string { return "witness" }

func (w *witness) Tell(_ context.Context, events []*auditv1.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, events...)
	return w.fail
}

// take returns what was told since the last time, one line for each event.
func (w *witness) take() (lines []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.events {
		line := fmt.Sprintf("%s %s %s %s", e.Level, e.Stage, e.User.Username, e.Verb)
		if e.ImpersonatedUser != nil {
			line += " as " + e.ImpersonatedUser.Username
		}
		if o := e.ObjectRef; o != nil {
			line += fmt.Sprintf(" %s/%s/%s", o.Resource, o.Namespace, o.Name)
		}
		if e.ResponseStatus != nil {
			line += fmt.Sprintf(" %d%s", e.ResponseStatus.Code, e.ResponseStatus.Reason)
		}
		if e.RequestObject != nil {
			line += " < " + string(e.RequestObject.Raw)
		}
		if e.ResponseObject != nil {
			line += " > " + e.ResponseObject.ContentType
		}
		lines = append(lines, line)
	}
	w.events = nil
	return lines
}

// marker annotates what it admits.
type marker struct{}

func (marker) Validate(_ context.Context, a *admission.Attributes) error {
	a.Annotate("test/operation", string(a.Operation))
	a.AnnotateDetail("test/detail", "d")
	return nil
}

const evidencePolicy = `
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- {level: None, userGroups: [quiet]}
- {level: Metadata, resources: [{resources: [pods]}]}
- {level: RequestResponse, resources: [{resources: [configmaps]}], omitStages: [RequestReceived], omitManagedFields: true}
- {level: Metadata, omitStages: [RequestReceived]}
`

func newEvidenceWorld(t *testing.T, strict bool) (*world, *witness) {
	policy, err := audit.Parse([]byte(evidencePolicy))
	if err != nil {
		t.Fatal(err)
	}
	seen := &witness{}
	auditor := audit.New(policy, []*audit.Sink{{Backend: seen, Strict: strict}}, slog.New(slog.NewTextHandler(io.Discard, nil)))
	return newWorld(t, func(c *Config) {
		c.Audit = auditor
		c.Admission = admission.Chain{marker{}}
		c.Actions = map[string]http.Handler{"configmaps/panic": http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("oops") })}
		c.Authenticate = func(r *http.Request) (*inprocess.User, error) {
			name := r.Header.Get("X-User")
			if name == "" {
				return nil, errors.New("nobody")
			}
			if as := r.Header.Get("X-As"); as != "" {
				request.AnnotationsFrom(r.Context()).SetImpersonator(&inprocess.User{Name: name})
				name = as
			}
			return &inprocess.User{Name: name, Groups: []string{r.Header.Get("X-Group")}}, nil
		}
		c.Authorize = func(_ context.Context, u *inprocess.User, i *request.Info) error {
			if u.Name == "mallory" {
				return apierrors.NewForbidden(schema.GroupResource{Resource: i.Resource}, i.Name, errors.New("no"))
			}
			return nil
		}
	}), seen
}

func TestAudit(t *testing.T) {
	w, seen := newEvidenceWorld(t, false)
	const maps = "/api/v1/namespaces/x/configmaps"
	for _, c := range []struct {
		name, method, path, body string
		headers                  []string
		want                     []string
	}{
		{"nothing for whom the policy leaves out", "GET", maps, "", []string{"X-User", "a", "X-Group", "quiet"}, nil},
		{"metadata has no bodies", "POST", pods, benchPod("p"), []string{"X-User", "a"},
			[]string{"Metadata RequestReceived a create pods/default/", "Metadata ResponseComplete a create pods/default/p 201"}},
		{"bodies where the policy says so", "POST", maps, `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"c","managedFields":[]}}`, []string{"X-User", "a"},
			[]string{`RequestResponse ResponseComplete a create configmaps/x/c 201 < {"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"}} > application/json`}},
		{"YAML is told in JSON", "POST", maps, "kind: ConfigMap\napiVersion: v1\nmetadata: {name: d}\n", []string{"X-User", "a", "Content-Type", "application/yaml"},
			[]string{`RequestResponse ResponseComplete a create configmaps/x/d 201 < {"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"d"}} > application/json`}},
		{"a patch as it came", "PATCH", maps + "/c", `[{"op":"add","path":"/data","value":{"k":"v"}}]`, []string{"X-User", "a", "Content-Type", "application/json-patch+json"},
			[]string{`RequestResponse ResponseComplete a patch configmaps/x/c 200 < [{"op":"add","path":"/data","value":{"k":"v"}}] > application/json`}},
		{"a list", "GET", maps, "", []string{"X-User", "a"}, []string{"RequestResponse ResponseComplete a list configmaps/x/ 200 > application/json"}},
		{"refused by authorization", "GET", maps + "/c", "", []string{"X-User", "mallory"},
			[]string{"RequestResponse ResponseComplete mallory get configmaps/x/c 403Forbidden > application/json"}},
		{"impersonated", "DELETE", pods + "/p?gracePeriodSeconds=0", "", []string{"X-User", "root", "X-As", "jane"},
			[]string{"Metadata RequestReceived root delete as jane pods/default/p", "Metadata ResponseComplete root delete as jane pods/default/p 200"}},
		{"nobody known", "GET", "/version", "", nil, []string{"Metadata ResponseStarted  get 401Unauthorized"}},
		{"a path", "GET", "/version", "", []string{"X-User", "a"}, []string{"Metadata ResponseComplete a get 200"}},
		{"a panic", "GET", maps + "/c/panic", "", []string{"X-User", "a"}, []string{"Metadata Panic a get configmaps/x/c 500InternalError"}},
		{"a watch", "GET", pods + "?watch=1&timeoutSeconds=1", "", []string{"X-User", "a"},
			[]string{"Metadata RequestReceived a watch pods/default/", "Metadata ResponseStarted a watch pods/default/ 200", "Metadata ResponseComplete a watch pods/default/ 200"}},
	} {
		w.do(c.method, c.path, c.body, c.headers...)
		if got := seen.take(); strings.Join(got, "\n") != strings.Join(c.want, "\n") {
			t.Errorf("%s:\n got %s\nwant %s", c.name, strings.Join(got, "\n     "), strings.Join(c.want, "\n     "))
		}
	}
}

func TestAuditAnnotations(t *testing.T) {
	w, seen := newEvidenceWorld(t, false)
	rec := w.do("POST", pods, benchPod("p"), "X-User", "a", "X-Forwarded-For", "10.0.0.1, 10.0.0.2", "User-Agent", strings.Repeat("u", 2000))
	w.do("POST", "/api/v1/namespaces/x/configmaps", `{"metadata":{"name":"c"}}`, "X-User", "a")
	received, pod, config := seen.events[0], seen.events[1], seen.events[2]
	if received.Annotations != nil || pod.Annotations["test/operation"] != "CREATE" || pod.Annotations["test/detail"] != "" || config.Annotations["test/detail"] != "d" {
		t.Errorf("annotations: %v, %v, %v", received.Annotations, pod.Annotations, config.Annotations)
	}
	if id := rec.Header().Get("Audit-Id"); id == "" || string(pod.AuditID) != id || received.AuditID != pod.AuditID {
		t.Errorf("ids: header %s, events %s and %s", id, received.AuditID, pod.AuditID)
	}
	if len(pod.SourceIPs) < 2 || pod.SourceIPs[0] != "10.0.0.1" || pod.SourceIPs[1] != "10.0.0.2" {
		t.Errorf("source addresses: %v", pod.SourceIPs)
	}
	if len(pod.UserAgent) > 1100 || !strings.HasSuffix(pod.UserAgent, "...TRUNCATED") {
		t.Errorf("user agent of %d characters", len(pod.UserAgent))
	}
}

// TestAuditInProcess audits also what parts of this process do.
func TestAuditInProcess(t *testing.T) {
	w, seen := newEvidenceWorld(t, false)
	ctx := inprocess.WithUser(t.Context(), &inprocess.User{Name: "controller"})
	r, err := http.NewRequestWithContext(ctx, "POST", "/api/v1/namespaces/x/configmaps", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Body = &inprocess.Body{Object: &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "c"}}}
	w.ServeHTTP(&inprocess.Response{}, r)
	want := `RequestResponse ResponseComplete controller create configmaps/x/c 201 < {"metadata":{"name":"c"}} > application/json`
	if got := seen.take(); len(got) != 1 || got[0] != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

func TestAuditStrict(t *testing.T) {
	w, seen := newEvidenceWorld(t, true)
	seen.fail = errors.New("disk full")
	if code := w.do("POST", pods, benchPod("p"), "X-User", "a").Code; code != 500 {
		t.Errorf("a request that cannot be audited: %d", code)
	}
	seen.fail = nil
	if code := w.do("GET", pods+"/p", "", "X-User", "a").Code; code != 404 {
		t.Errorf("it was done all the same: %d", code)
	}
}
