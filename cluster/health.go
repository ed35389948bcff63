package cluster

import "context"

// checks are of health that go beyond the API server's own, by name.
type checks = map[string]func(context.Context) error

// live and ready return what /livez and /readyz tell of etcd, under the names
// that kube-apiserver uses.
func (s *Server) live() checks {
	if !s.cfg.API.Datastore.external() {
		return nil
	}
	return checks{"etcd": s.storeAnswers}
}

func (s *Server) ready() checks {
	if !s.cfg.API.Datastore.external() {
		return nil
	}
	return checks{"etcd-readiness": s.storeAnswers}
}

func (s *Server) storeAnswers(ctx context.Context) error {
	_, _, err := s.store.Get(ctx, storeRoot+"/health")
	return err
}
