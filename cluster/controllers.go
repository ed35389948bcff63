package cluster

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"minke/apiserver/authn"
	"minke/client"
	"minke/controllers"
	"minke/controllers/nodeipam"
	"minke/controllers/storageversionmigrator"
	"minke/scheduler"
)

// runControllers runs controllers and scheduler on shared views of the
// server's own objects. Each controller writes as the service account that it
// has in Kubernetes, with no more rights than its role gives.
func (s *Server) runControllers(ctx context.Context) error {
	manager := s.Client("system:kube-controller-manager", authn.Authenticated)
	informers := client.NewInformers(manager)
	sched := scheduler.New(s.Client("system:kube-scheduler", authn.Authenticated), informers, scheduler.Options{})
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return controllers.Run(ctx, controllers.Config{
			API: manager, For: s.controllerClient, Server: s.self, Informers: informers, RootCA: s.cfg.PKI.CertPEM, Signer: s.cfg.PKI,
			Tokens:    s.security.issuer.IssueLegacy,
			Resources: s.allResources, ResourcesChanged: []<-chan struct{}{s.custom.Changed(), s.elsewhere.changed},
			Stored:     s.stored(),
			NodeRanges: []nodeipam.Range{{CIDR: s.cfg.PodNet, NodeBits: s.cfg.NodeBits}},
		})
	})
	group.Go(func() error { return sched.Run(ctx) })
	informers.Start(ctx)
	return group.Wait()
}

// stored lists what is stored; it is nil when StorageVersionMigrations are not
// served.
func (s *Server) stored() func(context.Context) ([]client.APIResource, error) {
	migrations := s.resource(storageversionmigrator.Migrations.Resource.GroupResource())
	if migrations == nil || migrations.Unserved {
		return nil
	}
	return func(context.Context) ([]client.APIResource, error) {
		var all []client.APIResource
		for _, r := range slices.Concat(s.resources, s.custom.Resources()) {
			if r.Serves("patch") && r.Serves("list") {
				all = append(all, client.APIResource{Resource: r.GroupVersionResource(), Kind: r.Kind.Kind, Cluster: !r.Namespaced})
			}
		}
		return all, nil
	}
}

// controllerClient is the API as a controller's service account.
func (s *Server) controllerClient(account string) client.Interface {
	const namespace = "kube-system"
	return s.Client("system:serviceaccount:"+namespace+":"+account,
		"system:serviceaccounts", "system:serviceaccounts:"+namespace, authn.Authenticated)
}
