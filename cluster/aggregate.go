package cluster

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api"
	"minke/apiserver/aggregate"
	"minke/apiserver/discovery"
	"minke/apiserver/openapi"
	"minke/cluster/pki"
)

// newAggregator makes what lets other API servers serve behind this one.
func (s *Server) newAggregator(documents *discovery.Server, schemas *openapi.Server) *aggregate.Manager {
	return aggregate.New(aggregate.Config{
		Server: s.api, Local: api.GroupVersions(s.resources), Identity: s.frontProxyClient,
		Endpoints: s.cfg.API.Aggregation.Endpoints,
		Publish: func(remote []discovery.Remote) {
			documents.SetRemote(remote)
			schemas.Drop()
		},
	})
}

// frontProxyClient is the certificate by which API servers behind this one know
// it.
func (s *Server) frontProxyClient() (*tls.Certificate, error) {
	ca, err := s.cfg.PKI.FrontProxy()
	if err != nil {
		return nil, err
	}
	pair, err := ca.ClientCert(pki.FrontProxyClient, pki.Client{User: pki.FrontProxyClient})
	if err != nil {
		return nil, fmt.Errorf("make the certificate for API servers: %w", err)
	}
	return &pair.TLS, nil
}

// runAggregator runs once the server is ready: nothing that it does is needed
// for that. The same holds for the objects that it begins with.
func (s *Server) runAggregator(ctx context.Context) error {
	config, err := s.authenticationConfig()
	if err != nil {
		return err
	}
	for _, obj := range []api.Object{config, s.serviceCIDR()} {
		if err := s.ensure(ctx, obj); err != nil {
			return fmt.Errorf("create %T %s: %w", obj, obj.GetName(), err)
		}
	}
	return s.aggregator.Run(ctx)
}

// serviceCIDR is the range that the server's flags give to Services.
func (s *Server) serviceCIDR() api.Object {
	return &networkingv1.ServiceCIDR{
		ObjectMeta: metav1.ObjectMeta{Name: "kubernetes"},
		Spec:       networkingv1.ServiceCIDRSpec{CIDRs: []string{s.cfg.ServiceNet.Masked().String()}},
	}
}

// authenticationConfig tells API servers behind this one whom to believe: the
// ConfigMap kube-system/extension-apiserver-authentication.
func (s *Server) authenticationConfig() (api.Object, error) {
	ca, err := s.cfg.PKI.FrontProxy()
	if err != nil {
		return nil, err
	}
	data := map[string]string{
		"client-ca-file":               string(s.cfg.PKI.CertPEM),
		"requestheader-client-ca-file": string(ca.CertPEM),
	}
	for key, values := range map[string][]string{
		"requestheader-allowed-names":        {pki.FrontProxyClient},
		"requestheader-username-headers":     {"X-Remote-User"},
		"requestheader-uid-headers":          {"X-Remote-Uid"},
		"requestheader-group-headers":        {"X-Remote-Group"},
		"requestheader-extra-headers-prefix": {"X-Remote-Extra-"},
	} {
		text, err := json.Marshal(values)
		if err != nil {
			return nil, err
		}
		data[key] = string(text)
	}
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "extension-apiserver-authentication", Namespace: metav1.NamespaceSystem},
		Data:       data,
	}, nil
}
