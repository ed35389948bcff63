package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"minke/client"
	"minke/controllers/podcontrol"
)

func hasFinalizer(pod *corev1.Pod) bool {
	return slices.Contains(pod.Finalizers, batchv1.JobTrackingFinalizer)
}

// onlyFailed tells that a pod being deleted counts as failed, and is replaced,
// only once it has ended.
func onlyFailed(job *batchv1.Job) bool {
	return job.Spec.PodFailurePolicy != nil || job.Spec.PodReplacementPolicy != nil && *job.Spec.PodReplacementPolicy == batchv1.Failed
}

func (r *round) failed(pod *corev1.Pod) bool {
	if pod.Status.Phase == corev1.PodFailed {
		return true
	}
	return pod.DeletionTimestamp != nil && pod.Status.Phase != corev1.PodSucceeded && !onlyFailed(r.job)
}

// count moves pods through the status:
//
//	ended, with finalizer ─► uncounted ─► (status written, finalizer dropped) ─► counter
//
// A restart at any point finds the pod in exactly one of these states.
func (r *round) count() {
	s := &r.job.Status
	if s.UncountedTerminatedPods == nil {
		s.UncountedTerminatedPods = &batchv1.UncountedTerminatedPods{}
	}
	u := s.UncountedTerminatedPods
	held := map[types.UID]bool{}
	for _, pod := range r.pods {
		if hasFinalizer(pod) {
			held[pod.UID] = true
		}
	}
	before := len(u.Succeeded)
	u.Succeeded = slices.DeleteFunc(u.Succeeded, func(uid types.UID) bool { return !held[uid] })
	s.Succeeded += int32(before - len(u.Succeeded))
	before = len(u.Failed)
	u.Failed = slices.DeleteFunc(u.Failed, func(uid types.UID) bool { return !held[uid] })
	s.Failed += int32(before - len(u.Failed))
	for _, pod := range r.pods {
		if hasFinalizer(pod) {
			r.countPod(pod)
		}
	}
	if isIndexed(r.job) {
		s.CompletedIndexes = r.done.String()
		s.Succeeded = int32(len(r.done))
		if r.job.Spec.BackoffLimitPerIndex != nil {
			lost := r.lost.String()
			s.FailedIndexes = &lost
		}
	}
}

func (r *round) countPod(pod *corev1.Pod) {
	u := r.job.Status.UncountedTerminatedPods
	index := indexOf(pod)
	switch {
	case pod.Status.Phase == corev1.PodSucceeded && isIndexed(r.job):
		if index >= 0 && index < int(*r.job.Spec.Completions) && !r.lost[index] {
			r.done[index] = true
		}
	case pod.Status.Phase == corev1.PodSucceeded:
		if !slices.Contains(u.Succeeded, pod.UID) {
			u.Succeeded = append(u.Succeeded, pod.UID)
		}
	case r.failed(pod):
		verdict, why := r.judge(pod)
		if verdict == batchv1.PodFailurePolicyActionFailJob && r.failJob == "" {
			r.failJob = why
		}
		if limit := r.job.Spec.BackoffLimitPerIndex; limit != nil && index >= 0 && !r.done[index] &&
			(verdict == batchv1.PodFailurePolicyActionFailIndex || verdict != batchv1.PodFailurePolicyActionIgnore && failuresBefore(pod) >= *limit) {
			r.lost[index] = true
		}
		if verdict != batchv1.PodFailurePolicyActionIgnore && !slices.Contains(u.Failed, pod.UID) && !r.awaitsReplacement(pod) {
			u.Failed = append(u.Failed, pod.UID)
		}
	}
}

// awaitsReplacement tells that the pod must stay because the next pod of its
// index takes the number of failures from it.
func (r *round) awaitsReplacement(pod *corev1.Pod) bool {
	index := indexOf(pod)
	if r.job.Spec.BackoffLimitPerIndex == nil || index < 0 || r.lost[index] || r.done[index] || r.ending() {
		return false
	}
	for _, other := range r.pods {
		if other.UID != pod.UID && indexOf(other) == index && (failuresBefore(other) > failuresBefore(pod) || other.CreationTimestamp.After(pod.CreationTimestamp.Time)) {
			return false
		}
	}
	return true
}

// countedPods are those whose end the status holds once it is written.
func (r *round) countedPods() []*corev1.Pod {
	var counted []*corev1.Pod
	for _, pod := range r.pods {
		if hasFinalizer(pod) && (pod.Status.Phase == corev1.PodSucceeded || r.failed(pod) && !r.awaitsReplacement(pod)) {
			counted = append(counted, pod)
		}
	}
	return counted
}

// letStraysGo frees pods whose job is gone, and those that no job owns unless
// one may adopt them.
func (c *Controller) letStraysGo(ctx context.Context, key client.Key, job *batchv1.Job) error {
	var strays []*corev1.Pod
	for _, pod := range c.podView.Indexed(tracked, key.String()) {
		if key.Name == "" && pod.DeletionTimestamp == nil && len(c.adopters(pod)) > 0 {
			continue
		}
		if job == nil || !ownedBy(pod, job.UID) {
			strays = append(strays, pod)
		}
	}
	return c.dropFinalizers(ctx, strays)
}

func ownedBy(pod *corev1.Pod, uid types.UID) bool {
	for _, ref := range pod.OwnerReferences {
		if ref.UID == uid {
			return true
		}
	}
	return false
}

func (c *Controller) dropFinalizers(ctx context.Context, pods []*corev1.Pod) error {
	var errs []error
	for _, pod := range pods {
		if !hasFinalizer(pod) {
			continue
		}
		patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
			"uid": pod.UID, "$deleteFromPrimitiveList/finalizers": []string{batchv1.JobTrackingFinalizer},
		}})
		if err == nil {
			_, err = c.pods.Patch(ctx, pod.Namespace, pod.Name, types.StrategicMergePatchType, patch)
		}
		if err != nil && !apierrors.IsNotFound(err) {
			errs = append(errs, fmt.Errorf("let pod %s go: %w", client.KeyOf(pod), err))
		}
	}
	return errors.Join(errs...)
}

// tally fills in the figures of pods that run.
func (r *round) tally() {
	s := &r.job.Status
	ready, leaving := int32(0), int32(0)
	s.Active = 0
	for _, pod := range r.pods {
		switch {
		case podcontrol.Active(pod):
			s.Active++
			if podcontrol.Ready(pod) {
				ready++
			}
		case pod.DeletionTimestamp != nil && !podcontrol.Finished(pod):
			leaving++
		}
	}
	s.Ready, s.Terminating = &ready, &leaving
}
