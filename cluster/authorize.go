package cluster

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/apiserver/pkg/apis/apiserver"

	"minke/apiserver/authz"
	"minke/apiserver/configreload"
	"minke/apiserver/webhook"
	"minke/cluster/filewatch"
	"minke/cluster/options"
)

// authorizers makes what a configuration lists, behind what no configuration
// can take away: the way in of the cluster's masters.
func (s *security) authorizers(config *apiserver.AuthorizationConfiguration) (authz.Union, error) {
	out := authz.Union{authz.Superusers{}}
	for _, one := range config.Authorizers {
		add := func(a authz.Authorizer) { out = append(out, authz.Named{Name: one.Name, Authorizer: a}) }
		switch one.Type {
		case "AlwaysAllow":
			add(authz.Everybody{})
		case "AlwaysDeny":
			add(authz.Nobody{})
		case "Node":
			add(s.node)
		case "ABAC":
			if s.abac == nil {
				return nil, errors.New("authorizer type ABAC is not allowed if it was not enabled at initial server startup")
			}
			add(s.abac)
		case "RBAC":
			add(s.rbac)
		case apiserver.TypeWebhook:
			w, err := s.webhookAuthorizer(one)
			if err != nil {
				return nil, fmt.Errorf("make authorizer %s: %w", one.Name, err)
			}
			add(w)
		}
	}
	return out, nil
}

func (s *security) webhookAuthorizer(one apiserver.AuthorizerConfiguration) (authz.Authorizer, error) {
	info := one.Webhook.ConnectionInfo
	if info.Type != apiserver.AuthorizationWebhookConnectionInfoTypeKubeConfigFile {
		return nil, fmt.Errorf("connectionInfo.type %s would ask this server itself", info.Type)
	}
	at, err := webhook.Kubeconfig(*info.KubeConfigFile)
	if err != nil {
		return nil, err
	}
	return authz.NewWebhook(one.Name, *one.Webhook, s.calls, at, nil)
}

// followAuthorization takes up a changed --authorization-config. One that is not
// valid changes nothing.
func (s *security) followAuthorization(ctx context.Context) error {
	file := string(s.options.Authorization.Config)
	if file == "" {
		<-ctx.Done()
		return ctx.Err()
	}
	return filewatch.Follow(ctx, file, s.authorizationContent, func(content []byte) {
		config, err := options.ReadAuthorization(content)
		if err == nil {
			var union authz.Union
			if union, err = s.authorizers(config); err == nil {
				s.authorizer.Set(union)
			}
		}
		s.reloaded(s.authzReloads, file, content, err)
	})
}

// reloaded counts and logs how a file was taken up.
func (s *security) reloaded(of *configreload.Metrics, file string, content []byte, err error) {
	of.Reloaded(configreload.Hash(content), err)
	if err != nil {
		s.log.Error("changed configuration is not valid, the one before stays", "file", file, "err", err)
		return
	}
	s.log.Info("changed configuration taken up", "file", file)
}
