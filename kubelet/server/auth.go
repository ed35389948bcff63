package server

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"minke/client"
)

// caller is who asks.
type caller struct {
	name, uid string
	groups    []string
	extra     map[string]authorizationv1.ExtraValue
	// certified tells that a client certificate says so.
	certified bool
}

var (
	tokenReviews         = schema.GroupVersionResource{Group: "authentication.k8s.io", Version: "v1", Resource: "tokenreviews"}
	subjectAccessReviews = schema.GroupVersionResource{Group: "authorization.k8s.io", Version: "v1", Resource: "subjectaccessreviews"}
)

// authenticate tells who asks, by certificate or by token.
func (s *Server) authenticate(r *http.Request) (*caller, error) {
	if r.TLS != nil && s.ClientCAs != nil && len(r.TLS.VerifiedChains) > 0 {
		subject := r.TLS.VerifiedChains[0][0].Subject
		return &caller{name: subject.CommonName, groups: append(slices.Clone(subject.Organization), "system:authenticated"), certified: true}, nil
	}
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || token == "" {
		return nil, nil
	}
	answer, err := s.API.Do(r.Context(), client.Request{Verb: "create", Resource: tokenReviews,
		Body: &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token}}})
	if err != nil {
		return nil, fmt.Errorf("review token: %w", err)
	}
	review, ok := answer.(*authenticationv1.TokenReview)
	if !ok || !review.Status.Authenticated {
		return nil, nil
	}
	u := review.Status.User
	c := &caller{name: u.Username, uid: u.UID, groups: u.Groups, extra: map[string]authorizationv1.ExtraValue{}}
	for k, v := range u.Extra {
		c.extra[k] = authorizationv1.ExtraValue(v)
	}
	return c, nil
}

// authorized answers the request itself unless its caller may do it.
func (s *Server) authorized(w http.ResponseWriter, r *http.Request, subresource string) bool {
	c, err := s.authenticate(r)
	if err != nil {
		s.log.Warn("authenticate", "err", err)
		http.Error(w, "Internal Server Error", http.StatusInternalServerError)
		return false
	}
	if c == nil {
		http.Error(w, "Unauthorized", http.StatusUnauthorized)
		return false
	}
	// The API server has authorized its own caller already.
	if c.certified && c.name == s.APIServer {
		return true
	}
	verb := verbs[r.Method]
	if subresource == executes {
		verb, subresource = "create", "proxy"
	}
	for _, sub := range slices.Compact([]string{subresource, "proxy"}) {
		ok, err := s.allowed(r.Context(), c, verb, sub)
		if err != nil {
			s.log.Warn("authorize", "err", err)
			http.Error(w, "Internal Server Error", http.StatusInternalServerError)
			return false
		}
		if ok {
			return true
		}
	}
	http.Error(w, fmt.Sprintf("Forbidden (user=%s, verb=%s, resource=nodes, subresource(s)=[%s])", c.name, verb, subresource), http.StatusForbidden)
	return false
}

var verbs = map[string]string{http.MethodGet: "get", http.MethodHead: "get", http.MethodPost: "create",
	http.MethodPut: "update", http.MethodPatch: "patch", http.MethodDelete: "delete"}

func (s *Server) allowed(ctx context.Context, c *caller, verb, subresource string) (bool, error) {
	if verb == "" {
		return false, nil
	}
	answer, err := s.API.Do(ctx, client.Request{Verb: "create", Resource: subjectAccessReviews,
		Body: &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User: c.name, UID: c.uid, Groups: c.groups, Extra: c.extra,
			ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: verb, Version: "v1", Resource: "nodes", Subresource: subresource, Name: s.NodeName},
		}}})
	if err != nil {
		return false, fmt.Errorf("review access: %w", err)
	}
	review, ok := answer.(*authorizationv1.SubjectAccessReview)
	return ok && review.Status.Allowed && !review.Status.Denied, nil
}
