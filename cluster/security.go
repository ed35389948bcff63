package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"golang.org/x/sync/errgroup"
	"k8s.io/apiserver/pkg/apis/apiserver"

	"minke/api/inprocess"
	"minke/apiserver/authn"
	"minke/apiserver/authz"
	"minke/apiserver/configreload"
	"minke/apiserver/egress"
	"minke/apiserver/request"
	"minke/apiserver/webhook"
	"minke/client"
	"minke/cluster/options"
	"minke/cluster/pki"
)

// security decides who asks and what he may do.
type security struct {
	options *options.API
	log     *slog.Logger
	calls   *webhook.Client
	egress  *egress.Selector

	rbac *authz.RBAC
	node authz.Node
	// abac is nil unless it was configured when the server started.
	abac       authz.ABAC
	authorizer *authz.Changing
	// authorizationContent is that of the file that the authorizer came from.
	authorizationContent []byte

	// authnReloads and authzReloads count how the configuration files are taken up.
	authnReloads, authzReloads *configreload.Metrics

	authenticator *authn.Authenticator
	structured    *structured
	issuer        *authn.Issuer
	// audiences are what tokens for this server are meant for.
	audiences []string
	// self is the API as the server sees it; nil until it can serve.
	self client.Interface
}

func newSecurity(name string, o *options.API, ca *pki.Authority, in *objects, calls *webhook.Client, ways *egress.Selector) (*security, error) {
	s := &security{
		options: o, log: slog.Default().With("part", "security"), calls: calls, egress: ways,
		rbac: authz.NewRBAC(held{in}), node: authz.Node{Reader: held{in}}, authorizer: &authz.Changing{},
		authnReloads: configreload.New("authentication", name), authzReloads: configreload.New("authorization", name),
	}
	config, content, err := o.Authorization.Configuration()
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(config.Authorizers, func(one apiserver.AuthorizerConfiguration) bool { return one.Type == "ABAC" }) {
		if s.abac, err = o.Authorization.Policies(); err != nil {
			return nil, err
		}
	}
	union, err := s.authorizers(config)
	if err != nil {
		return nil, err
	}
	s.authorizer.Set(union)
	s.authorizationContent = content
	if o.Authorization.Config != "" {
		s.authzReloads.InUse(configreload.Hash(content))
	}
	if err := s.authenticate(ca, in); err != nil {
		return nil, fmt.Errorf("set up authentication: %w", err)
	}
	return s, nil
}

func (s *security) authorize(ctx context.Context, user *inprocess.User, info *request.Info) error {
	return authz.Authorize(ctx, s.authorizer, user, info)
}

// run follows roles, bindings and configuration files until ctx ends.
func (s *security) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.rbac.Run(ctx) })
	group.Go(func() error { return s.followAuthorization(ctx) })
	group.Go(func() error { return s.structured.follow(ctx) })
	return group.Wait()
}
