package aggregate

import (
	"context"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"minke/api"
	"minke/api/apiregistration"
	"minke/api/inprocess"
	"minke/apiserver/request"
)

// automanaged labels the APIServices that this server keeps: those of its
// built-in group versions, which it looks after at start only, and those of
// custom ones.
const (
	automanaged = "kube-aggregator.kubernetes.io/automanaged"
	onStart     = "onstart"
	always      = "true"
)

// changes is what is to be done to the APIServices.
type changes struct {
	create, update []*service
	remove         []*service
}

// plan compares the APIServices that there are with the group versions that are
// served here. Those that somebody else made are left alone. Built-in ones are
// looked after only when the server starts.
func plan(have []*service, builtIn, custom map[schema.GroupVersion]bool, starting bool) changes {
	var c changes
	found := map[schema.GroupVersion]bool{}
	for _, s := range have {
		gv := versionOf(s)
		found[gv] = true
		label := s.Labels[automanaged]
		wanted := wantedFor(gv, builtIn, custom)
		switch {
		case label == onStart && !starting, label != onStart && label != always:
		case wanted == nil:
			c.remove = append(c.remove, s)
		case wanted.Labels[automanaged] != label || !sameSpec(wanted, s):
			c.update = append(c.update, wanted)
		}
	}
	if starting {
		for gv := range builtIn {
			if wanted := wantedFor(gv, builtIn, custom); wanted != nil && !found[gv] {
				c.create = append(c.create, wanted)
			}
		}
	}
	for gv := range custom {
		if !found[gv] && !builtIn[gv] {
			c.create = append(c.create, wantedFor(gv, builtIn, custom))
		}
	}
	return c
}

func sameSpec(a, b *service) bool {
	return b.Spec.Service == nil && a.Spec.GroupPriorityMinimum == b.Spec.GroupPriorityMinimum && a.Spec.VersionPriority == b.Spec.VersionPriority
}

// wantedFor returns the APIService of a group version that is served here, or
// nil. The group by which APIServices are registered has none.
func wantedFor(gv schema.GroupVersion, builtIn, custom map[schema.GroupVersion]bool) *service {
	if gv.Group == apiregistrationv1.GroupName || !builtIn[gv] && !custom[gv] {
		return nil
	}
	label, priority := onStart, apiregistration.PriorityOf(gv)
	if !builtIn[gv] {
		label, priority = always, apiregistration.CustomPriority
	}
	return &service{
		ObjectMeta: metav1.ObjectMeta{Name: gv.Version + "." + gv.Group, Labels: map[string]string{automanaged: label}},
		Spec: apiregistrationv1.APIServiceSpec{
			Group: gv.Group, Version: gv.Version,
			GroupPriorityMinimum: priority.Group, VersionPriority: priority.Version,
		},
	}
}

// reconcile keeps the APIServices of what is served here.
func (m *Manager) reconcile(ctx context.Context, all []*service, starting bool) {
	m.mu.Lock()
	c := plan(all, m.local, m.custom, starting)
	m.mu.Unlock()
	ctx = request.WithUser(ctx, &inprocess.User{Name: "system:apiserver", Groups: []string{"system:masters"}})
	// All at a time: the store commits them together.
	var writing sync.WaitGroup
	do := func(what string, s *service, act func() error) {
		writing.Go(func() {
			if err := act(); err != nil && ctx.Err() == nil {
				m.log.Warn("API service cannot be kept in line", "what", what, "name", s.Name, "error", err)
			}
		})
	}
	for _, s := range c.create {
		do("create", s, func() error {
			_, err := m.cfg.Server.Create(ctx, APIServices, s)
			if apierrors.IsAlreadyExists(err) {
				return nil // its event brings us back
			}
			return err
		})
	}
	for _, s := range c.update {
		do("update", s, func() error { return m.restore(ctx, s) })
	}
	for _, s := range c.remove {
		do("delete", s, func() error {
			err := m.cfg.Server.Delete(ctx, APIServices, "", s.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &s.UID}})
			if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
				return nil
			}
			return err
		})
	}
	writing.Wait()
}

// restore makes a stored APIService the wanted one.
func (m *Manager) restore(ctx context.Context, wanted *service) error {
	_, err := m.cfg.Server.Update(ctx, APIServices, "", wanted.Name, func(obj api.Object) error {
		s := obj.(*service)
		s.Spec = wanted.Spec
		if s.Labels == nil {
			s.Labels = map[string]string{}
		}
		s.Labels[automanaged] = wanted.Labels[automanaged]
		apiregistration.SetCondition(s, apiregistration.LocalCondition())
		return nil
	})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
