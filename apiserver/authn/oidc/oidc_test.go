package oidc

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"k8s.io/apiserver/pkg/apis/apiserver"

	"minke/api/inprocess"
)

var start = time.Unix(1_700_000_000, 0)

// idp is an issuer of ID tokens.
type idp struct {
	*httptest.Server
	t       *testing.T
	keys    []jose.JSONWebKey
	fetches atomic.Int32
	// says is the issuer that the document names.
	says string
	// distributed is the token that /claims answers with.
	distributed string
}

func newIDP(t *testing.T) *idp {
	p := &idp{t: t}
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, v any) { _ = json.NewEncoder(w).Encode(v) }
	document := func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]string{"issuer": p.says, "jwks_uri": p.URL + "/keys"})
	}
	mux.HandleFunc("/.well-known/openid-configuration", document)
	mux.HandleFunc("/elsewhere", document)
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		p.fetches.Add(1)
		answer(w, jose.JSONWebKeySet{Keys: p.keys})
	})
	mux.HandleFunc("/claims", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer open" {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		fmt.Fprint(w, p.distributed)
	})
	p.Server = httptest.NewTLSServer(mux)
	t.Cleanup(p.Close)
	p.says = p.URL
	return p
}

func (p *idp) ca() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Certificate().Raw}))
}

// key publishes a new key.
func (p *idp) key(id string, private crypto.Signer) crypto.Signer {
	p.keys = append(p.keys, jose.JSONWebKey{Key: private.Public(), KeyID: id, Use: "sig"})
	return private
}

// sign makes a token of claims, completed with what every token has.
func (p *idp) sign(key crypto.Signer, id string, algorithm jose.SignatureAlgorithm, claims map[string]any) string {
	p.t.Helper()
	all := map[string]any{"iss": p.URL, "aud": []string{"minke"}, "exp": start.Add(time.Hour).Unix(), "sub": "ann"}
	for k, v := range claims {
		all[k] = v
		if v == nil {
			delete(all, k)
		}
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: jose.JSONWebKey{Key: key, KeyID: id}}, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(all).Serialize()
	if err != nil {
		p.t.Fatal(err)
	}
	return token
}

func ecKey(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// config is the plainest configuration of an issuer, changed by f.
func (p *idp) config(f func(*apiserver.JWTAuthenticator)) *apiserver.AuthenticationConfiguration {
	prefix := "oidc:"
	one := apiserver.JWTAuthenticator{
		Issuer:        apiserver.Issuer{URL: p.URL, CertificateAuthority: p.ca(), Audiences: []string{"minke"}},
		ClaimMappings: apiserver.ClaimMappings{Username: apiserver.PrefixedClaimOrExpression{Claim: "sub", Prefix: &prefix}},
	}
	if f != nil {
		f(&one)
	}
	return &apiserver.AuthenticationConfiguration{JWT: []apiserver.JWTAuthenticator{one}}
}

func now() time.Time { return start }

// by takes the user name by expression.
func by(expression string) func(*apiserver.JWTAuthenticator) {
	return func(j *apiserver.JWTAuthenticator) {
		j.ClaimMappings.Username = apiserver.PrefixedClaimOrExpression{Expression: expression}
	}
}

func TestTokens(t *testing.T) {
	p := newIDP(t)
	key := p.key("1", ecKey(t))
	rsaPrivate, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey := p.key("2", rsaPrivate)
	stranger := ecKey(t)
	groups := func(j *apiserver.JWTAuthenticator) {
		prefix := "g:"
		j.ClaimMappings.Groups = apiserver.PrefixedClaimOrExpression{Claim: "groups", Prefix: &prefix}
	}
	p.distributed = p.sign(key, "1", jose.ES256, map[string]any{"groups": []string{"far"}})
	elsewhere := map[string]any{"_claim_names": map[string]string{"groups": "s"}, "_claim_sources": map[string]any{"s": map[string]string{"endpoint": p.URL + "/claims", "access_token": "open"}}}
	for _, c := range []struct {
		name   string
		config func(*apiserver.JWTAuthenticator)
		claims map[string]any
		token  string
		want   *inprocess.User
		cause  string
	}{
		{name: "plain", want: &inprocess.User{Name: "oidc:ann"}},
		{name: "another sort of token", token: "abcdef.0123456789abcdef"},
		{name: "another issuer", claims: map[string]any{"iss": "https://other"}},
		{name: "no JSON", token: "a.b.c"},
		{name: "by RSA", token: p.sign(rsaKey, "2", jose.PS256, nil), want: &inprocess.User{Name: "oidc:ann"}},
		{name: "without naming a key", token: p.sign(rsaKey, "", jose.RS256, nil), want: &inprocess.User{Name: "oidc:ann"}},
		{name: "by a stranger", token: p.sign(stranger, "1", jose.ES256, nil), cause: "no key of the issuer signed it"},
		{name: "unknown key", token: p.sign(stranger, "9", jose.ES256, nil), cause: `no key "9"`},
		{name: "no signature", token: strings.Join(strings.Split(p.sign(key, "1", jose.ES256, nil), ".")[:2], ".") + ".", cause: "no key of the issuer signed it"},
		{name: "expired", claims: map[string]any{"exp": start.Add(-time.Second).Unix()}, cause: "expired"},
		{name: "no expiry", claims: map[string]any{"exp": nil}, cause: "has no expiry"},
		{name: "too early", claims: map[string]any{"nbf": start.Add(time.Hour).Unix()}, cause: "not valid before"},
		{name: "a little early", claims: map[string]any{"nbf": start.Add(time.Minute).Unix()}, want: &inprocess.User{Name: "oidc:ann"}},
		{name: "another audience", claims: map[string]any{"aud": "other"}, cause: "are none of"},
		{name: "one of the audiences", config: func(j *apiserver.JWTAuthenticator) {
			j.Issuer.Audiences, j.Issuer.AudienceMatchPolicy = []string{"a", "other"}, apiserver.AudienceMatchPolicyMatchAny
		}, claims: map[string]any{"aud": "other"}, want: &inprocess.User{Name: "oidc:ann"}},
		{name: "no user", claims: map[string]any{"sub": nil}, cause: `claim "sub" is not present`},
		{name: "credential", claims: map[string]any{"jti": "7"}, want: &inprocess.User{Name: "oidc:ann", Extra: map[string][]string{"authentication.kubernetes.io/credential-id": {"JTI=7"}}}},

		{name: "groups", config: groups, claims: map[string]any{"groups": []string{"a", "b"}}, want: &inprocess.User{Name: "oidc:ann", Groups: []string{"g:a", "g:b"}}},
		{name: "one group", config: groups, claims: map[string]any{"groups": "a"}, want: &inprocess.User{Name: "oidc:ann", Groups: []string{"g:a"}}},
		{name: "bad groups", config: groups, claims: map[string]any{"groups": 7}, cause: "groups"},
		{name: "distributed groups", config: groups, claims: elsewhere, want: &inprocess.User{Name: "oidc:ann", Groups: []string{"g:far"}}},

		{name: "email", config: func(j *apiserver.JWTAuthenticator) { j.ClaimMappings.Username.Claim = "email" }, claims: map[string]any{"email": "a@b", "email_verified": true}, want: &inprocess.User{Name: "oidc:a@b"}},
		{name: "email not verified", config: func(j *apiserver.JWTAuthenticator) { j.ClaimMappings.Username.Claim = "email" }, claims: map[string]any{"email": "a@b", "email_verified": false}, cause: "email not verified"},

		{name: "expressions", config: func(j *apiserver.JWTAuthenticator) {
			by(`claims.sub + "@" + claims.org`)(j)
			j.ClaimMappings.Groups = apiserver.PrefixedClaimOrExpression{Expression: `dyn(claims.roles).map(r, "role:" + r)`}
			j.ClaimMappings.UID = apiserver.ClaimOrExpression{Expression: `claims.uid`}
			j.ClaimMappings.Extra = []apiserver.ExtraMapping{{Key: "example.com/tenant", ValueExpression: `has(claims.tenant) ? claims.tenant : ""`}, {Key: "example.com/none", ValueExpression: `""`}}
		}, claims: map[string]any{"org": "x", "roles": []string{"a", "b"}, "uid": "u", "tenant": "t"},
			want: &inprocess.User{Name: "ann@x", UID: "u", Groups: []string{"role:a", "role:b"}, Extra: map[string][]string{"example.com/tenant": {"t"}}}},
		{name: "escaped names", config: by(`claims.kubernetes__dot__io.name__dash__of`), claims: map[string]any{"kubernetes.io": map[string]string{"name-of": "x"}}, want: &inprocess.User{Name: "x"}},
		{name: "expression gives no text", config: by(`claims.n`), claims: map[string]any{"n": 7}, cause: "must return a string"},
		{name: "expression gives nothing", config: by(`claims.n`), claims: map[string]any{"n": ""}, cause: "empty"},
		{name: "expression fails", config: by(`claims.missing`), cause: "no such key: missing"},

		{name: "required claim", config: func(j *apiserver.JWTAuthenticator) {
			j.ClaimValidationRules = []apiserver.ClaimValidationRule{{Claim: "hd", RequiredValue: "x"}}
		}, claims: map[string]any{"hd": "y"}, cause: `required claim "hd" is "y", want "x"`},
		{name: "claim rule", config: func(j *apiserver.JWTAuthenticator) {
			j.ClaimValidationRules = []apiserver.ClaimValidationRule{{Expression: `claims.exp - claims.iat <= 60`, Message: "lives too long"}}
		}, claims: map[string]any{"iat": start.Unix()}, cause: "lives too long"},
		{name: "user rule", config: func(j *apiserver.JWTAuthenticator) {
			j.UserValidationRules = []apiserver.UserValidationRule{{Expression: `!user.username.startsWith("oidc:")`, Message: "reserved"}}
		}, cause: "reserved"},
		{name: "user rule on groups", config: func(j *apiserver.JWTAuthenticator) {
			groups(j)
			j.UserValidationRules = []apiserver.UserValidationRule{{Expression: `user.groups.all(g, !g.startsWith("system:"))`, Message: "reserved"}}
		}, claims: map[string]any{"groups": "a"}, want: &inprocess.User{Name: "oidc:ann", Groups: []string{"g:a"}}},
	} {
		issuers, err := New(p.config(c.config), Options{Now: now})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		token := c.token
		if token == "" {
			token = p.sign(key, "1", jose.ES256, c.claims)
		}
		identity, err := issuers.AuthenticateToken(context.Background(), token, nil)
		switch {
		case c.cause != "":
			if err == nil || !strings.Contains(err.Error(), c.cause) {
				t.Errorf("%s: %v, want %q", c.name, err, c.cause)
			}
		case err != nil || (identity == nil) != (c.want == nil):
			t.Errorf("%s: %+v, %v, want %+v", c.name, identity, err, c.want)
		case identity != nil:
			if len(identity.User.Extra) == 0 {
				identity.User.Extra = nil
			}
			if !reflect.DeepEqual(identity.User, c.want) {
				t.Errorf("%s: %+v, want %+v", c.name, identity.User, c.want)
			}
		}
	}
}

func TestKeysAreFetchedSeldom(t *testing.T) {
	p := newIDP(t)
	clock := start
	issuers, err := New(p.config(nil), Options{Now: func() time.Time { return clock }})
	if err != nil {
		t.Fatal(err)
	}
	first := p.key("1", ecKey(t))
	ask := func(key crypto.Signer, id string) error {
		_, err := issuers.AuthenticateToken(context.Background(), p.sign(key, id, jose.ES256, nil), nil)
		return err
	}
	for range 3 {
		if err := ask(first, "1"); err != nil {
			t.Fatal(err)
		}
	}
	second := p.key("2", ecKey(t))
	for range 3 {
		if err := ask(second, "2"); err == nil {
			t.Error("a new key was fetched too soon")
		}
	}
	if n := p.fetches.Load(); n != 1 {
		t.Errorf("keys were fetched %d times, want once", n)
	}
	clock = clock.Add(fetchPause)
	if err := ask(second, "2"); err != nil {
		t.Errorf("rotated key: %v", err)
	}
	clock = clock.Add(fetchPause)
	p.keys = nil
	third := p.key("2", ecKey(t))
	if err := ask(third, "2"); err != nil {
		t.Errorf("rotated key of the same name: %v", err)
	}
	if err := ask(second, "2"); err == nil {
		t.Error("a key that was taken back is still good")
	}
}

func TestDiscovery(t *testing.T) {
	p := newIDP(t)
	key := p.key("1", ecKey(t))
	for _, c := range []struct {
		name, says, cause string
		config            func(*apiserver.JWTAuthenticator)
	}{
		{name: "elsewhere", says: p.URL, config: func(j *apiserver.JWTAuthenticator) { j.Issuer.DiscoveryURL = p.URL + "/elsewhere" }},
		{name: "another issuer's", says: "https://other", cause: `says it is "https://other"`},
		{name: "not there", says: p.URL, config: func(j *apiserver.JWTAuthenticator) { j.Issuer.DiscoveryURL = p.URL + "/nowhere" }, cause: "404"},
		{name: "not trusted", says: p.URL, config: func(j *apiserver.JWTAuthenticator) { j.Issuer.CertificateAuthority = "" }, cause: "certificate"},
	} {
		p.says = c.says
		issuers, err := New(p.config(c.config), Options{Now: now})
		if err != nil {
			t.Fatal(err)
		}
		_, err = issuers.AuthenticateToken(context.Background(), p.sign(key, "1", jose.ES256, nil), nil)
		if (err == nil) != (c.cause == "") || err != nil && !strings.Contains(err.Error(), c.cause) {
			t.Errorf("%s: %v, want %q", c.name, err, c.cause)
		}
	}
}

func TestConfiguration(t *testing.T) {
	p := newIDP(t)
	for _, c := range []struct {
		name, cause string
		change      func(*apiserver.JWTAuthenticator)
	}{
		{"no https", "URL scheme must be https", func(j *apiserver.JWTAuthenticator) { j.Issuer.URL = "http://x" }},
		{"reserved issuer", "must not overlap with disallowed issuers", func(j *apiserver.JWTAuthenticator) { j.Issuer.URL = "https://self" }},
		{"no audience", "jwt[0].issuer.audiences", func(j *apiserver.JWTAuthenticator) { j.Issuer.Audiences = nil }},
		{"bad expression", "compilation failed", by(`claims.`)},
		{"egress", `egress lookup for "cluster" is not configured`, func(j *apiserver.JWTAuthenticator) { j.Issuer.EgressSelectorType = apiserver.EgressSelectorCluster }},
	} {
		if _, err := New(p.config(c.change), Options{Reserved: []string{"https://self"}}); err == nil || !strings.Contains(err.Error(), c.cause) {
			t.Errorf("%s: %v, want %q", c.name, err, c.cause)
		}
	}
	if _, err := New(p.config(nil), Options{Algorithms: []string{"none"}}); err == nil {
		t.Error("tokens without a signature may not be asked for")
	}
}

// FuzzToken: whatever comes as a token is refused or unknown, never a crash.
func FuzzToken(f *testing.F) {
	issuers, err := New(&apiserver.AuthenticationConfiguration{}, Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("a.b.c")
	f.Add("eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL3gifQ.")
	f.Fuzz(func(t *testing.T, token string) {
		if identity, err := issuers.AuthenticateToken(context.Background(), token, nil); identity != nil || err != nil {
			t.Errorf("%+v, %v", identity, err)
		}
	})
}
