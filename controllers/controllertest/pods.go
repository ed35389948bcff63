// Package controllertest has what tests of controllers share: a stand-in for
// the scheduler and the kubelets of a cluster.
package controllertest

import (
	"context"
	"math/rand/v2"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/client"
)

// RunPods binds every pod to a node, makes it ready within delay (at once
// without r), and lets deleted pods go, until ctx ends. Pods with the image
// "never" stay unready; those with "once" succeed, with "broken" fail.
func RunPods(ctx context.Context, api client.Interface, r *rand.Rand, delay time.Duration) {
	informers := client.NewInformers(api)
	pods := client.InformerOf(informers, client.Pods)
	keys := make(chan client.Key, 4096)
	add := func(pod *corev1.Pod) {
		select {
		case keys <- client.KeyOf(pod):
		case <-ctx.Done():
		}
	}
	pods.Handle(client.Handler[*corev1.Pod]{Add: add, Update: func(_, pod *corev1.Pod) { add(pod) }})
	informers.Start(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case key := <-keys:
			wait := time.Duration(0)
			if r != nil && delay > 0 {
				wait = time.Duration(r.Int64N(int64(delay)))
			}
			go func() {
				for try := range 50 {
					select {
					case <-ctx.Done():
						return
					case <-time.After(wait + time.Duration(try)*100*time.Millisecond):
					}
					if step(ctx, api, key) == nil {
						return
					}
				}
			}()
		}
	}
}

func step(ctx context.Context, api client.Interface, key client.Key) error {
	verbs := client.Of(api, client.Pods)
	pod, err := verbs.Get(ctx, key.Namespace, key.Name)
	if err != nil {
		return err
	}
	if pod.DeletionTimestamp != nil {
		zero := int64(0)
		return verbs.Delete(ctx, key.Namespace, key.Name, metav1.DeleteOptions{GracePeriodSeconds: &zero})
	}
	if pod.Spec.NodeName == "" {
		_, err := verbs.Post(ctx, key.Namespace, key.Name, "binding", &corev1.Binding{Target: corev1.ObjectReference{Name: nodeFor(pod)}})
		if err != nil {
			return err
		}
		return nil
	}
	if pod.Status.Phase != corev1.PodPending && pod.Status.Phase != "" {
		return nil
	}
	pod = pod.DeepCopy()
	pod.Status.Phase = corev1.PodRunning
	image := pod.Spec.Containers[0].Image
	switch {
	case strings.HasPrefix(image, "once"):
		pod.Status.Phase = corev1.PodSucceeded
	case strings.HasPrefix(image, "broken"):
		pod.Status.Phase = corev1.PodFailed
	}
	ready := corev1.ConditionTrue
	if image == "never" || pod.Status.Phase != corev1.PodRunning {
		ready = corev1.ConditionFalse
	}
	pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{Type: corev1.PodReady, Status: ready, LastTransitionTime: metav1.Now()})
	_, err = verbs.UpdateStatus(ctx, pod)
	return err
}

// nodeFor is the node that the pod is held to by its affinity, else "node".
func nodeFor(pod *corev1.Pod) string {
	if a := pod.Spec.Affinity; a != nil && a.NodeAffinity != nil {
		for _, term := range a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms {
			for _, field := range term.MatchFields {
				return field.Values[0]
			}
		}
	}
	return "node"
}

// Count returns how many pods are active, and how many of them ready.
func Count(pods []*corev1.Pod) (active, ready int32) {
	for _, pod := range pods {
		if pod.DeletionTimestamp != nil || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
			continue
		}
		active++
		for _, c := range pod.Status.Conditions {
			if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
				ready++
			}
		}
	}
	return active, ready
}
