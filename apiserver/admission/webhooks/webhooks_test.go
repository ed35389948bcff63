package webhooks

import (
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/uuid"

	"minke/api"
	"minke/api/inprocess"
	"minke/apiserver/admission"
	"minke/apiserver/admission/admissiontest"
	"minke/apiserver/webhook"
)

// server answers reviews by path.
type server struct {
	*httptest.Server
	ca []byte

	mu      sync.Mutex // guards what follows
	answers map[string]func(*admissionv1.AdmissionReview)
	asked   []string
}

func newServer(t *testing.T) *server {
	s := &server{answers: map[string]func(*admissionv1.AdmissionReview){}}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review admissionv1.AdmissionReview
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
			t.Error(err)
		}
		s.mu.Lock()
		s.asked = append(s.asked, r.URL.Path)
		answer := s.answers[r.URL.Path]
		s.mu.Unlock()
		if answer == nil {
			http.NotFound(w, r)
			return
		}
		review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID}
		answer(&review)
		review.Request = nil
		_ = json.NewEncoder(w).Encode(&review)
	}))
	t.Cleanup(s.Close)
	s.ca = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	return s
}

func (s *server) client(path string) admissionregistrationv1.WebhookClientConfig {
	url := s.URL + path
	return admissionregistrationv1.WebhookClientConfig{URL: &url, CABundle: s.ca}
}

func (s *server) on(path string, answer func(*admissionv1.AdmissionReview)) { s.answers[path] = answer }

func everything() []admissionregistrationv1.RuleWithOperations {
	return []admissionregistrationv1.RuleWithOperations{{
		Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.OperationAll},
		Rule:       admissionregistrationv1.Rule{APIGroups: []string{"*"}, APIVersions: []string{"*"}, Resources: []string{"*/*"}},
	}}
}

func pointer[T any](v T) *T { return &v }

func (s *server) mutating(path string, change func(*admissionregistrationv1.MutatingWebhook)) admissionregistrationv1.MutatingWebhook {
	w := admissionregistrationv1.MutatingWebhook{
		Name: strings.TrimPrefix(path, "/") + ".example.com", ClientConfig: s.client(path), Rules: everything(),
		AdmissionReviewVersions: []string{"v2", "v1"}, SideEffects: pointer(admissionregistrationv1.SideEffectClassNone), TimeoutSeconds: pointer(int32(10)),
	}
	if change != nil {
		change(&w)
	}
	return w
}

func (s *server) validating(path string, change func(*admissionregistrationv1.ValidatingWebhook)) admissionregistrationv1.ValidatingWebhook {
	m := s.mutating(path, nil)
	w := admissionregistrationv1.ValidatingWebhook{
		Name: m.Name, ClientConfig: m.ClientConfig, Rules: m.Rules, AdmissionReviewVersions: m.AdmissionReviewVersions,
		SideEffects: m.SideEffects, TimeoutSeconds: m.TimeoutSeconds,
	}
	if change != nil {
		change(&w)
	}
	return w
}

func mutatingOf(name string, hooks ...admissionregistrationv1.MutatingWebhook) api.Object {
	return &admissionregistrationv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name)}, Webhooks: hooks}
}

func validatingOf(name string, hooks ...admissionregistrationv1.ValidatingWebhook) api.Object {
	return &admissionregistrationv1.ValidatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name)}, Webhooks: hooks}
}

// load makes the plug-ins of configurations.
func load(t *testing.T, configurations ...api.Object) *Webhooks {
	t.Helper()
	w := New(Config{Source: admissiontest.Of(configurations...), Client: &webhook.Client{}})
	if err := w.Load(); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *Webhooks) run(t *testing.T, a *admission.Attributes) error {
	t.Helper()
	chain := admission.Chain{admission.Repeated{w.Mutating}, w.Validating}
	if err := chain.Admit(t.Context(), a); err != nil {
		return err
	}
	return chain.Validate(t.Context(), a)
}

func newMap(data map[string]string) *admission.Attributes {
	m := &corev1.ConfigMap{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"}, ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "m"}, Data: data}
	return admissiontest.Create(m)
}

func allow(r *admissionv1.AdmissionReview) { r.Response.Allowed = true }

// add allows and adds a key, where the map has the other key or it is "".
func add(key, when string) func(*admissionv1.AdmissionReview) {
	return func(r *admissionv1.AdmissionReview) {
		r.Response.Allowed = true
		var m corev1.ConfigMap
		if err := json.Unmarshal(r.Request.Object.Raw, &m); err != nil {
			panic(err)
		}
		if _, has := m.Data[when]; when != "" && !has || m.Data[key] != "" {
			return
		}
		r.Response.PatchType = pointer(admissionv1.PatchTypeJSONPatch)
		r.Response.Patch = fmt.Appendf(nil, `[{"op":"add","path":"/data/%s","value":"yes"}]`, key)
	}
}

func TestAnswers(t *testing.T) {
	patched := func(patch string) func(*admissionv1.AdmissionReview) {
		return func(r *admissionv1.AdmissionReview) {
			r.Response.Allowed, r.Response.PatchType, r.Response.Patch = true, pointer(admissionv1.PatchTypeJSONPatch), []byte(patch)
		}
	}
	tests := []struct {
		name     string
		answer   func(*admissionv1.AdmissionReview)
		mutating bool
		want     string
		code     int32
	}{
		{name: "allowed", answer: allow},
		{name: "denied with a message", want: `admission webhook "hook.example.com" denied the request: no`, code: 418,
			answer: func(r *admissionv1.AdmissionReview) {
				r.Response.Result = &metav1.Status{Code: 418, Message: "no", Reason: "Teapot"}
			}},
		{name: "denied with a reason", want: `admission webhook "hook.example.com" denied the request: Because`, code: 400,
			answer: func(r *admissionv1.AdmissionReview) { r.Response.Result = &metav1.Status{Reason: "Because"} }},
		{name: "denied, it says with success", want: `admission webhook "hook.example.com" denied the request without explanation`, code: 400,
			answer: func(r *admissionv1.AdmissionReview) {
				r.Response.Result = &metav1.Status{Status: metav1.StatusSuccess, Code: 200}
			}},
		{name: "wrong uid", want: `failed calling webhook "hook.example.com": received invalid webhook response: expected response.uid=`, code: 500,
			answer: func(r *admissionv1.AdmissionReview) { r.Response.UID = uuid.NewUUID() }},
		{name: "no response", want: "webhook response was absent", code: 500, answer: func(r *admissionv1.AdmissionReview) { r.Response = nil }},
		{name: "wrong version", want: "expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got", code: 500,
			answer: func(r *admissionv1.AdmissionReview) {
				r.APIVersion, r.Response.Allowed = "admission.k8s.io/v1beta1", true
			}},
		{name: "patch of a validating one", want: "validating webhook may not return response.patch", code: 500, answer: patched(`[]`)},
		{name: "patch without a type", mutating: true, want: "webhook returned response.patch but not response.patchType", code: 500,
			answer: func(r *admissionv1.AdmissionReview) { r.Response.Allowed, r.Response.Patch = true, []byte("[]") }},
		{name: "patch of nothing of a strange type", mutating: true, answer: func(r *admissionv1.AdmissionReview) {
			r.Response.Allowed, r.Response.PatchType, r.Response.Patch = true, pointer(admissionv1.PatchType("Poem")), []byte("[]")
		}},
		{name: "patch that is none", mutating: true, want: `failed calling webhook "hook.example.com": received undecodable patch in webhook response: unexpected end of JSON input`, code: 500, answer: patched(`{`)},
		{name: "patch that does not fit", mutating: true, want: "Internal error occurred", code: 500, answer: patched(`[{"op":"remove","path":"/data/none"}]`)},
		{name: "patch to another type", mutating: true, want: "Internal error occurred", code: 500, answer: patched(`[{"op":"replace","path":"/data","value":7}]`)},
		{name: "patch of a strange type", mutating: true, want: `unsupported patch type "Poem"`, code: 500, answer: func(r *admissionv1.AdmissionReview) {
			r.Response.Allowed, r.Response.PatchType, r.Response.Patch = true, pointer(admissionv1.PatchType("Poem")), []byte(`[{"op":"remove","path":"/data"}]`)
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t)
			s.on("/hook", test.answer)
			configuration := validatingOf("c", s.validating("/hook", nil))
			if test.mutating {
				configuration = mutatingOf("c", s.mutating("/hook", nil))
			}
			err := load(t, configuration).run(t, newMap(map[string]string{"a": "b"}))
			if test.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var status *apierrors.StatusError
			if !errors.As(err, &status) || !strings.Contains(err.Error(), test.want) || status.ErrStatus.Code != test.code {
				t.Errorf("got %v (%+v), want %q and %d", err, status, test.want, test.code)
			}
		})
	}
}

func TestFailurePolicy(t *testing.T) {
	s := newServer(t)
	open := func(w *admissionregistrationv1.ValidatingWebhook) {
		w.FailurePolicy = pointer(admissionregistrationv1.Ignore)
	}
	if err := load(t, validatingOf("c", s.validating("/none", open))).run(t, newMap(nil)); err != nil {
		t.Errorf("ignored failure: %v", err)
	}
	err := load(t, validatingOf("c", s.validating("/none", nil))).run(t, newMap(nil))
	if !apierrors.IsInternalError(err) || !strings.Contains(err.Error(), `failed calling webhook "none.example.com": failed to call webhook: the server could not find the requested resource`) {
		t.Errorf("failure: %v", err)
	}
}

// TestNeverAnswers is the case "a webhook … that never answers" of the attacks
// that must fail: its calls are bounded in time and number.
func TestNeverAnswers(t *testing.T) {
	s := newServer(t)
	hang := make(chan struct{})
	s.on("/hang", func(*admissionv1.AdmissionReview) { <-hang })
	defer close(hang)
	w := load(t, validatingOf("c", s.validating("/hang", func(w *admissionregistrationv1.ValidatingWebhook) { w.TimeoutSeconds = pointer(int32(1)) })))
	err := w.run(t, newMap(nil))
	if err == nil || !strings.Contains(err.Error(), "context deadline exceeded") {
		t.Errorf("got %v", err)
	}
	(*w.Validating.hooks.Load())[0].calls.Add(maxCalls)
	if err := w.run(t, newMap(nil)); !apierrors.IsTooManyRequests(err) {
		t.Errorf("with %d calls under way: %v", maxCalls, err)
	}
}

func TestDryRun(t *testing.T) {
	s := newServer(t)
	s.on("/hook", allow)
	for effects, want := range map[admissionregistrationv1.SideEffectClass]string{
		admissionregistrationv1.SideEffectClassNone: "", admissionregistrationv1.SideEffectClassNoneOnDryRun: "",
		admissionregistrationv1.SideEffectClassSome: `admission webhook "hook.example.com" does not support dry run`,
	} {
		a := newMap(nil)
		a.DryRun = true
		err := load(t, mutatingOf("c", s.mutating("/hook", func(w *admissionregistrationv1.MutatingWebhook) { w.SideEffects = &effects }))).run(t, a)
		if got := admissiontest.Outcome(err); got != want {
			t.Errorf("%s: %q, want %q", effects, got, want)
		}
	}
}

func TestOrderAndReinvocation(t *testing.T) {
	s := newServer(t)
	s.on("/late", add("late", "early"))
	s.on("/early", add("early", ""))
	again := func(w *admissionregistrationv1.MutatingWebhook) {
		w.ReinvocationPolicy = pointer(admissionregistrationv1.IfNeededReinvocationPolicy)
	}
	// By name: the one that needs the other's key comes first.
	w := load(t, mutatingOf("b", s.mutating("/early", nil)), mutatingOf("a", s.mutating("/late", again)))
	a := newMap(map[string]string{"x": "y"})
	if err := w.run(t, a); err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(maps.Keys(a.Object.(*corev1.ConfigMap).Data)); !slices.Equal(got, []string{"early", "late", "x"}) {
		t.Errorf("keys are %v", got)
	}
	if want := []string{"/late", "/early", "/late"}; !slices.Equal(s.asked, want) {
		t.Errorf("asked %v, want %v", s.asked, want)
	}
}

// TestReinvocationRandomly holds that, whatever webhooks there are, each is
// called at least once and at most twice, twice only if it wants it, and that
// one which changes nothing makes nobody called again.
func TestReinvocationRandomly(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 30 {
		s := newServer(t)
		var hooks []admissionregistrationv1.MutatingWebhook
		changes, wants := false, map[string]bool{}
		for i := range 1 + random.IntN(5) {
			path := fmt.Sprintf("/h%d", i)
			when := ""
			if random.IntN(2) == 0 {
				when = fmt.Sprintf("h%d", random.IntN(5))
			}
			s.on(path, add(path[1:], when))
			changes = changes || when == ""
			wants[path] = random.IntN(2) == 0
			hooks = append(hooks, s.mutating(path, func(w *admissionregistrationv1.MutatingWebhook) {
				if wants[path] {
					w.ReinvocationPolicy = pointer(admissionregistrationv1.IfNeededReinvocationPolicy)
				}
			}))
		}
		if err := load(t, mutatingOf("c", hooks...)).run(t, newMap(map[string]string{"x": "y"})); err != nil {
			t.Fatal(err)
		}
		count := map[string]int{}
		for _, path := range s.asked {
			count[path]++
		}
		for path, wantsAgain := range wants {
			if n := count[path]; n < 1 || n > 2 || n == 2 && (!wantsAgain || !changes) {
				t.Errorf("%s was called %d times (again: %v, changes: %v): %v", path, n, wantsAgain, changes, s.asked)
			}
		}
	}
}

func TestWhatAWebhookSees(t *testing.T) {
	s := newServer(t)
	var seen *admissionv1.AdmissionRequest
	s.on("/see", func(r *admissionv1.AdmissionReview) {
		seen = r.Request
		r.Response.Allowed, r.Response.Warnings = true, []string{"careful"}
	})
	w := load(t, validatingOf("c", s.validating("/see", nil)))
	a := newMap(map[string]string{"a": "b"})
	a.Operation, a.Old, a.DryRun = admission.Update, a.Object, true
	a.User = &inprocess.User{Name: "jane", UID: "7", Groups: []string{"g"}, Extra: map[string][]string{"k": {"v"}}}
	a.Options = &metav1.UpdateOptions{TypeMeta: metav1.TypeMeta{APIVersion: "meta.k8s.io/v1", Kind: "UpdateOptions"}, FieldManager: "me"}
	var warned []string
	a.Warn = func(text string) { warned = append(warned, text) }
	if err := w.run(t, a); err != nil {
		t.Fatal(err)
	}
	if seen.Operation != "UPDATE" || !*seen.DryRun || seen.Kind.Kind != "ConfigMap" || seen.RequestResource.Resource != "configmaps" ||
		seen.Name != "m" || seen.Namespace != "ns" || seen.UserInfo.Username != "jane" || seen.UserInfo.Extra["k"][0] != "v" {
		t.Errorf("the request is %+v", seen)
	}
	for text, want := range map[string]string{
		string(seen.Object.Raw): `"kind":"ConfigMap"`, string(seen.OldObject.Raw): `"a":"b"`, string(seen.Options.Raw): `"fieldManager":"me"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s has no %s", text, want)
		}
	}
	if !slices.Equal(warned, []string{"careful"}) {
		t.Errorf("warned %v", warned)
	}
}

func TestConditionsAndExemption(t *testing.T) {
	s := newServer(t)
	s.on("/deny", func(*admissionv1.AdmissionReview) {})
	w := load(t, validatingOf("c", s.validating("/deny", func(w *admissionregistrationv1.ValidatingWebhook) {
		w.MatchConditions = []admissionregistrationv1.MatchCondition{{Name: "named", Expression: `object.metadata.name != "skip-me"`}}
	})))
	a := newMap(nil)
	if err := w.run(t, a); err == nil {
		t.Error("not asked about what is meant")
	}
	a = newMap(nil)
	a.Object.SetName("skip-me")
	if err := w.run(t, a); err != nil {
		t.Errorf("asked about what is left out: %v", err)
	}
	own := admissiontest.Create(validatingOf("other"))
	own.Resource.Kind.Group = admissionregistrationv1.GroupName
	w = load(t, validatingOf("c", s.validating("/deny", nil)), mutatingOf("c", s.mutating("/deny", nil)))
	if err := w.run(t, own); err != nil {
		t.Errorf("webhooks had a say about webhooks: %v", err)
	}
}

func TestOldReviews(t *testing.T) {
	s := newServer(t)
	s.on("/old", func(r *admissionv1.AdmissionReview) {
		if r.APIVersion != "admission.k8s.io/v1beta1" {
			t.Errorf("asked in %s", r.APIVersion)
		}
		r.APIVersion, r.Kind = "", ""
		r.Response = &admissionv1.AdmissionResponse{Allowed: true, Patch: []byte(`[{"op":"add","path":"/data/k","value":"v"}]`)}
	})
	w := load(t, mutatingOf("c", s.mutating("/old", func(w *admissionregistrationv1.MutatingWebhook) {
		w.AdmissionReviewVersions = []string{"v1beta1", "v1"}
	})))
	a := newMap(map[string]string{"x": "y"})
	if err := w.run(t, a); err != nil || a.Object.(*corev1.ConfigMap).Data["k"] != "v" {
		t.Errorf("got %v, %v", a.Object, err)
	}
}
