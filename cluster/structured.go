package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync/atomic"

	"k8s.io/apiserver/pkg/apis/apiserver"

	"minke/apiserver/authn"
	"minke/apiserver/authn/oidc"
	"minke/apiserver/configreload"
	"minke/cluster/configfile"
	"minke/cluster/filewatch"
)

// structured is what an AuthenticationConfiguration, or the --oidc-* flags, say:
// other issuers' tokens, and for which paths nobody need be known.
type structured struct {
	of      *security
	file    string
	content []byte
	now     atomic.Pointer[rules]
}

// rules are one state of a configuration. Without issuers none is nil.
type rules struct {
	issuers   *oidc.Issuers
	anonymous *apiserver.AnonymousAuthConfig
}

var _ authn.Token = (*structured)(nil)

func newStructured(of *security) (*structured, error) {
	o := &of.options.Authentication
	s := &structured{of: of, file: string(o.Config)}
	s.now.Store(&rules{})
	switch {
	case s.file != "":
		content, err := os.ReadFile(s.file)
		if err == nil {
			s.content = content
			err = s.take(content)
			s.of.authnReloads.InUse(configreload.Hash(content))
		}
		if err != nil {
			return nil, fmt.Errorf("--authentication-config: %w", err)
		}
	case !o.OIDC.IsZero():
		config, err := o.OIDC.Configuration()
		if err != nil {
			return nil, err
		}
		algorithms := o.OIDC.SigningAlgs
		if len(algorithms) == 0 {
			algorithms = []string{"RS256"}
		}
		if err := s.set(config, algorithms); err != nil {
			return nil, fmt.Errorf("oidc flags: %w", err)
		}
	}
	return s, nil
}

// take makes content's configuration the one that holds, if it is valid.
func (s *structured) take(content []byte) error {
	config, err := configfile.Authentication(content)
	if err != nil {
		return err
	}
	if config.Anonymous != nil && s.of.options.Authentication.Anonymous != "" {
		return errors.New("--anonymous-auth flag cannot be set when anonymous field is configured in authentication configuration file")
	}
	return s.set(config, nil)
}

func (s *structured) set(config *apiserver.AuthenticationConfiguration, algorithms []string) error {
	issuers, err := oidc.New(config, oidc.Options{
		Algorithms: algorithms, Reserved: s.of.options.Authentication.ServiceAccounts.IssuerNames(),
		Egress: s.of.egress,
	})
	if err != nil {
		return err
	}
	s.now.Store(&rules{issuers: issuers, anonymous: config.Anonymous})
	return nil
}

// AuthenticateToken implements authn.Token.
func (s *structured) AuthenticateToken(ctx context.Context, token string, audiences []string) (*authn.Identity, error) {
	r := s.now.Load()
	if r.issuers == nil {
		return nil, nil
	}
	return r.issuers.AuthenticateToken(ctx, token, audiences)
}

// anonymous tells whether nobody need be known for path.
func (s *structured) anonymous(path string) bool {
	config := s.now.Load().anonymous
	if config == nil {
		return s.of.options.Authentication.Anonymous != "false"
	}
	if !config.Enabled || len(config.Conditions) == 0 {
		return config.Enabled
	}
	return slices.ContainsFunc(config.Conditions, func(c apiserver.AnonymousAuthCondition) bool { return c.Path == path })
}

func (s *structured) changed(content []byte) {
	s.of.reloaded(s.of.authnReloads, s.file, content, s.take(content))
}

// follow takes up changes of the file. One that is not valid changes nothing.
func (s *structured) follow(ctx context.Context) error {
	if s.file == "" {
		<-ctx.Done()
		return ctx.Err()
	}
	return filewatch.Follow(ctx, s.file, s.content, s.changed)
}
