package cluster

import (
	"context"
	"errors"
	"sync"

	"minke/cluster/options"
)

// checks are of health that go beyond the API server's own, by name.
type checks = map[string]func(context.Context) error

// stage is a point of the start that is reached once.
type stage struct {
	once    sync.Once
	reached chan struct{}
}

func newStage() *stage { return &stage{reached: make(chan struct{})} }

func (s *stage) reach() { s.once.Do(func() { close(s.reached) }) }

var errNotYet = errors.New("not yet")

func (s *stage) check(context.Context) error {
	select {
	case <-s.reached:
		return nil
	default:
		return errNotYet
	}
}

// Kube-apiserver names in its health what runs after it has begun to serve. Tools
// look for some of these names, so each stands for the point at which the same has
// happened here. What stands in beforeServing has before anybody is answered.
var (
	beforeServing = []string{
		"start-apiserver-admission-initializer", "generic-apiserver-start-informers",
		"start-apiextensions-informers", "start-apiextensions-controllers", "crd-informer-synced",
		"storage-object-count-tracker-hook", "storage-readiness",
	}
	byBootstrap = []string{
		"start-system-namespaces-controller", "bootstrap-controller", "rbac/bootstrap-roles",
		"scheduling/bootstrap-system-priority-classes", "start-service-ip-repair-controllers",
	}
	byAggregation = []string{
		"start-cluster-authentication-info-controller", "start-kube-aggregator-informers",
		"apiservice-registration-controller", "apiservice-status-local-available-controller",
		"apiservice-status-remote-available-controller", "apiservice-discovery-controller",
		"kube-apiserver-autoregistration", "apiservice-openapi-controller", "apiservice-openapiv3-controller",
	}
)

// stages are the checks of the start.
func (s *Server) stages() checks {
	all := checks{"autoregister-completion": s.routed.check}
	add := func(names []string, check func(context.Context) error) {
		for _, name := range names {
			all["poststarthook/"+name] = check
		}
	}
	add(beforeServing, func(context.Context) error { return nil })
	add(byBootstrap, s.bootstrapped.check)
	add(byAggregation, s.routed.check)
	return all
}

// live and ready return what /livez and /readyz tell of the start, of etcd and of
// KMS plug-ins, under the names that kube-apiserver uses.
func (s *Server) live() checks {
	all := s.stages()
	if s.cfg.API.Datastore.External() {
		all["etcd"] = s.storeAnswers
	}
	if s.encryption != nil {
		all["kms-providers"] = s.encryption.Healthy
	}
	return all
}

func (s *Server) ready() checks {
	all := checks{"informer-sync": s.bootstrapped.check}
	if s.cfg.API.Datastore.External() {
		all["etcd-readiness"] = s.storeAnswers
	}
	return all
}

func (s *Server) storeAnswers(ctx context.Context) error {
	_, _, err := s.store.Get(ctx, options.StoreRoot+"/health")
	return err
}
