// Package endpointslice keeps the EndpointSlices of Services: those of pods
// that a selector finds, and mirrors of Endpoints written by hand.
package endpointslice

import (
	"context"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/labels"

	"minke/client"
	"minke/client/reconcile"
	"minke/controllers/podcontrol"
)

const (
	component = "endpointslice-controller"
	// managedBy marks the slices that are ours; others are left alone.
	managedBy = "endpointslice-controller.k8s.io"
	workers   = 5
	// byService maps namespace/service to the slices of it that are ours.
	byService = "endpointslice-service"
)

// Controller keeps the slices of Services with a selector.
type Controller struct {
	writer
	services client.Informer[*corev1.Service]
	pods     client.Informer[*corev1.Pod]
	nodes    client.Informer[*corev1.Node]
	loop     *reconcile.Loop
}

// New returns the controller.
func New(api client.Interface, informers *client.Informers) *Controller {
	c := &Controller{
		writer:   newWriter(api, informers, managedBy),
		services: client.InformerOf(informers, client.Services),
		pods:     client.InformerOf(informers, client.Pods),
		nodes:    client.InformerOf(informers, client.Nodes),
	}
	c.loop = reconcile.New(component, reconcile.Options{}, c.sync)
	c.services.Handle(client.Handler[*corev1.Service]{
		Add:    func(s *corev1.Service) { c.loop.Add(client.KeyOf(s)) },
		Update: func(_, s *corev1.Service) { c.loop.Add(client.KeyOf(s)) },
		Delete: func(s *corev1.Service) { c.loop.Add(client.KeyOf(s)) },
	})
	c.pods.Handle(client.Handler[*corev1.Pod]{
		Add:    func(pod *corev1.Pod) { WakeServices(c.services, c.loop, pod) },
		Update: func(old, pod *corev1.Pod) { PodChanged(c.services, c.loop, old, pod) },
		Delete: func(pod *corev1.Pod) { WakeServices(c.services, c.loop, pod) },
	})
	c.nodes.Handle(client.Handler[*corev1.Node]{Update: c.nodeChanged,
		Add:    func(n *corev1.Node) { c.nodeChanged(&corev1.Node{}, n) },
		Delete: func(n *corev1.Node) { c.nodeChanged(n, &corev1.Node{}) }})
	c.wakeOnSlices(c.loop)
	return c
}

// Run keeps slices until ctx ends.
func (c *Controller) Run(ctx context.Context) error {
	if err := reconcile.WaitFor(ctx, c.services.Synced(), c.pods.Synced(), c.nodes.Synced(), c.view.Synced()); err != nil {
		return fmt.Errorf("%s: %w", component, err)
	}
	c.loop.Run(ctx, workers)
	return nil
}

// WakeServices wakes the services whose selector matches the pod.
func WakeServices(services client.Informer[*corev1.Service], loop *reconcile.Loop, pod *corev1.Pod) {
	for _, service := range services.List(pod.Namespace, nil) {
		if Selects(service, pod) {
			loop.Add(client.KeyOf(service))
		}
	}
}

// PodChanged wakes the services that a change of a pod may concern: most
// changes of a pod change no endpoint.
func PodChanged(services client.Informer[*corev1.Service], loop *reconcile.Loop, old, pod *corev1.Pod) {
	moved := !maps.Equal(old.Labels, pod.Labels)
	same := !moved && old.UID == pod.UID && old.Spec.NodeName == pod.Spec.NodeName && old.Status.PodIP == pod.Status.PodIP &&
		equality.Semantic.DeepEqual(old.Status.PodIPs, pod.Status.PodIPs) &&
		podcontrol.Ready(old) == podcontrol.Ready(pod) && podcontrol.Finished(old) == podcontrol.Finished(pod) &&
		(old.DeletionTimestamp == nil) == (pod.DeletionTimestamp == nil)
	if same {
		return
	}
	WakeServices(services, loop, pod)
	if moved {
		WakeServices(services, loop, old)
	}
}

// Selects tells whether the service has a selector that matches the pod.
func Selects(service *corev1.Service, pod *corev1.Pod) bool {
	return len(service.Spec.Selector) > 0 && service.Spec.Type != corev1.ServiceTypeExternalName &&
		labels.SelectorFromValidatedSet(service.Spec.Selector).Matches(labels.Set(pod.Labels))
}

// nodeChanged wakes all services when a node's zone changes, which is rare, and
// those that care for the zones' CPUs when a node comes, goes or counts otherwise.
func (c *Controller) nodeChanged(old, node *corev1.Node) {
	moved := old.Labels[corev1.LabelTopologyZone] != node.Labels[corev1.LabelTopologyZone]
	if !moved && nodeReady(old) == nodeReady(node) && old.Status.Allocatable.Cpu().Equal(*node.Status.Allocatable.Cpu()) {
		return
	}
	for _, service := range c.services.List("", nil) {
		if moved || byTopology(service) {
			c.loop.Add(client.KeyOf(service))
		}
	}
}

func (c *Controller) sync(ctx context.Context, key client.Key) error {
	service, ok := c.services.Get(key.Namespace, key.Name)
	if !ok || len(service.Spec.Selector) == 0 || service.Spec.Type == corev1.ServiceTypeExternalName {
		return c.removeAll(ctx, key, ok)
	}
	if service.DeletionTimestamp != nil {
		return nil
	}
	selector := labels.SelectorFromValidatedSet(service.Spec.Selector)
	var groups []*group
	for _, family := range families(service) {
		of := c.groups(service, family, c.pods.List(key.Namespace, selector))
		if byTopology(service) {
			allot(of, sharesOf(c.nodes.List("", nil)), c.hinted(key))
		}
		groups = append(groups, of...)
	}
	return c.apply(ctx, service, client.Services.GroupVersionKind(), service.Name, serviceLabels(service), groups)
}

// hinted returns the zones that the service's endpoints are meant for by now.
func (c *Controller) hinted(key client.Key) map[endpointKey]string {
	had := map[endpointKey]string{}
	for _, s := range c.of(key) {
		for i := range s.Endpoints {
			if h := s.Endpoints[i].Hints; h != nil && len(h.ForZones) == 1 && len(h.ForNodes) == 0 {
				had[keyOf(&s.Endpoints[i])] = h.ForZones[0].Name
			}
		}
	}
	return had
}

// groups sorts the pods by their ports. Without any endpoint there is one empty
// group, so that the service always has a slice.
func (c *Controller) groups(service *corev1.Service, family discoveryv1.AddressType, pods []*corev1.Pod) []*group {
	var groups []*group
	for _, pod := range pods {
		address := addressOf(pod, family)
		if address == "" || podcontrol.Finished(pod) {
			continue
		}
		zone := ""
		if node, ok := c.nodes.Get("", pod.Spec.NodeName); ok {
			zone = node.Labels[corev1.LabelTopologyZone]
		}
		e := endpointOf(pod, service, address, zone)
		g := find(&groups, family, portsOf(pod, service))
		g.endpoints[keyOf(&e)] = e
	}
	if len(groups) == 0 {
		find(&groups, family, nil)
	}
	return groups
}

// find returns the group with the ports, adding it when it is new.
func find(groups *[]*group, family discoveryv1.AddressType, ports []discoveryv1.EndpointPort) *group {
	for _, g := range *groups {
		if g.family == family && samePorts(g.ports, ports) {
			return g
		}
	}
	g := &group{family: family, ports: ports, endpoints: map[endpointKey]discoveryv1.Endpoint{}}
	*groups = append(*groups, g)
	return g
}

func serviceLabels(service *corev1.Service) map[string]string {
	l := maps.Clone(service.Labels)
	if l == nil {
		l = map[string]string{}
	}
	delete(l, corev1.IsHeadlessService)
	if service.Spec.ClusterIP == corev1.ClusterIPNone {
		l[corev1.IsHeadlessService] = ""
	}
	return l
}
