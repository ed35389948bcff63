package aggregate

import (
	"context"
	"reflect"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"minke/api"
	"minke/api/apiregistration"
	"minke/apiserver/discovery"
)

var (
	serviceResource = corev1.SchemeGroupVersion.WithResource("services")
	sliceResource   = discoveryv1.SchemeGroupVersion.WithResource("endpointslices")
)

const (
	// probePause is how long a server that answers is left alone: what lies
	// between here and there may break without an event.
	probePause = 30 * time.Second
	// firstRetry is the pause after a first failure; it doubles up to
	// probePause.
	firstRetry = 100 * time.Millisecond
)

// checker looks after one remote APIService.
type checker struct {
	spec   apiregistrationv1.APIServiceSpec
	poke   chan struct{}
	cancel context.CancelFunc
}

func (c *checker) wake() {
	select {
	case c.poke <- struct{}{}:
	default:
	}
}

// attended is the goroutines that look after remote APIServices.
type attended struct {
	running sync.WaitGroup
	// unwatch ends following Services and EndpointSlices; nil when nobody does.
	unwatch context.CancelFunc
}

func (a *attended) wait() { a.running.Wait() }

// attend starts and ends checkers, one for each remote APIService, and follows
// what they depend on while there are any.
func (m *Manager) attend(ctx context.Context, a *attended, all []*service) {
	m.mu.Lock()
	defer m.mu.Unlock()
	wanted := map[string]bool{}
	for _, s := range all {
		if s.Spec.Service == nil {
			continue
		}
		wanted[s.Name] = true
		c := m.checkers[s.Name]
		switch {
		case c == nil:
			c = &checker{spec: s.Spec, poke: make(chan struct{}, 1)}
			var own context.Context
			own, c.cancel = context.WithCancel(ctx)
			m.checkers[s.Name] = c
			a.running.Go(func() { m.look(own, s.Name, c.poke) })
		case !reflect.DeepEqual(c.spec, s.Spec):
			c.spec = s.Spec
			c.wake()
		}
	}
	for name, c := range m.checkers {
		if !wanted[name] {
			c.cancel()
			delete(m.checkers, name)
			delete(m.known, name)
			delete(m.indexes, name)
		}
	}
	switch {
	case len(m.checkers) > 0 && a.unwatch == nil:
		var own context.Context
		own, a.unwatch = context.WithCancel(ctx)
		for _, resource := range []schema.GroupVersionResource{serviceResource, sliceResource} {
			a.running.Go(func() { m.watchTargets(own, resource) })
		}
	case len(m.checkers) == 0 && a.unwatch != nil:
		a.unwatch()
		a.unwatch = nil
	}
}

// look checks one APIService until ctx ends: now, when it is poked, and from
// time to time.
func (m *Manager) look(ctx context.Context, name string, poke <-chan struct{}) {
	retry := firstRetry
	for {
		pause := probePause
		if m.check(ctx, name) {
			retry = firstRetry
		} else {
			pause, retry = retry, min(2*retry, probePause)
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-poke:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// check finds out whether the server answers, and says so in the status. It
// tells false when it is worth trying again soon.
func (m *Manager) check(ctx context.Context, name string) bool {
	select {
	case m.probing <- struct{}{}:
		defer func() { <-m.probing }()
	case <-ctx.Done():
		return true
	}
	obj, err := m.cfg.Server.Get(ctx, APIServices, "", name)
	if err != nil {
		return apierrors.IsNotFound(err)
	}
	s := obj.(*service)
	if s.Spec.Service == nil {
		return true
	}
	found, resources := m.examine(ctx, s)
	if ctx.Err() != nil {
		return true
	}
	if found.Status == apiregistrationv1.ConditionTrue {
		m.learn(name, resources)
	}
	if err := m.setStatus(ctx, s, found); err != nil {
		m.log.Warn("status of an API service cannot be written", "name", name, "error", err)
		return false
	}
	// What an event will tell is waited for; the network tells nothing.
	return found.Reason != failedDiscovery && found.Status != apiregistrationv1.ConditionUnknown
}

const failedDiscovery = "FailedDiscoveryCheck"

// examine returns the condition of a remote APIService, and what is served when
// it is available.
func (m *Manager) examine(ctx context.Context, s *service) (condition, []resourceDiscovery) {
	to := s.Spec.Service
	obj, err := m.cfg.Server.Get(ctx, serviceResource, to.Namespace, to.Name)
	target, _ := obj.(*corev1.Service)
	var slices []*discoveryv1.EndpointSlice
	if err == nil {
		if slices, err = m.slicesOf(to.Namespace, to.Name); err != nil {
			return available(apiregistrationv1.ConditionUnknown, "EndpointsAccessError", err.Error()), nil
		}
	}
	if c := judge(s, target, err, slices); c != nil {
		return *c, nil
	}
	resources, err := m.newRoute(s).probe(ctx)
	if err != nil {
		return available(apiregistrationv1.ConditionFalse, failedDiscovery, err.Error()), nil
	}
	return available(apiregistrationv1.ConditionTrue, "Passed", "all checks passed"), resources
}

func (m *Manager) slicesOf(namespace, name string) ([]*discoveryv1.EndpointSlice, error) {
	all, _, err := m.cfg.Server.Snapshot(sliceResource, namespace)
	if err != nil {
		return nil, err
	}
	var out []*discoveryv1.EndpointSlice
	for obj := range all {
		if slice := obj.(*discoveryv1.EndpointSlice); slice.Labels[discoveryv1.LabelServiceName] == name {
			out = append(out, slice)
		}
	}
	return out, nil
}

// setStatus writes the condition if it says something new.
func (m *Manager) setStatus(ctx context.Context, s *service, found condition) error {
	now := apiregistration.Available(s)
	if now.Status == found.Status && now.Reason == found.Reason && now.Message == found.Message {
		return nil
	}
	m.log.Info("availability of an API service has changed", "name", s.Name, "status", found.Status, "reason", found.Reason, "message", found.Message)
	_, err := m.cfg.Server.Update(ctx, APIServices, "", s.Name, func(obj api.Object) error {
		if now := obj.(*service); now.UID == s.UID && now.Spec.Service != nil {
			apiregistration.SetCondition(now, found)
		}
		return nil
	})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// learn keeps what a server serves, for discovery.
func (m *Manager) learn(name string, resources []resourceDiscovery) {
	m.mu.Lock()
	changed := m.checkers[name] != nil && !reflect.DeepEqual(m.known[name], resources)
	if changed {
		m.known[name] = resources
	}
	m.mu.Unlock()
	if changed {
		m.publish()
	}
}

// publish tells discovery what others serve, when that has changed.
func (m *Manager) publish() {
	m.mu.Lock()
	defer m.mu.Unlock()
	var remote []discovery.Remote
	for gv, r := range m.table.Load().remote {
		name := r.service.Name
		remote = append(remote, discovery.Remote{
			GroupVersion: gv,
			Priority:     apiregistration.Priority{Group: r.service.Spec.GroupPriorityMinimum, Version: r.service.Spec.VersionPriority},
			Resources:    m.known[name],
			Stale:        !r.available || m.known[name] == nil,
		})
	}
	sortRemote(remote)
	if reflect.DeepEqual(remote, m.published) {
		return
	}
	m.published = remote
	m.cfg.Publish(remote)
}
