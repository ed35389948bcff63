// Package authn finds out who sends a request: by client certificate, by a
// front proxy's headers, by bearer token (service accounts, bootstrap tokens,
// token files, other issuers in package oidc, webhooks), or nobody known; and on
// whose behalf, by impersonation headers. It also issues the tokens of service
// accounts and publishes their keys.
package authn

import (
	"context"
	"encoding/base64"
	"iter"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api/inprocess"
	"minke/apiserver/request"
)

// The identities that the server itself gives.
const (
	Anonymous       = "system:anonymous"
	Authenticated   = "system:authenticated"
	Unauthenticated = "system:unauthenticated"
)

// Reader reads stored objects, which are shared and never changed.
type Reader interface {
	Get(ctx context.Context, resource schema.GroupVersionResource, namespace, name string) (runtime.Object, error)
	// Snapshot returns all objects of the resource and their revision.
	Snapshot(resource schema.GroupVersionResource, namespace string) (iter.Seq[runtime.Object], string, error)
}

// Token recognizes bearer tokens of one sort.
type Token interface {
	// AuthenticateToken returns the token's identity when one of audiences is
	// among its own. It returns nil and no error for a token of another sort,
	// and an error for one of its own sort that is not valid.
	AuthenticateToken(ctx context.Context, token string, audiences []string) (*Identity, error)
}

// Identity is what a token proves.
type Identity struct {
	User *inprocess.User
	// Audiences are those asked for that the token is meant for.
	Audiences []string
}

// Authenticator tells who sends a request. Its fields are not changed in use.
type Authenticator struct {
	// Certificates knows clients by certificate; nil for none.
	Certificates *Certificates
	// Proxy trusts the headers of an authenticating proxy; nil for none.
	Proxy *FrontProxy
	// Tokens are asked in order.
	Tokens []Token
	// Audiences are the server's own: a token must be meant for one of them.
	Audiences []string
	// Anonymous tells for which paths requests without any credentials pass as
	// Anonymous; nil for none.
	Anonymous func(path string) bool
	// Authorize is asked whether the user may impersonate. When nil nobody may.
	Authorize func(context.Context, *inprocess.User, *request.Info) error
}

// EveryPath is Anonymous without conditions.
func EveryPath(string) bool { return true }

// Authenticate returns the user on whose behalf the request acts, or an
// Unauthorized or Forbidden StatusError. Credentials are taken out of the
// request, so that a proxied back end never sees them.
func (a *Authenticator) Authenticate(r *http.Request) (*inprocess.User, error) {
	user, err := a.sender(r)
	if err != nil {
		return nil, err
	}
	return a.impersonate(r, user)
}

// sender tells who sends the request, before impersonation.
func (a *Authenticator) sender(r *http.Request) (*inprocess.User, error) {
	if user := inprocess.UserFrom(r.Context()); user != nil {
		return user, nil
	}
	user, failed := a.byConnection(r)
	token := bearer(r)
	if user == nil && token != "" {
		identity, err := a.AuthenticateToken(r.Context(), token, a.Audiences)
		if err != nil || identity == nil {
			failed = true
		} else {
			user = identity.User
		}
	}
	r.Header.Del("Authorization")
	switch {
	case user != nil:
		return authenticated(user), nil
	case failed || a.Anonymous == nil || !a.Anonymous(r.URL.Path):
		return nil, apierrors.NewUnauthorized("Unauthorized")
	}
	return &inprocess.User{Name: Anonymous, Groups: []string{Unauthenticated}}, nil
}

// byConnection tries the front proxy's headers, then the client's certificate.
func (a *Authenticator) byConnection(r *http.Request) (user *inprocess.User, failed bool) {
	if a.Proxy != nil {
		if user = a.Proxy.user(r); user != nil {
			return user, false
		}
	}
	if a.Certificates == nil || r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return nil, false
	}
	user, err := a.Certificates.user(r.TLS.PeerCertificates)
	return user, err != nil
}

// AuthenticateToken asks each sort of token. It returns nil without an error
// when none knows the token.
func (a *Authenticator) AuthenticateToken(ctx context.Context, token string, audiences []string) (*Identity, error) {
	var failed error
	for _, t := range a.Tokens {
		identity, err := t.AuthenticateToken(ctx, token, audiences)
		if identity != nil && err == nil {
			return identity, nil
		}
		if err != nil {
			failed = err
		}
	}
	return nil, failed
}

// authenticated adds the group of all known users.
func authenticated(user *inprocess.User) *inprocess.User {
	if user.Name == Anonymous || slices.Contains(user.Groups, Authenticated) || slices.Contains(user.Groups, Unauthenticated) {
		return user
	}
	with := *user
	with.Groups = slices.Clip(append(slices.Clone(user.Groups), Authenticated))
	return &with
}

// webSocketToken is the subprotocol in which browsers send a token.
const webSocketToken = "base64url.bearer.authorization.k8s.io."

// bearer returns the request's token and takes it out of the subprotocols.
func bearer(r *http.Request) string {
	// After a second space there is no token, nor in what follows one.
	parts := strings.SplitN(strings.TrimSpace(r.Header.Get("Authorization")), " ", 3)
	if len(parts) > 1 && strings.EqualFold(parts[0], "bearer") {
		return parts[1]
	}
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		return ""
	}
	found := ""
	var rest []string
	for _, header := range r.Header.Values("Sec-Websocket-Protocol") {
		for _, protocol := range strings.Split(header, ",") {
			protocol = strings.TrimSpace(protocol)
			encoded, is := strings.CutPrefix(protocol, webSocketToken)
			if !is {
				rest = append(rest, protocol)
				continue
			}
			if raw, err := base64.RawURLEncoding.DecodeString(encoded); err == nil && utf8.Valid(raw) {
				found = string(raw)
			}
		}
	}
	// A token alone, without a protocol that the server could choose, is
	// refused as Kubernetes does.
	if found == "" || len(rest) == 0 {
		return ""
	}
	r.Header.Set("Sec-Websocket-Protocol", strings.Join(rest, ", "))
	return found
}
