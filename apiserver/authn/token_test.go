package authn

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"

	"minke/apiserver/recent"
)

func TestTokenFile(t *testing.T) {
	tokens, err := ReadTokens(strings.NewReader("secret,ann,1,\"a,b\"\nother,bob,2\n"))
	if err != nil {
		t.Fatal(err)
	}
	server := ForServer{Token: tokens, Audiences: []string{"api"}}
	for _, c := range []struct {
		token     string
		audiences []string
		want      string
	}{
		{"secret", nil, "ann a,b"},
		{"other", []string{"api", "x"}, "bob "},
		{"other", []string{"x"}, ""},
		{"unknown", nil, ""},
		{"", nil, ""},
	} {
		identity, err := server.AuthenticateToken(context.Background(), c.token, c.audiences)
		got := ""
		if identity != nil {
			got = identity.User.Name + " " + strings.Join(identity.User.Groups, ",")
			if !slices.Equal(identity.Audiences, []string{"api"}) {
				t.Errorf("%q is for %v", c.token, identity.Audiences)
			}
		}
		if err != nil || got != c.want {
			t.Errorf("%q: %q (%v), want %q", c.token, got, err, c.want)
		}
	}
	for _, bad := range []string{"secret,ann\n", ",ann,1\n", "a,\"b\n"} {
		if _, err := ReadTokens(strings.NewReader(bad)); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestTokenWebhook(t *testing.T) {
	now := start
	answer := authenticationv1.TokenReviewStatus{}
	var failure error
	calls := 0
	w := &Webhook{version: "v1", life: time.Minute, own: []string{"api"}, ask: func(_ context.Context, body []byte, into any) error {
		calls++
		var q authenticationv1.TokenReview
		if err := json.Unmarshal(body, &q); err != nil || q.APIVersion != "authentication.k8s.io/v1" || q.Spec.Token == "" {
			t.Errorf("asked %s (%v)", body, err)
		}
		into.(*authenticationv1.TokenReview).Status = answer
		return failure
	}}
	yes := authenticationv1.TokenReviewStatus{Authenticated: true, User: authenticationv1.UserInfo{Username: "ann", Extra: map[string]authenticationv1.ExtraValue{"k": {"v"}}}}
	scoped := yes
	scoped.Audiences = []string{"x"}
	for _, c := range []struct {
		name      string
		status    authenticationv1.TokenReviewStatus
		failure   error
		audiences []string
		user      string
		kept      bool
		cause     string
	}{
		{"known", yes, nil, nil, "ann", true, ""},
		{"unknown", authenticationv1.TokenReviewStatus{}, nil, nil, "", true, ""},
		{"refused", authenticationv1.TokenReviewStatus{Error: "expired"}, nil, nil, "", true, "expired"},
		{"for somebody else", scoped, nil, nil, "", true, ""},
		{"for who asks", scoped, nil, []string{"x"}, "ann", true, ""},
		{"says nothing of audiences", yes, nil, []string{"x"}, "", true, ""},
		{"no answer", yes, errors.New("down"), nil, "", false, "down"},
	} {
		answer, failure, calls = c.status, c.failure, 0
		w.answers = recent.New[[32]byte, answered](4, func() time.Time { return now })
		for range 2 {
			identity, err := w.AuthenticateToken(context.Background(), "t", c.audiences)
			got := ""
			if identity != nil {
				got = identity.User.Name
			}
			if got != c.user || (err == nil) != (c.cause == "") || err != nil && !strings.Contains(err.Error(), c.cause) {
				t.Errorf("%s: %q, %v; want %q, %q", c.name, got, err, c.user, c.cause)
			}
		}
		if kept := calls == 1; kept != c.kept {
			t.Errorf("%s: asked %d times", c.name, calls)
		}
		now = now.Add(time.Minute)
		_, _ = w.AuthenticateToken(context.Background(), "t", c.audiences)
		if calls == 1 {
			t.Errorf("%s: not asked again", c.name)
		}
	}
}

// TestProxyHeaders: nobody but the proxy is believed, by whatever names.
func TestProxyHeaders(t *testing.T) {
	names := ProxyHeaders{User: []string{"X-A", "X-B"}, UID: []string{"X-U"}, Group: []string{"X-G"}, Extra: []string{"X-E-"}}
	h := http.Header{"X-B": {"ann"}, "X-U": {"7"}, "X-G": {"a", "b"}, "X-E-Scope%2fx": {"s"}, "X-Other": {"kept"}}
	user := names.take(h)
	if got := outcome(user, nil); got != "ann a,b" || user.UID != "7" || user.Extra["scope/x"][0] != "s" {
		t.Errorf("took %+v", user)
	}
	if len(h) != 1 || h.Get("X-Other") == "" {
		t.Errorf("left %v", h)
	}
}

// FuzzBearer: whatever the headers say, no crash and no token that was not sent.
func FuzzBearer(f *testing.F) {
	f.Add("Bearer x", "")
	f.Add("", "base64url.bearer.authorization.k8s.io.eA, v4.channel.k8s.io")
	f.Fuzz(func(t *testing.T, authorization, protocol string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header = http.Header{"Authorization": {authorization}, "Upgrade": {"websocket"}, "Sec-Websocket-Protocol": {protocol}}
		token := bearer(r)
		if token != "" && !strings.Contains(authorization, token) && !strings.Contains(protocol, webSocketToken) {
			t.Errorf("found %q in %q and %q", token, authorization, protocol)
		}
		if strings.Contains(r.Header.Get("Sec-Websocket-Protocol"), webSocketToken) && token != "" && !strings.Contains(authorization, token) {
			t.Errorf("the token stays in %q", r.Header.Get("Sec-Websocket-Protocol"))
		}
	})
}
