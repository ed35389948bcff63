package statefulset

import (
	"context"
	"errors"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"minke/client"
	"minke/controllers/podcontrol"
)

// step does what is next. In order, each phase waits for the one before:
//
//	all members up ─► condemned ones taken, highest first ─► rollout, highest first
//
// An OrderedReady set also waits within a phase for each pod in turn.
func (p *pass) step(ctx context.Context) error {
	inOrder := p.set.Spec.PodManagementPolicy != appsv1.ParallelPodManagement
	if wait, err := p.raise(ctx, inOrder); err != nil || wait {
		return err
	}
	if wait, err := p.lower(ctx, inOrder); err != nil || wait {
		return err
	}
	if p.set.Spec.UpdateStrategy.Type == appsv1.OnDeleteStatefulSetStrategyType {
		return nil
	}
	return p.rollout(ctx)
}

// raise makes missing members and replaces ended ones, lowest first.
func (p *pass) raise(ctx context.Context, inOrder bool) (wait bool, err error) {
	var errs []error
	for i, pod := range p.members {
		acted := true
		switch {
		case pod == nil:
			errs = append(errs, p.create(ctx, i))
		case pod.DeletionTimestamp != nil:
		case podcontrol.Finished(pod):
			if pod.Status.Phase == corev1.PodFailed {
				p.events.Event(p.set, corev1.EventTypeWarning, "RecreatingFailedPod", "StatefulSet %s is recreating failed Pod %s", client.KeyOf(p.set), pod.Name)
			} else {
				p.events.Event(p.set, corev1.EventTypeNormal, "RecreatingTerminatedPod", "StatefulSet %s is recreating terminated Pod %s", client.KeyOf(p.set), pod.Name)
			}
			errs = append(errs, p.delete(ctx, pod))
		default:
			acted = !p.available(pod)
			if err := p.keepClaims(ctx, pod); err != nil {
				errs = append(errs, err)
			}
		}
		if acted && inOrder {
			return true, errors.Join(errs...)
		}
	}
	return false, errors.Join(errs...)
}

// available tells whether the pod has been ready for long enough, and has the
// set looked at again when it will have been.
func (p *pass) available(pod *corev1.Pod) bool {
	if pod.Status.Phase != corev1.PodRunning {
		return false
	}
	available, left := podcontrol.Available(pod, p.set.Spec.MinReadySeconds, p.now)
	if left > 0 {
		p.loop.AddAfter(p.key, left)
	}
	return available
}

// lower takes condemned pods. In order, none is taken while another pod is
// unwell, unless it is that one.
func (p *pass) lower(ctx context.Context, inOrder bool) (wait bool, err error) {
	unwell := p.firstUnwell()
	var errs []error
	for _, pod := range p.condemned {
		// A claim must have its owner before that is gone.
		errs = append(errs, p.ownClaims(ctx, pod))
	}
	if err := errors.Join(errs...); err != nil {
		return true, err
	}
	errs = nil
	for _, pod := range p.condemned {
		if pod.DeletionTimestamp != nil {
			if inOrder {
				return true, nil
			}
			continue
		}
		if inOrder && unwell != nil && unwell != pod && !podcontrol.Ready(pod) {
			return true, nil
		}
		errs = append(errs, p.delete(ctx, pod))
		if inOrder {
			return true, errors.Join(errs...)
		}
	}
	return false, errors.Join(errs...)
}

func (p *pass) firstUnwell() *corev1.Pod {
	for _, pod := range p.members {
		if pod != nil && (pod.DeletionTimestamp != nil || !podcontrol.Ready(pod)) {
			return pod
		}
	}
	for i := len(p.condemned) - 1; i >= 0; i-- {
		if !podcontrol.Ready(p.condemned[i]) || p.condemned[i].DeletionTimestamp != nil {
			return p.condemned[i]
		}
	}
	return nil
}

// rollout replaces members of another revision down to the partition, the
// highest first, while no more than maxUnavailable are away.
func (p *pass) rollout(ctx context.Context) error {
	most := 1
	if ru := p.set.Spec.UpdateStrategy.RollingUpdate; ru != nil && ru.MaxUnavailable != nil {
		if n, err := intstr.GetScaledValueFromIntOrPercent(ru.MaxUnavailable, len(p.members), true); err == nil {
			most = max(1, n)
		}
	}
	away := 0
	for _, pod := range p.members {
		if pod == nil || pod.DeletionTimestamp != nil || !p.available(pod) {
			away++
		}
	}
	var errs []error
	for i := len(p.members) - 1; i >= p.partition(); i-- {
		pod := p.members[i]
		if pod == nil || pod.DeletionTimestamp != nil {
			if most == 1 {
				return errors.Join(errs...)
			}
			continue
		}
		up := p.available(pod)
		if revisionOf(pod) == p.update.Name {
			if !up && most == 1 {
				return errors.Join(errs...)
			}
			continue
		}
		if up && away >= most {
			return errors.Join(errs...)
		}
		if up {
			away++
		}
		errs = append(errs, p.delete(ctx, pod))
		if most == 1 {
			return errors.Join(errs...)
		}
	}
	return errors.Join(errs...)
}
