package cluster

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"minke/api/inprocess"
	"minke/apiserver/authz"
	"minke/apiserver/configreload"
	"minke/apiserver/webhook"
	"minke/cluster/options"
	"minke/cluster/pki"
)

// reviewer is a server that reviews tokens and access: it knows the token
// "known", and allows ann everything but pods, which it denies.
func reviewer(t *testing.T) (kubeconfig string) {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q struct {
			Kind string `json:"kind"`
			Spec struct {
				Token              string            `json:"token"`
				User               string            `json:"user"`
				ResourceAttributes map[string]string `json:"resourceAttributes"`
			} `json:"spec"`
		}
		if r.Header.Get("Authorization") != "Bearer own" || json.NewDecoder(r.Body).Decode(&q) != nil {
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		status := map[string]any{}
		switch {
		case q.Kind == "TokenReview" && q.Spec.Token == "known":
			status = map[string]any{"authenticated": true, "user": map[string]any{"username": "hook"}}
		case q.Kind == "SubjectAccessReview" && q.Spec.User == "ann":
			pods := q.Spec.ResourceAttributes["resource"] == "pods"
			status = map[string]any{"allowed": !pods, "denied": pods}
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"kind": q.Kind, "status": status})
	}))
	t.Cleanup(server.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	data, err := json.Marshal(map[string]any{
		"current-context": "c", "contexts": []any{map[string]any{"name": "c", "context": map[string]string{"cluster": "k", "user": "u"}}},
		"clusters": []any{map[string]any{"name": "k", "cluster": map[string]any{"server": server.URL, "certificate-authority-data": ca}}},
		"users":    []any{map[string]any{"name": "u", "user": map[string]string{"token": "own"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return write(t, "kubeconfig", string(data))
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func newTestSecurity(t *testing.T, o options.API) (*security, error) {
	t.Helper()
	ca, err := pki.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return newSecurity("apiserver-x", &o, ca, &objects{}, &webhook.Client{}, nil)
}

// who authenticates a request for path with a token.
func who(s *security, path, token string) string {
	r := httptest.NewRequest("GET", path, nil)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	user, err := s.authenticator.Authenticate(r)
	if err != nil {
		return err.Error()
	}
	return user.Name
}

func TestAuthenticationFlags(t *testing.T) {
	hook := options.Authentication{Webhook: options.TokenWebhook{Kubeconfig: options.File(reviewer(t))}}
	file := options.Authentication{Tokens: options.File(write(t, "tokens", "sekret,ann,1\n"))}
	paths := options.Authentication{Config: options.File(write(t, "config", "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\nanonymous: {enabled: true, conditions: [{path: /livez}]}\n"))}
	for _, c := range []struct {
		name, path, token, want string
		o                       options.Authentication
	}{
		{"nobody", "/x", "", "system:anonymous", options.Authentication{}},
		{"nobody, not wanted", "/x", "", "Unauthorized", options.Authentication{Anonymous: "false"}},
		{"nobody, on a path", "/livez", "", "system:anonymous", paths},
		{"nobody, on another path", "/x", "", "Unauthorized", paths},
		{"a static token", "/x", "sekret", "ann", file},
		{"another token", "/x", "other", "Unauthorized", file},
		{"a token that the webhook knows", "/x", "known", "hook", hook},
		{"a token that it does not", "/x", "other", "Unauthorized", hook},
	} {
		s, err := newTestSecurity(t, options.API{Authentication: c.o})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := who(s, c.path, c.token); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

const abacConfig = "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthorizationConfiguration\nauthorizers: [{name: abac, type: ABAC}]\n"

func TestAuthorizationFlags(t *testing.T) {
	kubeconfig := reviewer(t)
	hook := options.Authorization{Modes: []string{"Webhook", "AlwaysAllow"}, Kubeconfig: options.File(kubeconfig)}
	matched := options.Authorization{Config: options.File(write(t, "config", fmt.Sprintf(`
apiVersion: apiserver.config.k8s.io/v1
kind: AuthorizationConfiguration
authorizers:
- name: hook
  type: Webhook
  webhook:
    timeout: 3s
    authorizedTTL: 5m
    unauthorizedTTL: 30s
    subjectAccessReviewVersion: v1
    matchConditionSubjectAccessReviewVersion: v1
    failurePolicy: Deny
    connectionInfo: {type: KubeConfigFile, kubeConfigFile: %q}
    matchConditions: [{expression: 'has(request.resourceAttributes)'}]
- {name: alwaysdeny, type: AlwaysDeny}
`, kubeconfig)))}
	policy := options.File(write(t, "policy", `{"apiVersion":"abac.authorization.kubernetes.io/v1beta1","kind":"Policy","spec":{"user":"ann","namespace":"*","resource":"nodes"}}`))
	abac := options.File(write(t, "config", abacConfig))
	pods, nodes := authz.Attributes{Verb: "get", Version: "v1", Resource: "pods"}, authz.Attributes{Verb: "get", Version: "v1", Resource: "nodes"}
	for _, c := range []struct {
		name, user string
		a          authz.Attributes
		want       bool
		o          options.Authorization
	}{
		{"by nobody", "ann", nodes, false, options.Authorization{}},
		{"by everybody", "ann", nodes, true, options.Authorization{Modes: []string{"AlwaysAllow"}}},
		{"masters whatever is set", "root", nodes, true, options.Authorization{Modes: []string{"AlwaysDeny"}}},
		{"the webhook allows", "ann", nodes, true, hook},
		{"the webhook denies", "ann", pods, false, hook},
		{"the webhook does not say", "bob", pods, true, hook},
		{"configured", "ann", nodes, true, matched},
		{"a policy allows", "ann", nodes, true, options.Authorization{Modes: []string{"ABAC"}, Policy: policy}},
		{"no policy allows", "bob", nodes, false, options.Authorization{Modes: []string{"ABAC"}, Policy: policy}},
		{"configured, a policy allows", "ann", nodes, true, options.Authorization{Config: abac, Policy: policy}},
		{"configured, not matched", "ann", authz.Attributes{Verb: "get", Path: "/x"}, false, matched},
	} {
		s, err := newTestSecurity(t, options.API{Authorization: c.o})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		user := &inprocess.User{Name: c.user}
		if c.user == "root" {
			user.Groups = []string{authz.Masters}
		}
		if got, why := s.authorizer.Allows(context.Background(), user, c.a); got != c.want {
			t.Errorf("%s: %v (%s), want %v", c.name, got, why, c.want)
		}
	}
}

func TestRefusedFlags(t *testing.T) {
	for _, c := range []struct {
		cause string
		o     options.API
	}{
		{"is not a valid mode", options.API{Authorization: options.Authorization{Modes: []string{"Magic"}}}},
		{"more than once", options.API{Authorization: options.Authorization{Modes: []string{"RBAC", "RBAC"}}}},
		{"config file not passed", options.API{Authorization: options.Authorization{Modes: []string{"Webhook"}}}},
		{"can not be specified when", options.API{Authorization: options.Authorization{Modes: []string{"RBAC"}, Config: "/x"}}},
		{"authorization policy file not passed", options.API{Authorization: options.Authorization{Modes: []string{"ABAC"}}}},
		{"without mode ABAC", options.API{Authorization: options.Authorization{Policy: "/x"}}},
		{"no such file", options.API{Authorization: options.Authorization{Modes: []string{"ABAC"}, Policy: "/nowhere/at/all"}}},
		{"line 1: {: ", options.API{Authorization: options.Authorization{Modes: []string{"ABAC"}, Policy: options.File(write(t, "policy", "{"))}}},
		{"needs --authorization-policy-file", options.API{Authorization: options.Authorization{Config: options.File(write(t, "config", abacConfig))}}},
		{"expected name rbac for authorizer RBAC instead of x", options.API{Authorization: options.Authorization{Config: options.File(write(t, "config",
			strings.Replace(abacConfig, "name: abac, type: ABAC", "name: x, type: RBAC", 1)))}}},
		{"no such file", options.API{Authorization: options.Authorization{Config: "/nowhere/at/all"}}},
		{"mutually exclusive", options.API{Authentication: options.Authentication{Config: "/x", OIDC: options.OIDC{IssuerURL: "https://x"}}}},
		{"must be specified together", options.API{Authentication: options.Authentication{OIDC: options.OIDC{IssuerURL: "https://x"}}}},
		{"--anonymous-auth", options.API{Authentication: options.Authentication{Anonymous: "maybe"}}},
		{"between 1 hour and 2^32 seconds", options.API{Authentication: options.Authentication{ServiceAccounts: options.ServiceAccounts{MaxExpiration: 1}}}},
		{"want v1 or v1beta1", options.API{Authentication: options.Authentication{Webhook: options.TokenWebhook{Kubeconfig: options.File(reviewer(t)), Version: "v2"}}}},
	} {
		if _, err := newTestSecurity(t, c.o); err == nil || !strings.Contains(err.Error(), c.cause) {
			t.Errorf("%v, want %q", err, c.cause)
		}
	}
}

// TestConfigurationIsFollowed: a changed file holds at once, a bad one never.
func TestConfigurationIsFollowed(t *testing.T) {
	const head = "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\n"
	file := write(t, "config", head+"anonymous: {enabled: true}\n")
	s, err := newTestSecurity(t, options.API{Authentication: options.Authentication{Config: options.File(file)}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ content, want string }{
		{head + "anonymous: {enabled: false}\n", "Unauthorized"},
		{head + "nonsense: true\n", "Unauthorized"},
		{head + "anonymous: {enabled: true}\n", "system:anonymous"},
	} {
		s.structured.changed([]byte(c.content))
		if got := who(s, "/x", ""); got != c.want {
			t.Errorf("after %q: %q, want %q", c.content, got, c.want)
		}
	}
	id := `{apiserver_id_hash="` + configreload.Hash("apiserver-x") + `",`
	err = testutil.CollectAndCompare(s.authnReloads, strings.NewReader(`
# HELP apiserver_authentication_config_controller_automatic_reloads_total Total number of automatic reloads of authentication configuration split by status and apiserver identity.
# TYPE apiserver_authentication_config_controller_automatic_reloads_total counter
apiserver_authentication_config_controller_automatic_reloads_total`+id+`status="failure"} 1
apiserver_authentication_config_controller_automatic_reloads_total`+id+`status="success"} 2
# HELP apiserver_authentication_config_controller_last_config_info Information about the last applied authentication configuration with hash as label, split by apiserver identity.
# TYPE apiserver_authentication_config_controller_last_config_info gauge
apiserver_authentication_config_controller_last_config_info`+id+`hash="`+configreload.Hash(head+"anonymous: {enabled: true}\n")+`"} 1
`), "apiserver_authentication_config_controller_automatic_reloads_total", "apiserver_authentication_config_controller_last_config_info")
	if err != nil {
		t.Error(err)
	}
}

// TestPublishedProxies: API servers behind this one believe those that it does.
func TestPublishedProxies(t *testing.T) {
	for _, c := range []struct {
		o    options.RequestHeader
		want string
	}{
		{options.RequestHeader{}, "[front-proxy-client]"},
		{options.RequestHeader{CA: "/ca", AllowedNames: []string{"edge"}}, "[front-proxy-client edge]"},
		{options.RequestHeader{CA: "/ca"}, "[]"},
	} {
		if got := fmt.Sprint(allowedNames(&c.o)); got != c.want {
			t.Errorf("%+v: %s, want %s", c.o, got, c.want)
		}
	}
	more := write(t, "ca", "more")
	if got, err := bundle([]byte("own"), options.File(more)); err != nil || got != "ownmore" {
		t.Errorf("joined %q, %v", got, err)
	}
	if _, err := bundle([]byte("own"), "/nowhere/at/all"); err == nil {
		t.Error("a missing file was passed over")
	}
}
