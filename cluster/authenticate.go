package cluster

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"k8s.io/client-go/util/keyutil"

	"minke/apiserver/authn"
	"minke/apiserver/webhook"
	"minke/cluster/options"
	"minke/cluster/pki"
)

// authenticate makes the authenticator that the options ask for.
func (s *security) authenticate(ca *pki.Authority, in *objects) error {
	o := &s.options.Authentication
	if err := o.Check(); err != nil {
		return err
	}
	if err := s.makeIssuer(ca); err != nil {
		return err
	}
	if s.audiences = o.APIAudiences; len(s.audiences) == 0 {
		s.audiences = o.ServiceAccounts.IssuerNames()
	}
	a := &authn.Authenticator{Audiences: s.audiences, Authorize: s.authorize}
	roots := ca.Pool()
	if err := addCertificates(roots, o.ClientCA, "client-ca-file"); err != nil {
		return err
	}
	a.Certificates = authn.NewCertificates(roots, nil)
	var err error
	if a.Proxy, err = frontProxy(&o.RequestHeader); err != nil {
		return err
	}
	if s.structured, err = newStructured(s); err != nil {
		return err
	}
	a.Anonymous = s.structured.anonymous
	a.Tokens, err = s.tokens(in)
	s.authenticator = a
	return err
}

// tokens are the sorts of tokens, in the order in which they are tried: what is
// known here first, who must be asked last.
func (s *security) tokens(in *objects) (out []authn.Token, err error) {
	o := &s.options.Authentication
	own := func(t authn.Token) authn.Token { return authn.ForServer{Token: t, Audiences: s.audiences} }
	if o.Tokens != "" {
		file, err := os.Open(string(o.Tokens))
		if err != nil {
			return nil, fmt.Errorf("--token-auth-file: %w", err)
		}
		defer file.Close()
		static, err := authn.ReadTokens(file)
		if err != nil {
			return nil, fmt.Errorf("--token-auth-file: %w", err)
		}
		out = append(out, own(static))
	}
	out = append(out,
		&authn.ServiceAccounts{Issuer: s.issuer, Reader: held{in}, Audiences: s.audiences, Used: s.noteUsed},
		own(&authn.BootstrapTokens{Reader: held{in}}),
		own(s.structured))
	if w := o.Webhook; w.Kubeconfig != "" {
		at, err := webhook.Kubeconfig(string(w.Kubeconfig))
		if err != nil {
			return nil, fmt.Errorf("--authentication-token-webhook-config-file: %w", err)
		}
		hook, err := authn.NewWebhook(authn.WebhookConfig{
			Client: s.calls, Endpoint: at, Version: w.ReviewVersion(), Life: w.Life(), Audiences: s.audiences,
		})
		if err != nil {
			return nil, fmt.Errorf("--authentication-token-webhook-version: %w", err)
		}
		out = append(out, hook)
	}
	return out, nil
}

// makeIssuer makes the issuer of service account tokens. By default its key is
// the cluster's own.
func (s *security) makeIssuer(ca *pki.Authority) error {
	o := &s.options.Authentication.ServiceAccounts
	var signer crypto.Signer
	var err error
	if o.SigningKey != "" {
		key, readErr := keyutil.PrivateKeyFromFile(string(o.SigningKey))
		if readErr != nil {
			return fmt.Errorf("--service-account-signing-key-file: %w", readErr)
		}
		var ok bool
		if signer, ok = key.(crypto.Signer); !ok {
			return fmt.Errorf("--service-account-signing-key-file: a %T does not sign", key)
		}
	} else if signer, err = ca.ServiceAccountKey(); err != nil {
		return err
	}
	var others []crypto.PublicKey
	for _, file := range o.KeyFiles {
		keys, err := keyutil.PublicKeysFromFile(file)
		if err != nil {
			return fmt.Errorf("--service-account-key-file: %w", err)
		}
		for _, k := range keys {
			others = append(others, k)
		}
	}
	s.issuer, err = authn.NewIssuer(o.IssuerNames(), signer, others...)
	return err
}

// frontProxy is the front proxy that is trusted, or nil.
func frontProxy(o *options.RequestHeader) (*authn.FrontProxy, error) {
	if o.CA == "" {
		return nil, nil
	}
	roots := x509.NewCertPool()
	if err := addCertificates(roots, o.CA, "requestheader-client-ca-file"); err != nil {
		return nil, err
	}
	return &authn.FrontProxy{
		Certificates: authn.NewCertificates(roots, nil), AllowedNames: o.AllowedNames, Headers: o.Headers,
	}, nil
}

// addCertificates adds those in file, if there is one.
func addCertificates(to *x509.CertPool, file options.File, flag string) error {
	if file == "" {
		return nil
	}
	pem, err := os.ReadFile(string(file))
	if err == nil && !to.AppendCertsFromPEM(pem) {
		err = errors.New("no certificate in " + string(file))
	}
	if err != nil {
		return fmt.Errorf("--%s: %w", flag, err)
	}
	return nil
}
