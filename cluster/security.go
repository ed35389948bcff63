package cluster

import (
	"context"
	"crypto"
	"fmt"

	"minke/api/inprocess"
	"minke/apiserver/authn"
	"minke/apiserver/authz"
	"minke/apiserver/request"
	"minke/cluster/pki"
)

// issuerURL is the iss of service account tokens, as kubeadm sets it.
const issuerURL = "https://kubernetes.default.svc.cluster.local"

// security decides who asks and what he may do.
type security struct {
	rbac          *authz.RBAC
	authorizer    authz.Authorizer
	authenticator *authn.Authenticator
	issuer        *authn.Issuer
	accounts      *authn.ServiceAccounts
}

func newSecurity(ca *pki.Authority, in *objects) (*security, error) {
	key, err := ca.ServiceAccountKey()
	if err != nil {
		return nil, err
	}
	issuer, err := authn.NewIssuer(issuerURL, []crypto.Signer{key}...)
	if err != nil {
		return nil, fmt.Errorf("make token issuer: %w", err)
	}
	audiences := []string{issuerURL}
	s := &security{rbac: authz.NewRBAC(in), issuer: issuer}
	s.accounts = &authn.ServiceAccounts{Issuer: issuer, Reader: in, Audiences: audiences}
	s.authorizer = authz.Union{authz.Node{Reader: in}, s.rbac}
	s.authenticator = &authn.Authenticator{
		Certificates: authn.NewCertificates(ca.Pool(), nil),
		Tokens:       []authn.Token{s.accounts, &authn.BootstrapTokens{Reader: in}},
		Audiences:    audiences,
		Anonymous:    true,
		Authorize:    s.authorize,
	}
	return s, nil
}

func (s *security) authorize(ctx context.Context, user *inprocess.User, info *request.Info) error {
	return authz.Authorize(ctx, s.authorizer, user, info)
}

// run follows roles and bindings until ctx ends.
func (s *security) run(ctx context.Context) error { return s.rbac.Run(ctx) }
