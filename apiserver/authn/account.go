package authn

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api/inprocess"
	"minke/apiserver/request"
)

const (
	accountPrefix = "system:serviceaccount:"
	accountsGroup = "system:serviceaccounts"

	// CredentialID is the extra that tells the credential by which a user came.
	CredentialID = "authentication.kubernetes.io/credential-id"

	podNameKey  = "authentication.kubernetes.io/pod-name"
	podUIDKey   = "authentication.kubernetes.io/pod-uid"
	nodeNameKey = "authentication.kubernetes.io/node-name"
	nodeUIDKey  = "authentication.kubernetes.io/node-uid"
)

func accountName(namespace, name string) string { return accountPrefix + namespace + ":" + name }

func accountGroups(namespace string) []string {
	return []string{accountsGroup, accountsGroup + ":" + namespace}
}

func splitAccount(user string) (namespace, name string, ok bool) {
	rest, is := strings.CutPrefix(user, accountPrefix)
	if !is {
		return "", "", false
	}
	namespace, name, ok = strings.Cut(rest, ":")
	return namespace, name, ok && namespace != "" && name != "" && !strings.Contains(name, ":")
}

// ServiceAccounts recognizes tokens that Issuer signed. What a token is bound
// to must exist at each use.
type ServiceAccounts struct {
	Issuer *Issuer
	Reader Reader
	// Audiences are what a token for the API server itself is meant for.
	Audiences []string
	// Used, if set, notes that a token which is kept in a Secret was used on a day, as
	// the label LastUsed (KEP-2799).
	Used func(ctx context.Context, namespace, secret, day string)

	noting sync.Map // keys of Secrets of which that is under way
}

var _ Token = (*ServiceAccounts)(nil)

var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.ES384, jose.ES512}

// AuthenticateToken implements Token.
func (s *ServiceAccounts) AuthenticateToken(ctx context.Context, token string, audiences []string) (*Identity, error) {
	if strings.Count(token, ".") != 2 {
		return nil, nil
	}
	key := sha256.Sum256([]byte(token))
	if known, ok := s.Issuer.verified.Get(key); ok {
		return s.identify(ctx, known, audiences)
	}
	parsed, err := jwt.ParseSigned(token, algorithms)
	if err != nil {
		return nil, nil
	}
	var unverified jwt.Claims
	if err := parsed.UnsafeClaimsWithoutVerification(&unverified); err != nil {
		return nil, nil
	}
	if unverified.Issuer == legacyIssuer {
		return s.legacy(ctx, token, parsed, audiences)
	}
	if !slices.Contains(s.Issuer.urls, unverified.Issuer) {
		return nil, nil
	}
	var c claims
	if c.public, c.own, err = s.Issuer.verify(parsed); err != nil {
		return nil, err
	}
	s.Issuer.verified.Put(key, c, c.public.Expiry.Time().Sub(s.Issuer.now()))
	return s.identify(ctx, c, audiences)
}

// identify returns whom a token with these claims, which it proved, stands for
// now.
func (s *ServiceAccounts) identify(ctx context.Context, c claims, audiences []string) (*Identity, error) {
	public, own := c.public, c.own
	if len(audiences) == 0 {
		audiences = s.Audiences
	}
	meant := intersect(public.Audience, audiences)
	if len(meant) == 0 {
		return nil, fmt.Errorf("token audiences %q is invalid for the target audiences %q", []string(public.Audience), audiences)
	}
	user, err := s.live(ctx, public, own.Kubernetes)
	if err != nil {
		return nil, err
	}
	if after := own.Kubernetes.WarnAfter; after != nil && s.Issuer.now().After(after.Time()) {
		request.AnnotationsFrom(ctx).Annotate("authentication.k8s.io/stale-token", fmt.Sprintf(
			"subject: %s, seconds after warning threshold: %d", public.Subject, int64(s.Issuer.now().Sub(after.Time())/time.Second)))
	}
	return &Identity{User: user, Audiences: meant}, nil
}

// legacy recognizes a token that is kept in a Secret: it is for the server itself.
func (s *ServiceAccounts) legacy(ctx context.Context, token string, parsed *jwt.JSONWebToken, audiences []string) (*Identity, error) {
	meant := s.Audiences
	if len(audiences) > 0 {
		meant = intersect(s.Audiences, audiences)
	}
	if len(meant) == 0 {
		return nil, fmt.Errorf("authenticate token: it is for none of %q", audiences)
	}
	user, err := s.legacyUser(ctx, token, parsed)
	if err != nil {
		return nil, err
	}
	return &Identity{User: user, Audiences: meant}, nil
}

// signed checks the signature and reads the claims.
func (i *Issuer) signed(token *jwt.JSONWebToken, into ...any) error {
	for _, key := range i.keys {
		if id := token.Headers[0].KeyID; id != "" && id != key.KeyID {
			continue
		}
		// An algorithm that is not the key's own is never tried.
		if token.Headers[0].Algorithm != key.Algorithm {
			continue
		}
		if token.Claims(key.Key, into...) == nil {
			return nil
		}
	}
	return errors.New("authenticate token: no key of the issuer signed it")
}

// verify checks signature and time.
func (i *Issuer) verify(token *jwt.JSONWebToken) (public jwt.Claims, own private, err error) {
	if err := i.signed(token, &public, &own); err != nil {
		return public, own, err
	}
	if public.Expiry == nil || !i.now().Before(public.Expiry.Time()) {
		return public, own, errors.New("service account token has expired")
	}
	switch err := public.ValidateWithLeeway(jwt.Expected{Time: i.now()}, 0); {
	case err == nil:
		return public, own, nil
	case errors.Is(err, jwt.ErrNotValidYet):
		return public, own, errors.New("service account token is not valid yet")
	case errors.Is(err, jwt.ErrIssuedInTheFuture):
		return public, own, errors.New("service account token is issued in the future")
	default:
		return public, own, errors.New("service account token claims could not be validated due to unexpected validation error")
	}
}

// live checks that everything the token is bound to exists, and returns whom it
// stands for.
func (s *ServiceAccounts) live(ctx context.Context, public jwt.Claims, k kubernetes) (*inprocess.User, error) {
	if public.Subject != accountName(k.Namespace, k.ServiceAccount.Name) {
		return nil, errors.New("authenticate token: its subject is not its service account")
	}
	if err := s.exists(ctx, "serviceaccounts", k.Namespace, k.ServiceAccount); err != nil {
		return nil, err
	}
	user := &inprocess.User{Name: public.Subject, UID: string(k.ServiceAccount.UID), Groups: accountGroups(k.Namespace), Extra: map[string][]string{}}
	if public.ID != "" {
		user.Extra[CredentialID] = []string{"JTI=" + public.ID}
	}
	if k.Secret != nil {
		if err := s.exists(ctx, "secrets", k.Namespace, *k.Secret); err != nil {
			return nil, err
		}
	}
	if k.Pod != nil {
		if err := s.exists(ctx, "pods", k.Namespace, *k.Pod); err != nil {
			return nil, err
		}
		user.Extra[podNameKey], user.Extra[podUIDKey] = []string{k.Pod.Name}, []string{string(k.Pod.UID)}
	}
	if k.Node != nil {
		// With a pod, the node only informs; alone, the token is bound to it.
		if k.Pod == nil {
			if err := s.exists(ctx, "nodes", "", *k.Node); err != nil {
				return nil, err
			}
		}
		user.Extra[nodeNameKey] = []string{k.Node.Name}
		if k.Node.UID != "" {
			user.Extra[nodeUIDKey] = []string{string(k.Node.UID)}
		}
	}
	return user, nil
}

// afterlife is how long a token outlives an object that is being deleted, so
// that a pod can end in order.
const afterlife = 60 * time.Second

var errInvalidated = errors.New("service account token has been invalidated")

// replaced words that an object is another one than a token is bound to.
var replaced = map[string]string{
	"serviceaccounts": "service account UID (%s) does not match claim (%s)",
	"secrets":         "secret UID (%s) does not match service account secret ref claim (%s)",
	"pods":            "pod UID (%s) does not match service account pod ref claim (%s)",
	"nodes":           "node UID (%s) does not match service account node ref claim (%s)",
}

func (s *ServiceAccounts) exists(ctx context.Context, resource, namespace string, r reference) error {
	account := resource == "serviceaccounts"
	obj, err := s.Reader.Get(ctx, corev1.SchemeGroupVersion.WithResource(resource), namespace, r.Name)
	switch {
	case err != nil && account:
		return err
	case err != nil:
		return errInvalidated
	}
	meta, ok := obj.(metav1.Object)
	if !ok {
		return fmt.Errorf("authenticate token bound to %s %s/%s: found a %T", resource, namespace, r.Name, obj)
	}
	if meta.GetUID() != r.UID {
		return fmt.Errorf(replaced[resource], meta.GetUID(), r.UID)
	}
	if t := meta.GetDeletionTimestamp(); t != nil && t.Add(afterlife).Before(s.Issuer.now()) {
		if account {
			return fmt.Errorf("service account %s/%s has been deleted", namespace, r.Name)
		}
		return errInvalidated
	}
	return nil
}

func intersect(have, wanted []string) []string {
	var out []string
	for _, w := range wanted {
		if slices.Contains(have, w) {
			out = append(out, w)
		}
	}
	return out
}
