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

// runControllers runs controllers and scheduler, while this server is elected if
// there is an election.
func (s *Server) runControllers(ctx context.Context) error {
	if s.cfg.API.Elects() {
		return s.runElected(ctx)
	}
	// They share one view of the objects.
	informers := client.NewInformers(s.managerClient())
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.runManager(ctx, informers, unfenced) })
	group.Go(func() error { return s.runScheduler(ctx, informers, unfenced) })
	return group.Wait()
}

// fencing is what is put around the clients of what is elected.
type fencing func(client.Interface) client.Interface

func unfenced(api client.Interface) client.Interface { return api }

// runManager runs the controllers on views of the server's own objects. Each
// writes as the service account that it has in Kubernetes, with no more rights
// than its role gives.
func (s *Server) runManager(ctx context.Context, informers *client.Informers, fenced fencing) error {
	o := &s.cfg.API.Controllers
	return controllers.Run(ctx, controllers.Config{
		API: fenced(s.managerClient()), Server: fenced(s.self), Informers: informers, RootCA: s.cfg.PKI.CertPEM, Signer: s.cfg.PKI,
		For:       func(account string) client.Interface { return fenced(s.controllerClient(account)) },
		Tokens:    s.security.issuer.IssueLegacy,
		Resources: s.allResources, ResourcesChanged: []<-chan struct{}{s.custom.Changed(), s.elsewhere.changed},
		Stored:   s.stored(),
		Serves:   s.served,
		EventTTL: s.cfg.API.KeepEvents(),
		Choice:   o.Choice, TerminatedPods: o.TerminatedPods, Nodes: o.Nodes(), CertificateLife: o.CertificateLife,
		NodeRanges: []nodeipam.Range{{CIDR: s.cfg.PodNet, NodeBits: s.cfg.NodeBits}},
	})
}

func (s *Server) runScheduler(ctx context.Context, informers *client.Informers, fenced fencing) error {
	sched := scheduler.New(fenced(s.schedulerClient()), informers, scheduler.Options{})
	informers.Start(ctx)
	return sched.Run(ctx)
}

// managerClient and schedulerClient are the API as those components see it.
func (s *Server) managerClient() client.Interface {
	return s.Client("system:kube-controller-manager", authn.Authenticated)
}

func (s *Server) schedulerClient() client.Interface {
	return s.Client("system:kube-scheduler", authn.Authenticated)
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
