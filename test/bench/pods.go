package main

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// pods measures from the POST of a pod until its Ready condition arrives on a
// watch, one at a time and 50 at once, and what an idle pod costs in memory.
func (b *bench) pods(ctx context.Context) error {
	if err := b.up(ctx); err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(b.config)
	if err != nil {
		return err
	}
	if _, err := b.podBatch(ctx, client, "warm", 3, 1); err != nil {
		return err
	}
	one, err := b.podBatch(ctx, client, "one", 30, 1)
	if err != nil {
		return err
	}
	row("POST of a pod to Ready on a watch", "p50", "p99")
	row("one at a time, 30 pods", ms(percentile(one, 50)), ms(percentile(one, 99)))
	server, helpers, err := b.minkePSS()
	if err != nil {
		return err
	}
	start := time.Now()
	many, err := b.podBatch(ctx, client, "many", 50, 50)
	if err != nil {
		return err
	}
	took := time.Since(start)
	row("50 at once", ms(percentile(many, 50)), ms(percentile(many, 99)))
	row("50 at once, pods per second", fmt.Sprintf("%.0f", 50/took.Seconds()), "")
	if err := pause(ctx, 5*time.Second); err != nil {
		return err
	}
	serverAfter, helpersAfter, err := b.minkePSS()
	if err != nil {
		return err
	}
	row("PSS of its helper processes per idle pod", fmt.Sprintf("%.2f MiB", (helpersAfter-helpers)/50), "")
	row("growth of the server's PSS by these 50 pods", fmt.Sprintf("%.1f MiB", serverAfter-server), "")
	return nil
}

// minkePSS returns what the server and the pods' helper processes take, in MiB.
func (b *bench) minkePSS() (server, helpers float64, err error) {
	pid, err := b.pid()
	if err != nil {
		return 0, 0, err
	}
	if server, err = pssOf(pid); err != nil {
		return 0, 0, err
	}
	pids, err := ownProcesses("minke-pod")
	for _, p := range pids {
		pss, err := pssOf(p)
		if err != nil {
			return 0, 0, err
		}
		helpers += pss
	}
	return server, helpers, err
}

// podBatch creates n pods, at most atOnce waiting at a time.
func (b *bench) podBatch(ctx context.Context, client kubernetes.Interface, prefix string, n, atOnce int) ([]time.Duration, error) {
	pods := client.CoreV1().Pods("default")
	list, err := pods.List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	w, err := pods.Watch(ctx, metav1.ListOptions{ResourceVersion: list.ResourceVersion})
	if err != nil {
		return nil, err
	}
	defer w.Stop()
	started := map[string]time.Time{}
	var took []time.Duration
	next := 0
	create := func() error {
		name := fmt.Sprintf("%s-%d", prefix, next)
		next++
		started[name] = time.Now()
		_, err := pods.Create(ctx, sleeper(name), metav1.CreateOptions{})
		return err
	}
	for next < min(n, atOnce) {
		if err := create(); err != nil {
			return nil, err
		}
	}
	for e := range w.ResultChan() {
		pod, ok := e.Object.(*corev1.Pod)
		at, waiting := started[nameOf(pod)]
		if !ok || !waiting || !isReady(pod) {
			continue
		}
		took = append(took, time.Since(at))
		delete(started, pod.Name)
		if len(took) == n {
			return took, nil
		}
		if next < n {
			if err := create(); err != nil {
				return nil, err
			}
		}
	}
	return nil, fmt.Errorf("the watch ended after %d of %d pods: %w", len(took), n, ctx.Err())
}

func nameOf(pod *corev1.Pod) string {
	if pod == nil {
		return ""
	}
	return pod.Name
}

func isReady(pod *corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

func sleeper(name string) *corev1.Pod {
	grace := int64(0)
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PodSpec{
			TerminationGracePeriodSeconds: &grace,
			Containers: []corev1.Container{{
				Name: "c", Image: "minke.local/toolbox", ImagePullPolicy: corev1.PullNever, Command: []string{"sleep", "100000"},
			}},
		},
	}
}
