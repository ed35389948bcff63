package cluster

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api"
	"minke/api/catalog"
	"minke/api/inprocess"
	"minke/apiserver"
	"minke/apiserver/admission"
	"minke/apiserver/admission/webhooks"
	"minke/apiserver/backend"
	"minke/apiserver/customresource"
	"minke/apiserver/discovery"
	"minke/apiserver/openapi"
	"minke/apiserver/request"
	"minke/apiserver/subresource"
	"minke/apiserver/webhook"
	"minke/client/leaderelection"
	"minke/client/reconcile"
	"minke/cluster/pki"
)

// objects is the API server as its own helpers (token checks, roles, actions,
// admission) see it. They are made before it and need it, so the server is
// put in afterwards, before the first request.
type objects struct{ *apiserver.Server }

// assemble makes the API server and what it asks.
func (s *Server) assemble(ctx context.Context) error {
	address := net.JoinHostPort(s.cfg.Address.String(), strconv.Itoa(s.cfg.Port))
	stored := &objects{}
	var err error
	s.calls = &webhook.Client{
		Services: webhook.Services{Reader: held{stored}},
		Dial:     webhook.Dialer(s.egress.ControlPlane()), DialService: webhook.Dialer(s.egress.Cluster()),
	}
	if s.security, err = newSecurity(s.name, &s.cfg.API, s.cfg.PKI, stored, s.calls, s.egress); err != nil {
		return err
	}
	s.webhooks = webhooks.New(webhooks.Config{Source: held{stored}, Client: s.calls, Authorizer: s.security.authorizer})
	chain, allocator, err := s.newAdmission(stored)
	if err != nil {
		return err
	}
	s.chain, s.allocator = chain, allocator
	acts := discovery.Actions()
	documents := discovery.New(address, s.resources, acts)
	published := openapi.Set{Resources: s.resources, Actions: acts, CBOR: s.cbor(), Logs: s.cfg.API.Aggregation.Logs}
	schemas := openapi.New(KubernetesVersion, published)
	if s.audit, err = s.cfg.API.Audit.Auditor(s.calls, s.log); err != nil {
		return err
	}
	s.flow = s.cfg.API.Fairness.Controller(s.cfg.API.Reads, s.cfg.API.Writes)
	paths, err := s.paths()
	if err != nil {
		return err
	}
	s.api, err = apiserver.New(apiserver.Config{
		Context: ctx, Log: s.log,
		Store: s.store, Resources: s.resources, KindName: catalog.KindName, Live: s.live(), Ready: s.ready(),
		Encrypt:      s.encrypt(),
		Authenticate: s.authenticate,
		Authorize:    s.authorize,
		Admission:    chain,
		Discovery:    documents,
		Paths:        paths,
		OpenAPI:      schemas,
		CBOR:         s.cbor(),
		Limits:       s.cfg.API.Limits(),
		Flow:         s.flow,
		Audit:        s.audit,
		Detector:     s.cfg.detector,
		Tracer:       s.tracer,
		StoreName:    s.cfg.API.Datastore.EngineName(),
		Computed:     map[string]func(context.Context) []api.Object{"componentstatuses": s.components},
		Elsewhere: func(ctx context.Context, gv schema.GroupVersion) http.Handler {
			return s.aggregator.Route(ctx, gv)
		},
	})
	if err != nil {
		return err
	}
	stored.Server = s.api
	s.register(chain)
	actions, err := s.actions()
	if err != nil {
		return err
	}
	s.api.Handle(actions)
	s.aggregator = s.newAggregator(documents, schemas)
	schemas.SetOthers(s.aggregator)
	s.custom = customresource.New(customresource.Config{
		Server: s.api, BuiltIn: s.resources, Calls: s.calls,
		Publish: func(custom []*api.Resource, of map[schema.GroupVersionKind]openapi.Schema) {
			all := slices.Concat(s.resources, custom)
			documents.Set(all, acts)
			published.Resources, published.Custom = all, of
			schemas.Set(published)
			s.aggregator.SetCustom(api.GroupVersions(custom))
		},
	})
	s.api.Registry().MustRegister(s.custom.Collectors()...)
	return nil
}

// register adds the metrics of the server's parts.
func (s *Server) register(chain admission.Chain) {
	registry := s.api.Registry()
	registry.MustRegister(s.webhooks.Collectors()...)
	registry.MustRegister(collectors(chain)...)
	registry.MustRegister(reconcile.Collectors()...)
	registry.MustRegister(s.requests, s.security.authnReloads, s.security.authzReloads)
	if s.encryption != nil {
		registry.MustRegister(s.encryption.Collectors()...)
	}
	registry.MustRegister(s.egress.Collectors()...)
	if s.tracer != nil {
		registry.MustRegister(s.tracer)
	}
	if s.cfg.API.Elects() {
		registry.MustRegister(leaderelection.Collectors()...)
	}
}

func (s *Server) authenticate(r *http.Request) (*inprocess.User, error) {
	return s.security.authenticator.Authenticate(r)
}

func (s *Server) authorize(ctx context.Context, user *inprocess.User, info *request.Info) error {
	return s.security.authorize(ctx, user, info)
}

// actions are the subresources and reviews that act.
func (s *Server) actions() (map[string]http.Handler, error) {
	pair, err := s.cfg.PKI.ClientCert("kubelet-client", pki.Client{User: kubeletClient})
	if err != nil {
		return nil, fmt.Errorf("make the certificate for kubelets: %w", err)
	}
	cluster := backend.Network{Dial: s.egress.Cluster().To()}
	return subresource.New(subresource.Config{
		Codec: apiserver.ActionCodec{CBOR: s.cbor()}, Reader: s.api, Updater: s.api, Deleter: s.api,
		Authorizer: s.security.authorizer,
		Tokens:     s.security.authenticator, Issuer: s.security.issuer, Audiences: s.security.audiences,
		MaxTokenLife: s.cfg.API.Authentication.ServiceAccounts.MaxExpiration,
		ExtendTokens: !s.cfg.API.Authentication.ServiceAccounts.NoExtension,
		Kubelet: subresource.Kubelet{TLS: &tls.Config{
			MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair.TLS}, RootCAs: s.cfg.PKI.Pool(),
		}, Network: cluster},
		Network:   cluster,
		Admission: s.chain, Resource: s.resource,
		Log: s.log,
	}).Actions(), nil
}

func (s *Server) cbor() bool { return s.gates.Enabled("CBORServingAndStorage") }

// kubeletClient is the name by which kubelets know the API server.
const kubeletClient = "kube-apiserver-kubelet-client"

// resource finds a resource by its name.
func (s *Server) resource(name schema.GroupResource) *api.Resource {
	for _, r := range s.resources {
		if r.GroupResource() == name {
			return r
		}
	}
	return nil
}
