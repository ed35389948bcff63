//go:build conformance

package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport/spdy"
)

// prepareSweep makes the namespace with a running pod and a Service in it.
func prepareSweep(t *testing.T, namespace string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, o := range []struct{ path, text string }{
		{"/api/v1/namespaces", `{apiVersion: v1, kind: Namespace, metadata: {name: ` + namespace + `}}`},
		{"/api/v1/namespaces/" + namespace + "/pods", `{apiVersion: v1, kind: Pod, metadata: {name: web, labels: {app: web}}, spec: {terminationGracePeriodSeconds: 0, containers: [{name: web, image: minke.local/toolbox, imagePullPolicy: IfNotPresent, stdin: true, command: [sh, -c, "echo hello; cat & httpd"], ports: [{containerPort: 8080}], readinessProbe: {httpGet: {path: /healthz, port: 8080}}}]}}`},
		{"/api/v1/namespaces/" + namespace + "/services", `{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}}`},
	} {
		eventually(t, ctx, o.path, func() error {
			a, err := do(ctx, request{Method: "POST", Path: o.path, Body: parse(o.text)})
			if err != nil {
				return err
			}
			return a.err(201)
		})
	}
	eventually(t, ctx, "web is ready and its Service has it", func() error {
		a, err := do(ctx, request{Method: "GET", Path: "/api/v1/namespaces/" + namespace + "/pods/web"})
		if err != nil {
			return err
		}
		b, err := do(ctx, request{Method: "GET", Path: "/api/v1/namespaces/" + namespace + "/services/web/proxy/healthz"})
		if err != nil {
			return err
		}
		return errors.Join(want("Ready", a.Body.condition("Ready"), "True"), b.err(200))
	})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if _, err := do(ctx, request{Method: "DELETE", Path: "/api/v1/namespaces/" + namespace}); err != nil {
			t.Log(err)
		}
	})
}

// eventually calls check until it returns nil, or ctx ends.
func eventually(t testing.TB, ctx context.Context, what string, check func() error) {
	t.Helper()
	for pause := 20 * time.Millisecond; ; pause = min(pause*3/2, 300*time.Millisecond) {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, err)
		case <-time.After(pause):
		}
	}
}

// special checks, by action, plural and subresource.
var special = map[string]func(*sweep) error{
	"list componentstatuses/":             (*sweep).components,
	"get componentstatuses/":              (*sweep).components,
	"post bindings/":                      (*sweep).bind,
	"post pods/binding":                   (*sweep).bind,
	"post pods/eviction":                  (*sweep).evict,
	"get pods/log":                        (*sweep).log,
	"post serviceaccounts/token":          (*sweep).token,
	"put namespaces/finalize":             (*sweep).finalize,
	"post tokenreviews/":                  (*sweep).review,
	"post selfsubjectreviews/":            (*sweep).review,
	"post subjectaccessreviews/":          (*sweep).review,
	"post selfsubjectaccessreviews/":      (*sweep).review,
	"post selfsubjectrulesreviews/":       (*sweep).review,
	"post localsubjectaccessreviews/":     (*sweep).review,
	"connect pods/exec":                   (*sweep).exec,
	"connect pods/attach":                 (*sweep).exec,
	"connect pods/portforward":            (*sweep).portForward,
	"get replicationcontrollers/scale":    (*sweep).subresource,
	"deletecollection componentstatuses/": (*sweep).components,
}

func (s *sweep) components() error {
	got, err := s.call(request{Method: "GET", Path: "/api/v1/componentstatuses"}, 200)
	if err != nil {
		return err
	}
	items := got.list("items")
	if len(items) == 0 {
		return errors.New("no component")
	}
	got, err = s.call(request{Method: "GET", Path: "/api/v1/componentstatuses/" + items[0].name()}, 200)
	if err != nil {
		return err
	}
	return want("kind", got.str("kind"), "ComponentStatus")
}

func (s *sweep) pod() (object, string, error) {
	s.kind, s.place = "v1/Pod", placesByPlural["pods"]
	o, err := s.make()
	if err != nil {
		return nil, "", err
	}
	return o, s.path(o), nil
}

func (s *sweep) bind() error {
	sub := s.sub
	o, path, err := s.pod()
	if err != nil {
		return err
	}
	to := path + "/binding"
	if sub == "" {
		to = "/api/v1/namespaces/" + s.namespace + "/bindings"
	}
	body := fmt.Sprintf(`{"apiVersion":"v1","kind":"Binding","metadata":{"name":%q},"target":{"apiVersion":"v1","kind":"Node","name":"node-1"}}`, o.name())
	if _, err := s.call(request{Method: "POST", Path: to, Body: body}, 201); err != nil {
		return err
	}
	got, err := s.call(request{Method: "GET", Path: path}, 200)
	if err != nil {
		return err
	}
	return want("nodeName", got.str("spec.nodeName"), "node-1")
}

func (s *sweep) evict() error {
	o, path, err := s.pod()
	if err != nil {
		return err
	}
	body := fmt.Sprintf(`{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":%q}}`, o.name())
	if _, err := s.call(request{Method: "POST", Path: path + "/eviction", Body: body}, 201); err != nil {
		return err
	}
	return s.gone(o)
}

func (s *sweep) web() string { return "/api/v1/namespaces/" + s.namespace + "/pods/web" }

func (s *sweep) log() error {
	a, err := do(s.ctx, request{Method: "GET", Path: s.web() + "/log?limitBytes=6"})
	if err != nil {
		return err
	}
	return errors.Join(a.err(200), want("log", string(a.Raw), "hello\n"))
}

func (s *sweep) token() error {
	got, err := s.call(request{Method: "POST", Path: "/api/v1/namespaces/" + s.namespace + "/serviceaccounts/default/token", Body: `{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{}}`}, 201)
	if err != nil {
		return err
	}
	if strings.Count(got.str("status.token"), ".") != 2 {
		return errors.New("status.token is no JWT")
	}
	return nil
}

func (s *sweep) finalize() error {
	one, err := s.make()
	if err != nil {
		return err
	}
	one.set("spec.finalizers", []any{"kubernetes", "example.com/sweep"})
	delete(one["metadata"].(map[string]any), "resourceVersion")
	got, err := s.call(request{Method: "PUT", Path: s.path(one) + "/finalize", Body: one}, 200)
	if err != nil {
		return err
	}
	return want("finalizers", got.str("spec.finalizers"), "[kubernetes example.com/sweep]")
}

// reviews are the bodies of the questions, and what the answer must hold.
var reviews = map[string]struct{ spec, answer, value string }{
	"TokenReview":              {`{"token":"nonsense"}`, "status.authenticated", ""},
	"SelfSubjectReview":        {`{}`, "status.userInfo.groups", "[system:masters system:authenticated]"},
	"SubjectAccessReview":      {`{"user":"stranger","resourceAttributes":{"verb":"get","resource":"pods","namespace":"default"}}`, "status.allowed", "false"},
	"SelfSubjectAccessReview":  {`{"resourceAttributes":{"verb":"get","resource":"pods","namespace":"default"}}`, "status.allowed", "true"},
	"SelfSubjectRulesReview":   {`{"namespace":"sweep"}`, "status.incomplete", "false"},
	"LocalSubjectAccessReview": {`{"user":"stranger","resourceAttributes":{"verb":"get","resource":"pods","namespace":"sweep"}}`, "status.allowed", "false"},
}

func (s *sweep) review() error {
	q := reviews[s.endpoint.Kind]
	body := fmt.Sprintf(`{"apiVersion":%q,"kind":%q,"metadata":{},"spec":%s}`, strings.TrimPrefix(s.place.Prefix, "/apis/"), s.endpoint.Kind, q.spec)
	got, err := s.call(request{Method: "POST", Path: s.collection(), Body: body}, 201)
	if err != nil {
		return err
	}
	if s.endpoint.Kind == "TokenReview" {
		if got.str("status.authenticated") == "true" || got.at("status") == nil {
			return fmt.Errorf("nonsense is a token: %v", got["status"])
		}
		return nil
	}
	return want(q.answer, got.str(q.answer), q.value)
}

// method is the HTTP method in the name of a connect operation.
func (s *sweep) method() string {
	rest := strings.TrimPrefix(s.endpoint.Operation, "connectCoreV1")
	for _, m := range []string{"Get", "Post", "Put", "Patch", "Delete", "Options", "Head"} {
		if strings.HasPrefix(rest, m) {
			return strings.ToUpper(m)
		}
	}
	return "GET"
}

// connectTo sweeps the proxies: /echo of the pod tells what arrived. The
// kubelet serves other pages; there only its own answer is wanted.
func (s *sweep) connectTo() error {
	path := s.place.collection(s.namespace) + "/web/proxy"
	if s.place.Plural == "nodes" {
		path = "/api/v1/nodes/node-2/proxy"
		a, err := do(s.ctx, request{Method: s.method(), Path: path + "/healthz"})
		if err != nil {
			return err
		}
		if s.method() == "GET" {
			return errors.Join(a.err(200), want("answer", strings.TrimSpace(string(a.Raw)), "ok"))
		}
		return a.err(200, 404, 405)
	}
	if strings.HasSuffix(s.endpoint.Path, "{path}") {
		path += "/echo"
	}
	a, err := do(s.ctx, request{Method: s.method(), Path: path, Body: "text"})
	if err != nil {
		return err
	}
	if err := a.err(200); err != nil || s.method() == "HEAD" {
		return err
	}
	if strings.HasSuffix(path, "/echo") && !strings.HasPrefix(string(a.Raw), s.method()+" ") {
		return fmt.Errorf("what arrived was %.40q", a.Raw)
	}
	return nil
}

// streamURL is the address of a streaming subresource of the pod web.
func (s *sweep) streamURL(query string) *url.URL {
	u, err := url.Parse(server + s.web() + "/" + s.sub + "?" + query)
	if err != nil {
		panic(err)
	}
	return u
}

// exec sweeps exec and attach: GET is a websocket, POST is SPDY.
func (s *sweep) exec() error {
	query := "stdin=true&stdout=true"
	if s.sub == "exec" {
		query += "&command=cat"
	}
	var executor remotecommand.Executor
	var err error
	if s.method() == "GET" {
		executor, err = remotecommand.NewWebSocketExecutor(config, "GET", s.streamURL(query).String())
	} else {
		executor, err = remotecommand.NewSPDYExecutor(config, "POST", s.streamURL(query))
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(s.ctx, 5*time.Second)
	defer cancel()
	out := &seen{text: "through", found: cancel}
	err = executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdin: strings.NewReader("through the stream\n"), Stdout: out})
	if !out.done {
		return fmt.Errorf("stdout was %q: %v", out.b.String(), err)
	}
	return nil
}

// seen is a writer that calls found once a text was written to it.
type seen struct {
	text  string
	found func()
	done  bool
	b     bytes.Buffer
}

func (s *seen) Write(p []byte) (int, error) {
	s.b.Write(p)
	if !s.done && strings.Contains(s.b.String(), s.text) {
		s.done = true
		s.found()
	}
	return len(p), nil
}

func (s *sweep) portForward() error {
	transport, upgrader, err := spdy.RoundTripperFor(config)
	if err != nil {
		return err
	}
	dialer := spdy.NewDialer(upgrader, &http.Client{Transport: transport}, "POST", s.streamURL(""))
	if s.method() == "GET" {
		if dialer, err = portforward.NewSPDYOverWebsocketDialer(s.streamURL(""), config); err != nil {
			return err
		}
	}
	stop, ready := make(chan struct{}), make(chan struct{})
	f, err := portforward.New(dialer, []string{"0:8080"}, stop, ready, &bytes.Buffer{}, &bytes.Buffer{})
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- f.ForwardPorts() }()
	defer close(stop)
	select {
	case err := <-failed:
		return err
	case <-s.ctx.Done():
		return s.ctx.Err()
	case <-ready:
	}
	ports, err := f.GetPorts()
	if err != nil {
		return err
	}
	resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/healthz", ports[0].Local))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return want("answer", resp.StatusCode, 200)
}
