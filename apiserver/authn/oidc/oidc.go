// Package oidc recognizes the ID tokens of other issuers (OpenID Connect Core
// 1.0), as an AuthenticationConfiguration names them: who a token stands for is
// said by its claims, taken as they are or through CEL expressions (KEP-3331).
package oidc

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/pkg/apis/apiserver/validation"
	authenticationcel "k8s.io/apiserver/pkg/authentication/cel"

	"minke/api/inprocess"
	"minke/apiserver/authn"
	"minke/apiserver/egress"
)

// Algorithms are those by which tokens may be signed.
var Algorithms = []string{"ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512"}

// Issuers recognizes tokens of several issuers.
type Issuers struct{ byURL map[string]*issuer }

var _ authn.Token = (*Issuers)(nil)

// Options are what an AuthenticationConfiguration does not say.
type Options struct {
	// Algorithms may sign tokens; nil means all of Algorithms.
	Algorithms []string
	// Reserved are issuers that the server itself speaks for.
	Reserved []string
	// Egress has the ways to issuers that have an egressSelectorType.
	Egress *egress.Selector
	// Now may be nil.
	Now func() time.Time
}

// New returns the authenticator of config's issuers, or why config is not valid.
// No issuer is asked before its first token comes.
func New(config *apiserver.AuthenticationConfiguration, o Options) (*Issuers, error) {
	if len(o.Algorithms) == 0 {
		o.Algorithms = Algorithms
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	var algorithms []jose.SignatureAlgorithm
	for _, name := range o.Algorithms {
		if !slices.Contains(Algorithms, name) {
			return nil, fmt.Errorf("unsupported signing algorithm %q: want one of %v", name, Algorithms)
		}
		algorithms = append(algorithms, jose.SignatureAlgorithm(name))
	}
	compiler := authenticationcel.NewDefaultCompiler()
	if errs := validation.ValidateAuthenticationConfiguration(compiler, config, o.Reserved); len(errs) > 0 {
		return nil, errs.ToAggregate()
	}
	out := &Issuers{byURL: map[string]*issuer{}}
	for n, one := range config.JWT {
		path := field.NewPath("jwt").Index(n)
		mapper, errs := validation.CompileAndValidateJWTAuthenticator(compiler, one, o.Reserved)
		if len(errs) > 0 {
			return nil, errs.ToAggregate()
		}
		dial, err := way(o.Egress, one.Issuer.EgressSelectorType)
		if err != nil {
			return nil, field.Invalid(path.Child("issuer", "egressSelectorType"), one.Issuer.EgressSelectorType, err.Error())
		}
		client, err := newClient(one.Issuer.CertificateAuthority, dial)
		if err != nil {
			return nil, field.Invalid(path.Child("issuer", "certificateAuthority"), "<omitted>", err.Error())
		}
		i := &issuer{config: one, mapper: mapper, algorithms: algorithms, now: o.Now, client: client}
		i.provider = &provider{issuer: one.Issuer.URL, discovery: one.Issuer.DiscoveryURL, client: client, now: o.Now}
		out.byURL[one.Issuer.URL] = i
	}
	return out, nil
}

// way returns how issuers in a network are reached; nil is the usual way. A network
// that the server has no way to is an error: somebody asked for it by name.
func way(all *egress.Selector, to apiserver.EgressSelectorType) (dial egress.Dial, err error) {
	switch to {
	case "":
		return nil, nil
	case apiserver.EgressSelectorControlPlane:
		dial = all.ControlPlane()
	case apiserver.EgressSelectorCluster:
		dial = all.Cluster()
	}
	if dial == nil {
		return nil, fmt.Errorf("egress lookup for %q is not configured", to)
	}
	return dial, nil
}

// AuthenticateToken implements authn.Token. Such tokens are for the server
// itself; see authn.ForServer.
func (s *Issuers) AuthenticateToken(ctx context.Context, token string, _ []string) (*authn.Identity, error) {
	i := s.byURL[issuerOf(token)]
	if i == nil {
		return nil, nil
	}
	user, err := i.user(ctx, token)
	if err != nil {
		return nil, fmt.Errorf("authenticate token of %s: %w", i.config.Issuer.URL, err)
	}
	return &authn.Identity{User: user}, nil
}

// issuerOf reads a token's issuer, unverified: it only tells whom to ask.
func issuerOf(token string) string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return ""
	}
	var claims struct {
		Issuer string `json:"iss"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return ""
	}
	// An issuer that is older than the rule that its name is a URL.
	if claims.Issuer == "accounts.google.com" {
		return "https://accounts.google.com"
	}
	return claims.Issuer
}

// leeway bounds how much earlier a token may come than its nbf.
const leeway = 5 * time.Minute

// verify checks a token of p's issuer and returns its claims.
func verify(ctx context.Context, p *provider, token string, algorithms []jose.SignatureAlgorithm, audiences []string) (claims, error) {
	parsed, err := jwt.ParseSigned(token, algorithms)
	if err != nil {
		return nil, fmt.Errorf("parse: %w", err)
	}
	if len(parsed.Headers) != 1 {
		return nil, fmt.Errorf("it has %d signatures, want one", len(parsed.Headers))
	}
	public, all, err := signed(ctx, p, parsed)
	if err != nil {
		return nil, err
	}
	now := p.now()
	switch {
	case public.Expiry == nil || now.After(public.Expiry.Time()):
		return nil, fmt.Errorf("it has expired or has no expiry")
	case public.NotBefore != nil && now.Add(leeway).Before(public.NotBefore.Time()):
		return nil, fmt.Errorf("it is not valid before %s", public.NotBefore.Time())
	case !slices.ContainsFunc(audiences, func(a string) bool { return slices.Contains(public.Audience, a) }):
		return nil, fmt.Errorf("its audiences %q are none of %q", []string(public.Audience), audiences)
	}
	return all, nil
}

// signed checks the signature and returns the claims. When no key that is known
// made it, the issuer is asked whether it has others now.
func signed(ctx context.Context, p *provider, token *jwt.JSONWebToken) (public jwt.Claims, all claims, err error) {
	for _, anew := range []bool{false, true} {
		keys, err := p.keys(ctx, token.Headers[0].KeyID, anew)
		if err != nil {
			return public, nil, err
		}
		for _, key := range keys {
			if token.Claims(key.Key, &public, &all) == nil {
				return public, all, nil
			}
		}
	}
	return public, nil, errors.New("no key of the issuer signed it")
}

// issuer is one entry of the configuration.
type issuer struct {
	config     apiserver.JWTAuthenticator
	mapper     authenticationcel.CELMapper
	algorithms []jose.SignatureAlgorithm
	now        func() time.Time
	client     doer
	provider   *provider
	others     others
}

// user verifies a token and returns whom it stands for.
func (i *issuer) user(ctx context.Context, token string) (*inprocess.User, error) {
	c, err := verify(ctx, i.provider, token, i.algorithms, i.config.Issuer.Audiences)
	if err != nil {
		return nil, err
	}
	if name := i.config.ClaimMappings.Groups.Claim; name != "" {
		if err := i.expand(ctx, c, name); err != nil {
			return nil, fmt.Errorf("resolve distributed claim %s: %w", name, err)
		}
	}
	user, err := i.mapped(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := i.validate(ctx, c, user); err != nil {
		return nil, err
	}
	return user, nil
}
