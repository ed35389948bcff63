package cluster

import (
	"context"

	"minke/cluster/options"
)

// checks are of health that go beyond the API server's own, by name.
type checks = map[string]func(context.Context) error

// live and ready return what /livez and /readyz tell of etcd and of KMS
// plug-ins, under the names that kube-apiserver uses.
func (s *Server) live() checks {
	all := checks{}
	if s.cfg.API.Datastore.External() {
		all["etcd"] = s.storeAnswers
	}
	if s.encryption != nil {
		all["kms-providers"] = s.encryption.Healthy
	}
	return all
}

func (s *Server) ready() checks {
	if !s.cfg.API.Datastore.External() {
		return nil
	}
	return checks{"etcd-readiness": s.storeAnswers}
}

func (s *Server) storeAnswers(ctx context.Context) error {
	_, _, err := s.store.Get(ctx, options.StoreRoot+"/health")
	return err
}
