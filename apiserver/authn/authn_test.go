package authn

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"errors"
	"iter"
	"math/big"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"minke/api/inprocess"
	"minke/apiserver/request"
)

// objects is a Reader keyed "resource/namespace/name".
type objects map[string]runtime.Object

func (o objects) Get(_ context.Context, r schema.GroupVersionResource, namespace, name string) (runtime.Object, error) {
	if obj, ok := o[r.Resource+"/"+namespace+"/"+name]; ok {
		return obj, nil
	}
	return nil, apierrors.NewNotFound(r.GroupResource(), name)
}

func (objects) Snapshot(schema.GroupVersionResource, string) (iter.Seq[runtime.Object], string, error) {
	return nil, "", errors.New("not needed")
}

func meta(namespace, name, uid string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID("uid-" + uid)}
}

// authority is a certificate authority for tests.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key := newECKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: start.Add(-time.Hour), NotAfter: start.Add(24 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	return authority{key, sign(t, template, template, key, key)}
}

func (a authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

func (a authority) client(t *testing.T, name string, groups ...string) *x509.Certificate {
	t.Helper()
	return sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name, Organization: groups},
		NotBefore: start.Add(-time.Hour), NotAfter: start.Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, a.cert, newECKey(t), a.key)
}

func newECKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t *testing.T, template, parent *x509.Certificate, key, by *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func TestAuthenticate(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	secret := &corev1.Secret{Type: corev1.SecretTypeBootstrapToken, Data: map[string][]byte{
		"token-id": []byte("abcdef"), "token-secret": []byte("0123456789abcdef"), "usage-bootstrap-authentication": []byte("true"),
		"auth-extra-groups": []byte("system:bootstrappers:nodes"), "expiration": []byte(start.Add(time.Hour).Format(time.RFC3339)),
	}}
	now := func() time.Time { return start }
	certificates := NewCertificates(ca.pool(), now)
	proxies := newAuthority(t)
	a := &Authenticator{
		Certificates: certificates, Anonymous: EveryPath,
		Proxy:  &FrontProxy{Certificates: NewCertificates(proxies.pool(), now), AllowedNames: []string{"front-proxy"}},
		Tokens: []Token{&BootstrapTokens{Reader: objects{"secrets/kube-system/bootstrap-token-abcdef": secret}, Now: now}},
	}
	for _, c := range []struct {
		name   string
		peer   *x509.Certificate
		header map[string]string
		want   string
	}{
		{"certificate", ca.client(t, "jane", "dev", "ops"), nil, "jane dev,ops,system:authenticated"},
		{"certificate of a stranger", other.client(t, "jane", "system:masters"), nil, "Unauthorized"},
		{"no name", ca.client(t, ""), nil, "Unauthorized"},
		{"nobody", nil, nil, "system:anonymous system:unauthenticated"},
		{"bootstrap token", nil, map[string]string{"Authorization": "Bearer abcdef.0123456789abcdef"}, "system:bootstrap:abcdef system:bootstrappers,system:bootstrappers:nodes,system:authenticated"},
		{"wrong secret", nil, map[string]string{"Authorization": "Bearer abcdef.0123456789abcdee"}, "Unauthorized"},
		{"unknown token", nil, map[string]string{"Authorization": "Bearer nonsense"}, "Unauthorized"},
		{"bad token beside a good certificate", ca.client(t, "jane"), map[string]string{"Authorization": "Bearer nonsense"}, "jane system:authenticated"},
		{"proxy", proxies.client(t, "front-proxy"), map[string]string{"X-Remote-User": "joe", "X-Remote-Group": "dev"}, "joe dev,system:authenticated"},
		{"proxy of another name", proxies.client(t, "other"), map[string]string{"X-Remote-User": "joe"}, "Unauthorized"},
		{"headers without a proxy", ca.client(t, "jane"), map[string]string{"X-Remote-User": "root", "X-Remote-Group": "system:masters"}, "jane system:authenticated"},
		{"headers of nobody", nil, map[string]string{"X-Remote-User": "root"}, "system:anonymous system:unauthenticated"},
	} {
		r := httptest.NewRequest("GET", "/api", nil)
		if c.peer != nil {
			r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{c.peer}}
		}
		for k, v := range c.header {
			r.Header.Set(k, v)
		}
		for range 2 {
			// The second time the chain is known; a token was taken away.
			if got := outcome(a.Authenticate(r)); got != c.want {
				t.Errorf("%s: %q, want %q", c.name, got, c.want)
			}
			if c.header != nil {
				break
			}
		}
		if r.Header.Get("Authorization") != "" || r.Header.Get("X-Remote-User") != "" {
			t.Errorf("%s: credentials were left in the request", c.name)
		}
	}
	later := NewCertificates(ca.pool(), func() time.Time { return start.Add(2 * time.Hour) })
	if _, err := later.user([]*x509.Certificate{ca.client(t, "jane")}); err == nil {
		t.Error("an expired certificate was accepted")
	}
}

func outcome(user *inprocess.User, err error) string {
	if err != nil {
		return err.Error()
	}
	return user.Name + " " + strings.Join(user.Groups, ",")
}

func TestImpersonate(t *testing.T) {
	var asked []string
	a := &Authenticator{Anonymous: EveryPath, Authorize: func(_ context.Context, u *inprocess.User, i *request.Info) error {
		if strings.HasPrefix(i.Verb, "impersonate-on:") {
			return apierrors.NewForbidden(schema.GroupResource{Resource: "path"}, i.Path, errors.New("cannot "+i.Verb))
		}
		asked = append(asked, i.Resource+"/"+i.Subresource+":"+i.Namespace+"/"+i.Name)
		if u.Name != "root" {
			return apierrors.NewForbidden(schema.GroupResource{Resource: i.Resource}, i.Name, errors.New("no"))
		}
		return nil
	}}
	for _, c := range []struct {
		by     string
		header map[string]string
		want   string
		asked  []string
	}{
		{"root", map[string]string{"Impersonate-User": "jane"}, "jane system:authenticated", []string{"users/:/jane"}},
		{"root", map[string]string{"Impersonate-User": "system:serviceaccount:y:robot"}, "system:serviceaccount:y:robot system:serviceaccounts,system:serviceaccounts:y,system:authenticated", []string{"serviceaccounts/:y/robot"}},
		{"root", map[string]string{"Impersonate-User": "jane", "Impersonate-Group": "dev", "Impersonate-Uid": "7", "Impersonate-Extra-Acme.com%2Fproject": "x"}, "jane dev,system:authenticated", []string{"users/:/jane", "groups/:/dev", "uids/:/7", "userextras/acme.com/project:/x"}},
		{"root", map[string]string{"Impersonate-User": "system:anonymous"}, "system:anonymous system:unauthenticated", []string{"users/:/system:anonymous"}},
		{"joe", map[string]string{"Impersonate-User": "jane"}, `path "/api" is forbidden: cannot impersonate-on:user-info:get`, []string{"users/:/jane"}},
		{"root", map[string]string{"Impersonate-Group": "system:masters"}, `requested &user.DefaultInfo{Name:"", UID:"", Groups:[]string{"system:masters"}, Extra:map[string][]string(nil)} without impersonating a user name`, nil},
	} {
		asked = nil
		r := httptest.NewRequest("GET", "/api", nil)
		for k, v := range c.header {
			r.Header.Set(k, v)
		}
		r = r.WithContext(inprocess.WithUser(r.Context(), &inprocess.User{Name: c.by}))
		if got := outcome(a.Authenticate(r)); got != c.want || !slices.Equal(asked, c.asked) {
			t.Errorf("%v: %q after asking %q, want %q after %q", c.header, got, asked, c.want, c.asked)
		}
	}
}

// TestUseIsNotedOnceADay: whoever's clock it was by.
func TestUseIsNotedOnceADay(t *testing.T) {
	now := time.Date(2026, 3, 1, 23, 59, 0, 0, time.UTC)
	notes := 0
	s := &ServiceAccounts{Issuer: &Issuer{now: func() time.Time { return now }}, Used: func(context.Context, string, string, string) { notes++ }}
	for last, want := range map[string]int{"": 1, "2026-02-28": 1, "2026-03-01": 0, "2026-03-02": 0, "2026-03-03": 1, "x": 1} {
		notes = 0
		s.note(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{LastUsed: last}}})
		if notes != want {
			t.Errorf("last used %q: noted %d times, want %d", last, notes, want)
		}
	}
}

// Tokens that outlive their pod or node.
func TestServiceAccountTokens(t *testing.T) {
	account := &corev1.ServiceAccount{ObjectMeta: meta("y", "robot", "1")}
	pod := &corev1.Pod{ObjectMeta: meta("y", "p", "2")}
	node := &corev1.Node{ObjectMeta: meta("", "n", "3")}
	rsaKey, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	now := start
	issuer, err := NewIssuer([]string{"https://kubernetes.default.svc"}, newECKey(t), rsaKey.Public())
	if err != nil {
		t.Fatal(err)
	}
	old, _ := NewIssuer([]string{"https://kubernetes.default.svc"}, rsaKey)
	stranger, _ := NewIssuer([]string{"https://kubernetes.default.svc"}, newECKey(t))
	for _, i := range []*Issuer{issuer, old, stranger} {
		i.now = func() time.Time { return now }
	}
	deleted := pod.DeepCopy()
	deleted.DeletionTimestamp = &metav1.Time{Time: start}
	replaced := pod.DeepCopy()
	replaced.UID = "other"
	all := objects{"serviceaccounts/y/robot": account, "pods/y/p": pod, "nodes//n": node}
	without := func(key string, obj runtime.Object) objects {
		o := objects{}
		for k, v := range all {
			o[k] = v
		}
		delete(o, key)
		if obj != nil {
			o[key] = obj
		}
		return o
	}
	const want = "system:serviceaccount:y:robot system:serviceaccounts,system:serviceaccounts:y"
	type row struct {
		name   string
		by     *Issuer
		to     Bound
		reader objects
		asked  []string
		after  time.Duration
		want   string
		known  bool
	}
	rows := []row{
		{"plain", issuer, Bound{}, all, nil, 0, want, false},
		{"by an older key", old, Bound{}, all, nil, 0, want, false},
		{"by a stranger", stranger, Bound{}, all, nil, 0, "no key of the issuer signed it", false},
		{"another audience", issuer, Bound{}, all, []string{"vault"}, 0, `token audiences ["api"] is invalid for the target audiences ["vault"]`, false},
		{"expired", issuer, Bound{}, all, nil, time.Hour, "expired", false},
		{"bound to a pod", issuer, Bound{Pod: pod, Node: node}, without("nodes//n", nil), nil, 0, want, false},
		{"pod gone", issuer, Bound{Pod: pod}, without("pods/y/p", nil), nil, 0, "service account token has been invalidated", false},
		{"pod replaced", issuer, Bound{Pod: pod}, without("pods/y/p", replaced), nil, 0, "pod UID (other) does not match service account pod ref claim (uid-2)", false},
		{"pod ending", issuer, Bound{Pod: pod}, without("pods/y/p", deleted), nil, 30 * time.Second, want, false},
		{"pod ended", issuer, Bound{Pod: pod}, without("pods/y/p", deleted), nil, 2 * time.Minute, "service account token has been invalidated", false},
		{"node gone", issuer, Bound{Node: node}, without("nodes//n", nil), nil, 0, "service account token has been invalidated", false},
		{"account gone", issuer, Bound{}, without("serviceaccounts/y/robot", nil), nil, 0, "not found", false},
	}
	for _, c := range rows { // and once more when the signature is known
		if c.by != stranger {
			c.name, c.known = c.name+", known", true
			rows = append(rows, c)
		}
	}
	for _, c := range rows {
		now = start
		issued, err := c.by.Issue(account, c.to, []string{"api"}, Life{Valid: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		if payload, err := base64.RawURLEncoding.DecodeString(strings.Split(issued.Token, ".")[1]); err != nil || !strings.Contains(string(payload), `"aud":["api"]`) {
			t.Fatalf("claims %s (%v), wanted the audience as a list", payload, err)
		}
		now = start.Add(c.after)
		s := &ServiceAccounts{Issuer: issuer, Reader: all, Audiences: []string{"api"}}
		if c.known { // that it was good before makes no difference
			now = start
			if _, err := s.AuthenticateToken(context.Background(), issued.Token, nil); err != nil || issuer.verified.Len() == 0 {
				t.Fatalf("%s: %v, and %d tokens are known", c.name, err, issuer.verified.Len())
			}
			now = start.Add(c.after)
		}
		s.Reader = c.reader
		identity, err := s.AuthenticateToken(context.Background(), issued.Token, c.asked)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = outcome(identity.User, nil)
		}
		if got != c.want && (err == nil || !strings.Contains(got, c.want)) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestIssuerDocuments(t *testing.T) {
	issuer, err := NewIssuer([]string{"https://issuer"}, newECKey(t))
	if err != nil {
		t.Fatal(err)
	}
	h, err := issuer.Handler("")
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", ConfigurationPath, nil))
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil || doc["jwks_uri"] != "https://issuer/openid/v1/jwks" {
		t.Errorf("configuration %s: %v", w.Body, err)
	}
	w = httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", KeysPath, nil))
	if body := w.Body.String(); !strings.Contains(body, `"kid"`) || strings.Contains(body, `"d"`) {
		t.Errorf("keys %s: want public keys only", body)
	}
}

// Tokens that outlive their pod or node: those that are kept in Secrets are good
// only while the Secret has them.
func TestTokensOfSecrets(t *testing.T) {
	issuer, err := NewIssuer([]string{"https://kubernetes.default.svc"}, newECKey(t))
	if err != nil {
		t.Fatal(err)
	}
	account := &corev1.ServiceAccount{ObjectMeta: meta("y", "robot", "1")}
	token, err := issuer.IssueLegacy(account, "s")
	if err != nil {
		t.Fatal(err)
	}
	secret := func(text string, change func(*corev1.Secret)) *corev1.Secret {
		s := &corev1.Secret{ObjectMeta: meta("y", "s", "2"), Data: map[string][]byte{"token": []byte(text)}}
		if change != nil {
			change(s)
		}
		return s
	}
	good := objects{"serviceaccounts/y/robot": account, "secrets/y/s": secret(token, nil)}
	for _, c := range []struct {
		name      string
		stored    objects
		audiences []string
		want      string
	}{
		{"kept", good, nil, "system:serviceaccount:y:robot system:serviceaccounts,system:serviceaccounts:y"},
		{"another audience", good, []string{"vault"}, "it is for none of"},
		{"secret gone", objects{"serviceaccounts/y/robot": account}, nil, "not found"},
		{"another token", objects{"serviceaccounts/y/robot": account, "secrets/y/s": secret("x", nil)}, nil, "another one now"},
		{"secret ending", objects{"serviceaccounts/y/robot": account, "secrets/y/s": secret(token, func(s *corev1.Secret) { s.DeletionTimestamp = &metav1.Time{Time: start} })}, nil, "being deleted"},
		{"long not used", objects{"serviceaccounts/y/robot": account, "secrets/y/s": secret(token, func(s *corev1.Secret) { s.Labels = map[string]string{invalidSince: "2026-01-01"} })}, nil, "invalid since"},
		{"used yesterday", objects{"serviceaccounts/y/robot": account, "secrets/y/s": secret(token, func(s *corev1.Secret) { s.Labels = map[string]string{LastUsed: "2000-01-01"} })}, nil, "system:serviceaccount:y:robot"},
		{"account replaced", objects{"serviceaccounts/y/robot": &corev1.ServiceAccount{ObjectMeta: meta("y", "robot", "9")}, "secrets/y/s": secret(token, nil)}, nil, "replaced"},
	} {
		s := &ServiceAccounts{Issuer: issuer, Reader: c.stored, Audiences: []string{"api"}}
		noted := ""
		s.Used = func(_ context.Context, namespace, secret, day string) { noted = namespace + "/" + secret + " " + day }
		identity, err := s.AuthenticateToken(context.Background(), token, c.audiences)
		wantNoted := ""
		if err == nil || c.name == "long not used" {
			wantNoted = "y/s " + issuer.now().UTC().Format(time.DateOnly)
		}
		if noted != wantNoted {
			t.Errorf("%s: the use was noted as %q, want %q", c.name, noted, wantNoted)
		}
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = outcome(identity.User, nil)
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
