package scheduler

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"

	"minke/client"
	"minke/scheduler/cluster"
)

// sources are the informers that the scheduler hears from.
type sources struct {
	pods         client.Informer[*corev1.Pod]
	nodes        client.Informer[*corev1.Node]
	namespaces   client.Informer[*corev1.Namespace]
	services     client.Informer[*corev1.Service]
	controllers  client.Informer[*corev1.ReplicationController]
	replicaSets  client.Informer[*appsv1.ReplicaSet]
	statefulSets client.Informer[*appsv1.StatefulSet]
	budgets      client.Informer[*policyv1.PodDisruptionBudget]
	claims       client.Informer[*corev1.PersistentVolumeClaim]
	volumes      client.Informer[*corev1.PersistentVolume]
	classes      client.Informer[*storagev1.StorageClass]
}

func newSources(f *client.Informers) sources {
	return sources{
		pods:         client.InformerOf(f, client.Pods),
		nodes:        client.InformerOf(f, client.Nodes),
		namespaces:   client.InformerOf(f, client.Namespaces),
		services:     client.InformerOf(f, client.Services),
		controllers:  client.InformerOf(f, client.ReplicationControllers),
		replicaSets:  client.InformerOf(f, client.ReplicaSets),
		statefulSets: client.InformerOf(f, client.StatefulSets),
		budgets:      client.InformerOf(f, client.PodDisruptionBudgets),
		claims:       client.InformerOf(f, client.PersistentVolumeClaims),
		volumes:      client.InformerOf(f, client.PersistentVolumes),
		classes:      client.InformerOf(f, client.StorageClasses),
	}
}

func (i *sources) wait(ctx context.Context) error {
	for _, synced := range []<-chan struct{}{
		i.pods.Synced(), i.nodes.Synced(), i.namespaces.Synced(), i.services.Synced(), i.controllers.Synced(), i.replicaSets.Synced(),
		i.statefulSets.Synced(), i.budgets.Synced(), i.claims.Synced(), i.volumes.Synced(), i.classes.Synced(),
	} {
		select {
		case <-synced:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (s *Scheduler) namespaceLabels(name string) labels.Set {
	if namespace, ok := s.informers.namespaces.Get("", name); ok {
		return namespace.Labels
	}
	return nil
}

// siblings returns what selects the pods of pod's services and of its
// controller; nil when it has neither.
func (s *Scheduler) siblings(pod *corev1.Pod) labels.Selector {
	set := labels.Set{}
	for _, service := range s.informers.services.List(pod.Namespace, nil) {
		if len(service.Spec.Selector) > 0 && labels.SelectorFromSet(service.Spec.Selector).Matches(labels.Set(pod.Labels)) {
			set = labels.Merge(set, service.Spec.Selector)
		}
	}
	selector := labels.NewSelector()
	for key, value := range set {
		if r, err := labels.NewRequirement(key, selection.Equals, []string{value}); err == nil {
			selector = selector.Add(*r)
		}
	}
	if own := s.controllerSelector(pod); own != nil {
		if requirements, ok := own.Requirements(); ok {
			selector = selector.Add(requirements...)
		}
	}
	if selector.Empty() {
		return nil
	}
	return selector
}

func (s *Scheduler) controllerSelector(pod *corev1.Pod) labels.Selector {
	owner := metav1.GetControllerOf(pod)
	if owner == nil {
		return nil
	}
	switch owner.Kind {
	case "ReplicaSet":
		if rs, ok := s.informers.replicaSets.Get(pod.Namespace, owner.Name); ok {
			return cluster.Selector(rs.Spec.Selector)
		}
	case "StatefulSet":
		if set, ok := s.informers.statefulSets.Get(pod.Namespace, owner.Name); ok {
			return cluster.Selector(set.Spec.Selector)
		}
	case "ReplicationController":
		if rc, ok := s.informers.controllers.Get(pod.Namespace, owner.Name); ok {
			return labels.SelectorFromSet(rc.Spec.Selector)
		}
	}
	return nil
}
