package daemonset

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"minke/client"
	"minke/controllers/history"
	"minke/controllers/podcontrol"
)

// burst bounds the pods created or deleted in one pass; failedPause is how long
// a failed daemon stays before it is replaced.
const (
	burst       = 250
	failedPause = time.Second
)

// group sorts the pods by node, the oldest first, ready ones before others.
func (p *pass) group(pods []*corev1.Pod) {
	p.byNode = map[string][]*corev1.Pod{}
	for _, pod := range pods {
		p.byNode[target(pod)] = append(p.byNode[target(pod)], pod)
	}
	for _, list := range p.byNode {
		slices.SortFunc(list, func(a, b *corev1.Pod) int {
			return cmp.Or(rank(a)-rank(b), a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
		})
	}
}

func rank(pod *corev1.Pod) int {
	switch {
	case pod.Spec.NodeName == "":
		return 2
	case !podcontrol.Ready(pod):
		return 1
	}
	return 0
}

func (p *pass) current(pod *corev1.Pod) bool { return pod.Labels[history.HashLabel] == p.hash }

// manage finds what differs, node by node, and then acts.
func (p *pass) manage(ctx context.Context) error {
	var create []string
	var remove []*corev1.Pod
	known := map[string]bool{}
	for _, node := range p.nodes {
		known[node.Name] = true
		run, stay := p.place(node)
		c, r := p.onNode(node.Name, run, stay)
		if c {
			create = append(create, node.Name)
		}
		remove = append(remove, r...)
	}
	for node, pods := range p.byNode {
		// A bound pod of a missing node is the pod garbage collector's.
		for _, pod := range pods {
			if !known[node] && pod.Spec.NodeName == "" && pod.DeletionTimestamp == nil {
				remove = append(remove, pod)
			}
		}
	}
	if p.ds.Spec.UpdateStrategy.Type != appsv1.OnDeleteDaemonSetStrategyType && len(create)+len(remove) == 0 {
		c, r := p.rollingUpdate()
		create, remove = append(create, c...), append(remove, r...)
	}
	return errors.Join(p.remove(ctx, remove), p.create(ctx, create))
}

// onNode tells what one node lacks and what is too much on it.
func (p *pass) onNode(node string, run, stay bool) (create bool, remove []*corev1.Pod) {
	var live []*corev1.Pod
	leaving := false
	for _, pod := range p.byNode[node] {
		switch {
		case pod.DeletionTimestamp != nil:
			leaving = true
		case !stay:
			remove = append(remove, pod)
		case podcontrol.Finished(pod):
			if wait := failedPause - p.now.Sub(pod.CreationTimestamp.Time); wait > 0 {
				p.loop.AddAfter(p.key, wait)
				live = append(live, pod)
				continue
			}
			p.events.Event(p.ds, corev1.EventTypeWarning, "FailedDaemonPod", "Found failed daemon pod %s on node %s, will try to kill it", client.KeyOf(pod), node)
			remove = append(remove, pod)
			leaving = true
		default:
			live = append(live, pod)
		}
	}
	if surge, _ := p.bounds(); surge > 0 {
		return run && !leaving && len(live) == 0, append(remove, p.surplus(live)...)
	}
	if len(live) > 1 {
		remove = append(remove, live[1:]...)
	}
	return run && !leaving && len(live) == 0, remove
}

// surplus are pods that a surging update leaves over: the old one once the new
// one is available, and any beyond one of each.
func (p *pass) surplus(live []*corev1.Pod) []*corev1.Pod {
	var old, current []*corev1.Pod
	for _, pod := range live {
		if p.current(pod) {
			current = append(current, pod)
		} else {
			old = append(old, pod)
		}
	}
	var extra []*corev1.Pod
	if len(current) > 0 {
		extra = append(extra, current[1:]...)
		if available, left := podcontrol.Available(current[0], p.ds.Spec.MinReadySeconds, p.now); available {
			return append(extra, old...)
		} else if left > 0 {
			p.loop.AddAfter(p.key, left)
		}
	}
	if len(old) > 1 {
		extra = append(extra, old[1:]...)
	}
	return extra
}

// bounds returns maxSurge and maxUnavailable in nodes.
func (p *pass) bounds() (surge, unavailable int) {
	if p.ds.Spec.UpdateStrategy.Type == appsv1.OnDeleteDaemonSetStrategyType {
		return 0, 0
	}
	wanted := 0
	for _, node := range p.nodes {
		if run, _ := p.place(node); run {
			wanted++
		}
	}
	if ru := p.ds.Spec.UpdateStrategy.RollingUpdate; ru != nil {
		if ru.MaxSurge != nil {
			surge, _ = intstr.GetScaledValueFromIntOrPercent(ru.MaxSurge, wanted, true)
		}
		if ru.MaxUnavailable != nil {
			unavailable, _ = intstr.GetScaledValueFromIntOrPercent(ru.MaxUnavailable, wanted, true)
		}
	}
	if surge <= 0 && unavailable <= 0 {
		unavailable = 1
	}
	return surge, unavailable
}

// rollingUpdate chooses old pods to delete, or with maxSurge nodes to give a
// second pod, within the bounds.
func (p *pass) rollingUpdate() (create []string, remove []*corev1.Pod) {
	surge, most := p.bounds()
	missing, surging := 0, 0
	var broken, fine []*corev1.Pod
	for _, node := range p.nodes {
		if run, _ := p.place(node); !run {
			continue
		}
		var old, current *corev1.Pod
		up := false
		for _, pod := range p.byNode[node.Name] {
			if pod.DeletionTimestamp != nil {
				continue
			}
			available, left := podcontrol.Available(pod, p.ds.Spec.MinReadySeconds, p.now)
			up = up || available
			if left > 0 {
				p.loop.AddAfter(p.key, left)
			}
			if p.current(pod) {
				current = pod
			} else {
				old = pod
			}
		}
		switch {
		case old != nil && current != nil:
			surging++
		case old != nil && !up:
			broken = append(broken, old)
		case old != nil:
			fine = append(fine, old)
		}
		if !up {
			missing++
		}
	}
	// Pods that do not serve anyway may always be replaced.
	remove = broken
	if surge > 0 {
		for _, pod := range fine[:min(len(fine), max(0, surge-surging))] {
			create = append(create, target(pod))
		}
		return create, remove
	}
	return nil, append(remove, fine[:min(len(fine), max(0, most-missing))]...)
}

func (p *pass) create(ctx context.Context, nodes []string) error {
	n := min(len(nodes), burst)
	if n == 0 {
		return nil
	}
	next := make(chan string, n)
	for _, node := range nodes[:n] {
		next <- node
	}
	p.expects.ExpectCreations(p.key, n)
	created, err := podcontrol.SlowStart(n, func() error {
		pod, err := p.pods.Create(ctx, p.podFor(<-next))
		if err == nil {
			p.events.Event(p.ds, corev1.EventTypeNormal, "SuccessfulCreate", "Created pod: %v", pod.Name)
		}
		return err
	})
	p.expects.Created(p.key, n-created)
	if err == nil || apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return nil
	}
	p.events.Event(p.ds, corev1.EventTypeWarning, "FailedCreate", "Error creating: %v", err)
	return fmt.Errorf("create pods for %s: %w", p.key, err)
}

func (p *pass) remove(ctx context.Context, pods []*corev1.Pod) error {
	var errs []error
	for _, pod := range pods[:min(len(pods), burst)] {
		p.expects.ExpectDeletion(p.key, pod.UID)
		err := p.pods.Delete(ctx, pod.Namespace, pod.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &pod.UID}})
		if err == nil {
			p.events.Event(p.ds, corev1.EventTypeNormal, "SuccessfulDelete", "Deleted pod: %v", pod.Name)
			continue
		}
		p.expects.Deleted(p.key, pod.UID)
		if !apierrors.IsNotFound(err) {
			errs = append(errs, fmt.Errorf("delete pod %s: %w", client.KeyOf(pod), err))
		}
	}
	return errors.Join(errs...)
}
