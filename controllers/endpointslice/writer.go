package endpointslice

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/client"
	"minke/client/reconcile"
	"minke/controllers/podcontrol"
)

// writer writes the slices of one manager.
type writer struct {
	manager string
	slices  client.Resource[*discoveryv1.EndpointSlice]
	view    client.Informer[*discoveryv1.EndpointSlice]
	written *podcontrol.Written
}

func newWriter(api client.Interface, informers *client.Informers, manager string) writer {
	w := writer{
		manager: manager, slices: client.Of(api, client.EndpointSlices),
		view: client.InformerOf(informers, client.EndpointSlices), written: &podcontrol.Written{},
	}
	w.view.AddIndex(byService+"/"+manager, func(s *discoveryv1.EndpointSlice) []string {
		if s.Labels[discoveryv1.LabelManagedBy] != manager {
			return nil
		}
		return []string{s.Namespace + "/" + s.Labels[discoveryv1.LabelServiceName]}
	})
	return w
}

// wakeOnSlices has a service looked at again when somebody changes our slices,
// and when our own changes arrive.
func (w *writer) wakeOnSlices(loop *reconcile.Loop) {
	wake := func(s *discoveryv1.EndpointSlice) {
		if name := s.Labels[discoveryv1.LabelServiceName]; name != "" && s.Labels[discoveryv1.LabelManagedBy] == w.manager {
			loop.Add(client.Key{Namespace: s.Namespace, Name: name})
		}
	}
	w.view.Handle(client.Handler[*discoveryv1.EndpointSlice]{
		Add: wake, Delete: wake,
		Update: func(old, s *discoveryv1.EndpointSlice) {
			wake(old)
			wake(s)
		},
	})
}

func (w *writer) of(key client.Key) []*discoveryv1.EndpointSlice {
	return w.view.Indexed(byService+"/"+w.manager, key.Namespace+"/"+key.Name)
}

func (w *writer) live(ctx context.Context, key client.Key) ([]*discoveryv1.EndpointSlice, error) {
	all, _, err := w.slices.List(ctx, key.Namespace, metav1.ListOptions{
		LabelSelector: discoveryv1.LabelServiceName + "=" + key.Name + "," + discoveryv1.LabelManagedBy + "=" + w.manager,
	})
	if err != nil {
		return nil, fmt.Errorf("list endpoint slices of %s: %w", key, err)
	}
	return all, nil
}

// apply brings the slices of owner to the groups.
func (w *writer) apply(ctx context.Context, owner client.Object, kind schema.GroupVersionKind, service string, wanted map[string]string, groups []*group) error {
	key := client.Key{Namespace: owner.GetNamespace(), Name: service}
	existing := w.of(key)
	seen, err := podcontrol.Seen(w.written, key, existing, func() ([]*discoveryv1.EndpointSlice, error) { return w.live(ctx, key) })
	if err != nil || !seen {
		return err
	}
	l := maps.Clone(wanted)
	l[discoveryv1.LabelServiceName], l[discoveryv1.LabelManagedBy] = service, w.manager
	existing = slices.DeleteFunc(existing, func(s *discoveryv1.EndpointSlice) bool { return s.DeletionTimestamp != nil })
	p := planSlices(existing, groups, func(g *group) *discoveryv1.EndpointSlice {
		return &discoveryv1.EndpointSlice{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: owner.GetNamespace(), GenerateName: service + "-",
				OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(owner, kind)},
			},
			AddressType: g.family, Ports: g.ports,
		}
	}, func(s *discoveryv1.EndpointSlice) { s.Labels = maps.Clone(l) })
	return w.write(ctx, key, p)
}

// write carries out the plan: what serves more comes before what serves less.
func (w *writer) write(ctx context.Context, key client.Key, p plan) error {
	var errs []error
	for _, s := range p.create {
		stored, err := w.slices.Create(ctx, s)
		if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
			return nil
		}
		errs = append(errs, w.noted(key, stored, err))
	}
	for _, s := range p.update {
		stored, err := w.slices.Update(ctx, s)
		errs = append(errs, w.noted(key, stored, err))
	}
	for _, s := range p.delete {
		err := w.slices.Delete(ctx, s.Namespace, s.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &s.UID}})
		if !apierrors.IsNotFound(err) {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("write endpoint slices of %s: %w", key, err)
	}
	return nil
}

func (w *writer) noted(key client.Key, stored *discoveryv1.EndpointSlice, err error) error {
	switch {
	case err == nil:
		w.written.Note(key, stored.Name, stored.ResourceVersion)
	case !apierrors.IsConflict(err):
		w.written.Unsure(key)
	}
	return err
}

// removeAll deletes our slices of a service that has no selector any more. With
// the service itself gone, the garbage collector would do so too, later.
func (w *writer) removeAll(ctx context.Context, key client.Key, exists bool) error {
	if !exists {
		w.written.Forget(key)
	}
	return w.write(ctx, key, plan{delete: w.of(key)})
}
