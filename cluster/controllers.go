package cluster

import (
	"context"

	"golang.org/x/sync/errgroup"

	"minke/apiserver/authz"
	"minke/client"
	"minke/scheduler"
)

// runControllers runs controllers and scheduler, each as the user that it is
// in Kubernetes, on shared views of the server's own objects.
func (s *Server) runControllers(ctx context.Context) error {
	informers := client.NewInformers(s.Client("system:kube-controller-manager", authz.Masters))
	group, ctx := errgroup.WithContext(ctx)
	sched := scheduler.New(s.Client("system:kube-scheduler", authz.Masters), informers, scheduler.Options{})
	group.Go(func() error { return sched.Run(ctx) })
	informers.Start(ctx)
	return group.Wait()
}
