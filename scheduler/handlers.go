package scheduler

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"minke/client"
	"minke/scheduler/cluster"
	"minke/scheduler/plugins"
)

// handle lets the cache and the queue follow the cluster.
func (s *Scheduler) handle() {
	s.informers.nodes.Handle(client.Handler[*corev1.Node]{
		Add:    func(node *corev1.Node) { s.cache.SetNode(node); s.queue.Happened(plugins.NodeAdded) },
		Update: s.nodeUpdated,
		Delete: func(node *corev1.Node) { s.cache.DeleteNode(node.Name) },
	})
	s.informers.pods.Handle(client.Handler[*corev1.Pod]{
		Add:    func(pod *corev1.Pod) { s.podChanged(nil, pod) },
		Update: s.podChanged,
		Delete: s.podDeleted,
	})
	moved := func() { s.volumes.Changed(); s.queue.Happened(plugins.VolumesChanged) }
	s.informers.claims.Handle(client.Handler[*corev1.PersistentVolumeClaim]{
		Add: func(*corev1.PersistentVolumeClaim) { moved() }, Update: func(_, _ *corev1.PersistentVolumeClaim) { moved() },
	})
	s.informers.volumes.Handle(client.Handler[*corev1.PersistentVolume]{
		Add: func(*corev1.PersistentVolume) { moved() }, Update: func(_, _ *corev1.PersistentVolume) { moved() },
	})
	s.informers.classes.Handle(client.Handler[*storagev1.StorageClass]{Add: func(*storagev1.StorageClass) { moved() }})
}

func (s *Scheduler) nodeUpdated(old, node *corev1.Node) {
	var e plugins.Event
	if !maps.Equal(old.Labels, node.Labels) {
		e |= plugins.NodeLabels
	}
	if !equality.Semantic.DeepEqual(old.Spec.Taints, node.Spec.Taints) {
		e |= plugins.NodeTaints
	}
	if old.Spec.Unschedulable && !node.Spec.Unschedulable {
		e |= plugins.NodeUncordoned
	}
	if !equality.Semantic.DeepEqual(old.Status.Allocatable, node.Status.Allocatable) {
		e |= plugins.NodeAllocatable
	}
	if !slices.Equal(old.Status.DeclaredFeatures, node.Status.DeclaredFeatures) {
		e |= plugins.NodeFeatures
	}
	images := len(old.Status.Images) != len(node.Status.Images)
	if e == 0 && !images && old.Spec.Unschedulable == node.Spec.Unschedulable {
		return // a heartbeat
	}
	s.cache.SetNode(node)
	if e != 0 {
		s.queue.Happened(e)
	}
}

// podChanged sorts a pod into the cache when it is assigned, or else into the
// queue when it is ours.
func (s *Scheduler) podChanged(old, pod *corev1.Pod) {
	if pod.Spec.NodeName != "" {
		s.assigned(old, pod)
		return
	}
	ours := pod.Spec.SchedulerName == s.name && pod.DeletionTimestamp == nil && len(pod.Spec.SchedulingGates) == 0 && !cluster.Finished(pod)
	if !ours {
		s.queue.Delete(pod.UID)
		s.nominated.remove(pod.UID)
		return
	}
	// The news may be older than what is assumed already.
	if s.cache.Placed(pod.UID) && !s.queue.Has(pod.UID) {
		return
	}
	if node := pod.Status.NominatedNodeName; node != "" && old == nil {
		s.nominated.set(cluster.NewPod(pod), node)
	}
	changed := old == nil || !maps.Equal(old.Labels, pod.Labels) || !equality.Semantic.DeepEqual(&old.Spec, &pod.Spec)
	s.queue.Set(pod, changed)
}

func (s *Scheduler) assigned(old, pod *corev1.Pod) {
	s.cache.SetPod(pod)
	s.queue.Delete(pod.UID)
	s.nominated.remove(pod.UID)
	var e plugins.Event
	switch {
	case cluster.Finished(pod):
		if old == nil || !cluster.Finished(old) {
			e |= plugins.PodRemoved
		}
	case old == nil || old.Spec.NodeName == "":
		e |= plugins.PodAssigned
	default:
		if !maps.Equal(old.Labels, pod.Labels) {
			e |= plugins.PodLabels
		}
		if resized(old, pod) {
			e |= plugins.PodResized
		}
		if old.DeletionTimestamp == nil && pod.DeletionTimestamp != nil {
			e |= plugins.PodLabels // it counts no more where pods are spread
		}
	}
	if e != 0 {
		s.queue.Happened(e)
	}
}

// resized tells whether what the pod asks for, or was allotted, has changed.
func resized(old, pod *corev1.Pod) bool {
	for i := range pod.Spec.Containers {
		if i >= len(old.Spec.Containers) || !equality.Semantic.DeepEqual(old.Spec.Containers[i].Resources, pod.Spec.Containers[i].Resources) {
			return true
		}
	}
	if len(old.Status.ContainerStatuses) != len(pod.Status.ContainerStatuses) {
		return false // they appear when the pod starts
	}
	for i := range pod.Status.ContainerStatuses {
		a, b := &old.Status.ContainerStatuses[i], &pod.Status.ContainerStatuses[i]
		if a.Resources != nil && !equality.Semantic.DeepEqual(a.Resources, b.Resources) || !equality.Semantic.DeepEqual(a.AllocatedResources, b.AllocatedResources) {
			return true
		}
	}
	return false
}

func (s *Scheduler) podDeleted(pod *corev1.Pod) {
	placed := s.cache.Placed(pod.UID)
	s.cache.DeletePod(pod)
	s.queue.Delete(pod.UID)
	s.nominated.remove(pod.UID)
	if placed {
		s.queue.Happened(plugins.PodRemoved)
	}
}
