package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// workers is the number of clients that write and read at the same time.
const workers = 32

// watchers is the number of watches in the watch phase.
const watchers = 100

// api measures the API with ConfigMaps of 1 KiB.
func (b *bench) api(ctx context.Context) error {
	if err := b.up(ctx); err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(b.config)
	if err != nil {
		return err
	}
	core := client.CoreV1().RESTClient()
	payload := strings.Repeat("x", 1024)
	row(fmt.Sprintf("%d objects of 1 KiB, %d clients", b.objects, workers), "per second", "p50", "p99", "per CPU-s")
	err = b.phase(ctx, "create", b.objects, func(i int) error {
		body := fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"o-%d"},"data":{"payload":%q}}`, i, payload)
		return core.Post().Namespace("default").Resource("configmaps").SetHeader("Content-Type", "application/json").Body([]byte(body)).Do(ctx).Error()
	})
	if err != nil {
		return err
	}
	err = b.phase(ctx, "get", b.objects, func(i int) error {
		return discard(core.Get().Namespace("default").Resource("configmaps").Name(fmt.Sprintf("o-%d", i)).SetHeader("Accept", "application/json").Stream(ctx))
	})
	if err != nil {
		return err
	}
	if err := b.lists(ctx, core); err != nil {
		return err
	}
	return b.watches(ctx, core)
}

func (b *bench) phase(ctx context.Context, name string, n int, op func(i int) error) error {
	pid, err := b.pid()
	if err != nil {
		return err
	}
	cpu, err := cpuOf(pid)
	if err != nil {
		return err
	}
	took := make([]time.Duration, n)
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	start := time.Now()
	for range workers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				at := time.Now()
				if err := op(i); err != nil {
					failed.Store(&err)
					return
				}
				took[i] = time.Since(at)
			}
		})
	}
	wg.Wait()
	all := time.Since(start)
	if err := failed.Load(); err != nil {
		return fmt.Errorf("%s: %w", name, *err)
	}
	after, err := cpuOf(pid)
	if err != nil {
		return err
	}
	row(name, fmt.Sprintf("%.0f", float64(n)/all.Seconds()), ms(percentile(took, 50)), ms(percentile(took, 99)), fmt.Sprintf("%.0f", float64(n)/(after-cpu)))
	return nil
}

func discard(body io.ReadCloser, err error) error {
	if err != nil {
		return err
	}
	defer body.Close()
	_, err = io.Copy(io.Discard, body)
	return err
}

// lists reads the whole collection ten times.
func (b *bench) lists(ctx context.Context, core rest.Interface) error {
	pid, err := b.pid()
	if err != nil {
		return err
	}
	cpu, err := cpuOf(pid)
	if err != nil {
		return err
	}
	var bytes int64
	start := time.Now()
	for range 10 {
		body, err := core.Get().Namespace("default").Resource("configmaps").SetHeader("Accept", "application/json").Stream(ctx)
		if err != nil {
			return err
		}
		n, err := io.Copy(io.Discard, body)
		body.Close()
		if err != nil {
			return err
		}
		bytes += n
	}
	took := time.Since(start).Seconds()
	after, err := cpuOf(pid)
	if err != nil {
		return err
	}
	mib := float64(bytes) / (1 << 20)
	row("list, whole", fmt.Sprintf("%.0f MiB/s", mib/took), "", "", fmt.Sprintf("%.0f MiB", mib/(after-cpu)))
	return nil
}

// watches counts the events that 100 watchers receive while 500 objects are
// patched as fast as the clients can.
func (b *bench) watches(ctx context.Context, core rest.Interface) error {
	const updates = 500
	list, err := core.Get().Namespace("default").Resource("configmaps").VersionedParams(&metav1.ListOptions{Limit: 1}, metav1.ParameterCodec).Do(ctx).Get()
	if err != nil {
		return err
	}
	meta, ok := list.(metav1.ListInterface)
	if !ok {
		return fmt.Errorf("list answered a %T", list)
	}
	pid, err := b.pid()
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	errs := make(chan error, watchers)
	for range watchers {
		body, err := core.Get().Namespace("default").Resource("configmaps").
			VersionedParams(&metav1.ListOptions{Watch: true, ResourceVersion: meta.GetResourceVersion()}, metav1.ParameterCodec).
			SetHeader("Accept", "application/json").Stream(ctx)
		if err != nil {
			return err
		}
		wg.Go(func() { errs <- countLines(body, updates) })
	}
	cpu, err := cpuOf(pid)
	if err != nil {
		return err
	}
	start := time.Now()
	err = b.phase(ctx, "merge patch, watched by 100", updates, func(i int) error {
		return core.Patch("application/merge-patch+json").Namespace("default").Resource("configmaps").
			Name(fmt.Sprintf("o-%d", i)).Body([]byte(`{"data":{"more":"yes"}}`)).Do(ctx).Error()
	})
	if err != nil {
		return err
	}
	wg.Wait()
	took := time.Since(start).Seconds()
	close(errs)
	for err := range errs {
		if err != nil {
			return err
		}
	}
	after, err := cpuOf(pid)
	if err != nil {
		return err
	}
	row("watch events, 100 watchers", fmt.Sprintf("%.0f", updates*watchers/took), "", "", fmt.Sprintf("%.0f", updates*watchers/(after-cpu)))
	return nil
}

// countLines returns when n events have come.
func countLines(body io.ReadCloser, n int) error {
	defer body.Close()
	buffer := make([]byte, 64<<10)
	for n > 0 {
		k, err := body.Read(buffer)
		for _, c := range buffer[:k] {
			if c == '\n' {
				n--
			}
		}
		if err != nil && n > 0 {
			return fmt.Errorf("watch ended with %d events missing: %w", n, err)
		}
	}
	return nil
}
