package statefulset

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/client"
	"minke/controllers/history"
	"minke/controllers/podcontrol"
)

// ordinalOf is the pod's number, or -1 when it is no member of the set.
func ordinalOf(set *appsv1.StatefulSet, pod *corev1.Pod) int {
	text, ok := strings.CutPrefix(pod.Name, set.Name+"-")
	n, err := strconv.Atoi(text)
	if !ok || err != nil || n < 0 || strconv.Itoa(n) != text {
		return -1
	}
	return n
}

func first(set *appsv1.StatefulSet) int {
	if set.Spec.Ordinals == nil {
		return 0
	}
	return int(set.Spec.Ordinals.Start)
}

func count(set *appsv1.StatefulSet) int {
	if set.Spec.Replicas == nil {
		return 1
	}
	return int(*set.Spec.Replicas)
}

// group sorts the pods into members and condemned ones.
func (p *pass) group(pods []*corev1.Pod) {
	p.members = make([]*corev1.Pod, count(p.set))
	for _, pod := range pods {
		n := ordinalOf(p.set, pod) - first(p.set)
		switch {
		case ordinalOf(p.set, pod) < 0:
		case n >= 0 && n < len(p.members):
			p.members[n] = pod
		default:
			p.condemned = append(p.condemned, pod)
		}
	}
	slices.SortFunc(p.condemned, func(a, b *corev1.Pod) int { return ordinalOf(p.set, b) - ordinalOf(p.set, a) })
}

func revisionOf(pod *corev1.Pod) string { return pod.Labels[history.HashLabel] }

// partition is the index of the first member that a rollout changes.
func (p *pass) partition() int {
	if ru := p.set.Spec.UpdateStrategy.RollingUpdate; ru != nil && ru.Partition != nil {
		return max(0, int(*ru.Partition)-first(p.set))
	}
	return 0
}

// revisionFor is the revision from which a missing member is made: below the
// partition, or not reached yet by the rollout, it is the current one.
func (p *pass) revisionFor(index int) *appsv1.ControllerRevision {
	if p.set.Spec.UpdateStrategy.Type == appsv1.OnDeleteStatefulSetStrategyType {
		return p.update
	}
	if ru := p.set.Spec.UpdateStrategy.RollingUpdate; ru == nil || ru.Partition == nil {
		if index < int(p.set.Status.CurrentReplicas) {
			return p.current
		}
		return p.update
	}
	if index < p.partition() {
		return p.current
	}
	return p.update
}

// create makes the member with its claims.
func (p *pass) create(ctx context.Context, index int) error {
	revision := p.revisionFor(index)
	template := &p.set.Spec.Template
	if revision != p.update {
		old, err := history.Template(revision)
		if err != nil {
			return err
		}
		template = old
	}
	pod := podcontrol.FromTemplate(template, p.set, client.StatefulSets.GroupVersionKind())
	ordinal := strconv.Itoa(first(p.set) + index)
	pod.GenerateName, pod.Name = "", p.set.Name+"-"+ordinal
	for key, value := range map[string]string{
		appsv1.StatefulSetPodNameLabel: pod.Name, appsv1.PodIndexLabel: ordinal, history.HashLabel: revision.Name,
	} {
		metav1.SetMetaDataLabel(&pod.ObjectMeta, key, value)
	}
	pod.Spec.Hostname, pod.Spec.Subdomain = pod.Name, p.set.Spec.ServiceName
	if p.claimsOfPredecessor(pod.Name, ordinal) {
		return nil
	}
	p.mountClaims(pod, ordinal)
	if err := p.ensureClaims(ctx, ordinal); err != nil {
		p.events.Event(p.set, corev1.EventTypeWarning, "FailedCreate", "create Claim for Pod %s in StatefulSet %s failed error: %v", pod.Name, p.set.Name, err)
		return err
	}
	_, err := p.pods.Create(ctx, pod)
	switch {
	case err == nil:
		p.events.Event(p.set, corev1.EventTypeNormal, "SuccessfulCreate", "create Pod %s in StatefulSet %s successful", pod.Name, p.set.Name)
		return nil
	case apierrors.IsAlreadyExists(err), apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		// The view is behind, and its event wakes us; or nothing can be done.
		return nil
	}
	p.events.Event(p.set, corev1.EventTypeWarning, "FailedCreate", "create Pod %s in StatefulSet %s failed error: %v", pod.Name, p.set.Name, err)
	return fmt.Errorf("create pod %s: %w", client.KeyOf(pod), err)
}

func (p *pass) delete(ctx context.Context, pod *corev1.Pod) error {
	err := p.pods.Delete(ctx, pod.Namespace, pod.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &pod.UID}})
	switch {
	case err == nil:
		p.events.Event(p.set, corev1.EventTypeNormal, "SuccessfulDelete", "delete Pod %s in StatefulSet %s successful", pod.Name, p.set.Name)
		return nil
	case apierrors.IsNotFound(err), apierrors.IsConflict(err):
		return nil
	}
	return fmt.Errorf("delete pod %s: %w", client.KeyOf(pod), err)
}
