package aggregate

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"

	"minke/apiserver/webhook"
)

// Run follows APIServices until ctx ends. routed is called each time that requests
// are led to where they say.
func (m *Manager) Run(ctx context.Context, routed func()) error {
	var attended attended
	defer attended.wait()
	first := true
	for ctx.Err() == nil {
		err := m.follow(ctx, &attended, &first, routed)
		if err != nil && ctx.Err() == nil && !apierrors.IsResourceExpired(err) {
			return fmt.Errorf("follow API services: %w", err)
		}
	}
	return nil
}

// follow brings everything in line now and after each change, until the watch
// ends.
func (m *Manager) follow(ctx context.Context, attended *attended, first *bool, routed func()) error {
	all, revision, err := m.list()
	if err != nil {
		return err
	}
	w, err := m.cfg.Server.WatchShared(ctx, APIServices, "", revision)
	if err != nil {
		return err
	}
	defer w.Stop()
	for {
		m.setRoutes(all)
		routed()
		m.reconcile(ctx, all, *first)
		*first = false
		m.attend(ctx, attended, all)
		m.publish()
		if !m.next(ctx, w) {
			return ctx.Err()
		}
		if all, _, err = m.list(); err != nil {
			return err
		}
	}
}

// next waits for a change and takes all that are there; it tells false when the
// watch has ended.
func (m *Manager) next(ctx context.Context, w watch.Interface) bool {
	select {
	case <-ctx.Done():
		return false
	case <-m.changed:
		return true
	case _, ok := <-w.ResultChan():
		if !ok {
			return false
		}
	}
	for {
		select {
		case _, ok := <-w.ResultChan():
			if !ok {
				return false
			}
		default:
			return true
		}
	}
}

// list returns all APIServices, which are shared, and their revision.
func (m *Manager) list() ([]*service, string, error) {
	objs, revision, err := m.cfg.Server.Snapshot(APIServices, "")
	if err != nil {
		return nil, "", fmt.Errorf("list API services: %w", err)
	}
	var all []*service
	for obj := range objs {
		all = append(all, obj.(*service))
	}
	return all, revision, nil
}

// setRoutes swaps the table of routes.
func (m *Manager) setRoutes(all []*service) {
	before := m.table.Load()
	t := &table{remote: map[schema.GroupVersion]*route{}}
	for _, s := range all {
		if s.Spec.Service == nil {
			continue
		}
		gv := versionOf(s)
		if before != nil && before.remote[gv] != nil && before.remote[gv].service == s {
			t.remote[gv] = before.remote[gv]
			continue
		}
		t.remote[gv] = m.newRoute(s)
	}
	m.table.Store(t)
	if before == nil {
		close(m.loaded)
	}
}

func versionOf(s *service) schema.GroupVersion {
	return schema.GroupVersion{Group: s.Spec.Group, Version: s.Spec.Version}
}

// endpoint is how the server behind an APIService is called.
func (m *Manager) endpoint(s *service) (*webhook.Endpoint, error) {
	identity, err := m.identity()
	if err != nil {
		return nil, err
	}
	to := s.Spec.Service
	return &webhook.Endpoint{
		Service:  &webhook.Service{Namespace: to.Namespace, Name: to.Name, Port: *to.Port},
		CABundle: s.Spec.CABundle, InsecureSkipVerify: s.Spec.InsecureSkipTLSVerify, Certificate: identity,
	}, nil
}
