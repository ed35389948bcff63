package cluster

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api"
	"minke/apiserver/aggregate"
	"minke/apiserver/backend"
	"minke/apiserver/discovery"
	"minke/apiserver/openapi"
	"minke/client"
	"minke/cluster/options"
	"minke/cluster/pki"
)

// newAggregator makes what lets other API servers serve behind this one.
func (s *Server) newAggregator(documents *discovery.Server, schemas *openapi.Server) *aggregate.Manager {
	return aggregate.New(aggregate.Config{
		Server: s.api, Local: api.GroupVersions(s.resources), Identity: s.frontProxyClient,
		Network:   backend.Network{Dial: s.egress.Cluster().To()},
		Endpoints: s.cfg.API.Aggregation.Endpoints,
		Publish: func(remote []discovery.Remote) {
			documents.SetRemote(remote)
			s.elsewhere.set(remote)
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

// beginAggregation writes objects that nobody needs before the server is ready.
func (s *Server) beginAggregation(ctx context.Context) error {
	config, err := s.authenticationConfig()
	if err != nil {
		return err
	}
	for _, obj := range []api.Object{config, s.serviceCIDR(), tokenTracking(time.Now())} {
		// Somebody's webhook may refuse it, which is no reason to end.
		if err := s.ensure(ctx, obj); err != nil && ctx.Err() == nil {
			s.log.Error("an object that the cluster begins with cannot be written", "kind", fmt.Sprintf("%T", obj), "name", obj.GetName(), "error", err)
		}
	}
	if err := s.markServiceCIDR(ctx); err != nil && ctx.Err() == nil {
		s.log.Error("the default ServiceCIDR cannot be marked ready", "error", err)
	}
	return nil
}

// markServiceCIDR says of the default ServiceCIDR that it is ready, as kube-apiserver
// does, if nothing is said of it yet.
func (s *Server) markServiceCIDR(ctx context.Context) error {
	request := client.Request{Verb: "get", Resource: networkingv1.SchemeGroupVersion.WithResource("servicecidrs"), Name: defaultServiceCIDR}
	stored, err := s.self.Do(ctx, request)
	if err != nil {
		return err
	}
	found, ok := stored.(*networkingv1.ServiceCIDR)
	if !ok || found.DeletionTimestamp != nil || len(found.Status.Conditions) > 0 {
		return nil
	}
	marked := found.DeepCopy()
	marked.Status.Conditions = []metav1.Condition{{Type: networkingv1.ServiceCIDRConditionReady, Status: metav1.ConditionTrue,
		Message: "Kubernetes default Service CIDR is ready", LastTransitionTime: metav1.Now()}}
	request.Verb, request.Subresource, request.Body = "update", "status", marked
	if _, err = s.self.Do(ctx, request); apierrors.IsConflict(err) {
		return nil // another server or the controller was faster
	}
	return err
}

// defaultServiceCIDR is the name of the range that the server's flags give.
const defaultServiceCIDR = "kubernetes"

// serviceCIDR is the range that the server's flags give to Services.
func (s *Server) serviceCIDR() api.Object {
	return &networkingv1.ServiceCIDR{
		ObjectMeta: metav1.ObjectMeta{Name: defaultServiceCIDR},
		Spec:       networkingv1.ServiceCIDRSpec{CIDRs: []string{s.cfg.ServiceNet.Masked().String()}},
	}
}

// bundle joins the certificates of an authority of the cluster with those in a
// file, if there is one.
func bundle(own []byte, file options.File) (string, error) {
	if file == "" {
		return string(own), nil
	}
	more, err := os.ReadFile(string(file))
	return string(own) + string(more), err
}

// allowedNames are those of the front proxies that may say who asks: this server,
// and the ones that it believes itself; empty for any.
func allowedNames(o *options.RequestHeader) []string {
	if o.CA != "" && len(o.AllowedNames) == 0 {
		return []string{}
	}
	return append([]string{pki.FrontProxyClient}, o.AllowedNames...)
}

// authenticationConfig tells API servers behind this one whom to believe: the
// ConfigMap kube-system/extension-apiserver-authentication.
func (s *Server) authenticationConfig() (api.Object, error) {
	ca, err := s.cfg.PKI.FrontProxy()
	if err != nil {
		return nil, err
	}
	o := &s.cfg.API.Authentication
	clients, err1 := bundle(s.cfg.PKI.CertPEM, o.ClientCA)
	proxies, err2 := bundle(ca.CertPEM, o.RequestHeader.CA)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	data := map[string]string{"client-ca-file": clients, "requestheader-client-ca-file": proxies}
	for key, values := range map[string][]string{
		"requestheader-allowed-names":        allowedNames(&o.RequestHeader),
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
