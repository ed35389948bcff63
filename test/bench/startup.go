package main

import (
	"context"
	"os/exec"
	"path/filepath"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	corev1 "k8s.io/api/core/v1"

	"minke/test/bench/await"
)

// startup measures, from the exec of `minke up` with nothing there before,
// until /readyz answers, the node is Ready, and the command returns.
func (b *bench) startup(ctx context.Context) error {
	var ready, node, returned []time.Duration
	for range b.runs {
		if err := b.down(); err != nil {
			return err
		}
		r, n, all, err := b.startOnce(ctx)
		if err != nil {
			return err
		}
		ready, node, returned = append(ready, r), append(node, n), append(returned, all)
	}
	row("from nothing, "+b.minke+" up --detach", "median", "max")
	row("/readyz answers ok", ms(percentile(ready, 50)), ms(percentile(ready, 100)))
	row("node is Ready", ms(percentile(node, 50)), ms(percentile(node, 100)))
	row("up returns: node Ready and DNS answers", ms(percentile(returned, 50)), ms(percentile(returned, 100)))
	return nil
}

func (b *bench) startOnce(ctx context.Context) (ready, node, returned time.Duration, err error) {
	cmd := exec.CommandContext(ctx, b.minke, "up", "--detach", "--isolated", "--name", b.name)
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, 0, 0, err
	}
	config, err := await.Kubeconfig(ctx, filepath.Join("/var/lib/minke/clusters", b.name, "kubeconfig"))
	if err != nil {
		return 0, 0, 0, err
	}
	if err := await.Ready(ctx, config, "/readyz"); err != nil {
		return 0, 0, 0, err
	}
	ready = time.Since(start)
	if err := awaitNode(ctx, config); err != nil {
		return 0, 0, 0, err
	}
	node = time.Since(start)
	err = cmd.Wait()
	return ready, node, time.Since(start), err
}

func awaitNode(ctx context.Context, config *rest.Config) error {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	w, err := client.CoreV1().Nodes().Watch(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	defer w.Stop()
	for e := range w.ResultChan() {
		if n, ok := e.Object.(*corev1.Node); ok {
			for _, c := range n.Status.Conditions {
				if c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue {
					return nil
				}
			}
		}
	}
	return ctx.Err()
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
