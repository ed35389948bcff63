package kubelet

import (
	"context"
	"path/filepath"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"minke/kubelet/cri"
	"minke/kubelet/eviction"
	"minke/kubelet/image"
	"minke/kubelet/logs"
	"minke/kubelet/spec"
)

const (
	rotatePeriod = 10 * time.Second
	maxLogSize   = 10 << 20
	maxLogFiles  = 5
	imagePeriod  = 5 * time.Minute
	// Images are removed when the file system is fuller than imagesHigh
	// percent, until it is at imagesLow.
	imagesHigh, imagesLow = 85, 80
)

// housekeep does what needs no haste: it bounds the logs of running containers
// and the images, and ends pods when the node runs low.
func (k *Kubelet) housekeep(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { k.evictions.Run(ctx) })
	wg.Go(func() { every(ctx, rotatePeriod, k.rotateLogs) })
	wg.Go(func() { every(ctx, imagePeriod, k.collectImages) })
	wg.Wait()
}

func every(ctx context.Context, period time.Duration, f func(context.Context)) {
	tick := time.NewTicker(period)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			f(ctx)
		}
	}
}

func (k *Kubelet) rotateLogs(ctx context.Context) {
	rotation := logs.Rotation{MaxSize: maxLogSize, MaxFiles: maxLogFiles, Reopen: func(ctx context.Context, id string) error {
		_, err := k.Runtime.ReopenContainerLog(ctx, &runtimeapi.ReopenContainerLogRequest{ContainerId: id})
		return err
	}}
	for _, pod := range k.pods.Pods() {
		state, err := cri.Inspect(ctx, k.Runtime, string(pod.UID))
		if err != nil {
			k.log.Warn("rotate logs", "err", err)
			return
		}
		for _, c := range state.Running() {
			if c.LogPath == "" {
				continue
			}
			l := logs.Log{Root: k.LogDir, Dir: filepath.Dir(c.LogPath), Base: filepath.Base(c.LogPath)}
			if err := rotation.Rotate(ctx, l, c.Id); err != nil && ctx.Err() == nil {
				k.log.Warn("rotate log", "container", c.Id, "err", err)
			}
		}
	}
}

func (k *Kubelet) newEvictions(dirs *spec.Builder) *eviction.Manager {
	k.images = &image.Collector{Images: k.Images, Runtime: k.Runtime}
	return eviction.New(eviction.Config{
		Signals: k.Signals,
		Pods:    func() []*corev1.Pod { return k.pods.Pods() },
		Usage:   k.usage,
		Disk:    func(ctx context.Context, pod *corev1.Pod) (eviction.Disk, error) { return k.disk(ctx, dirs, pod) },
		Evict:   k.pods.Evict,
		Event: func(pod *corev1.Pod, reason, message string) {
			k.Record(pod, "", corev1.EventTypeWarning, reason, message)
		},
		Reclaim: func(ctx context.Context) error { return k.images.Free(ctx, 1<<62) },
		Changed: k.node.Wake, Now: time.Now,
	})
}

// usage reads what each pod uses of memory, or of disk as its containers'
// writable layers.
func (k *Kubelet) usage(ctx context.Context, name corev1.ResourceName) (map[types.UID]int64, error) {
	answer, err := k.Runtime.ListPodSandboxStats(ctx, &runtimeapi.ListPodSandboxStatsRequest{})
	if err != nil {
		return nil, err
	}
	out := map[types.UID]int64{}
	for _, p := range answer.Stats {
		uid := types.UID(p.GetAttributes().GetMetadata().GetUid())
		if name == corev1.ResourceMemory {
			out[uid] = int64(p.GetLinux().GetMemory().GetWorkingSetBytes().GetValue())
			continue
		}
		for _, c := range p.GetLinux().GetContainers() {
			out[uid] += int64(c.GetWritableLayer().GetUsedBytes().GetValue())
		}
	}
	return out, nil
}

// disk reads what one pod uses of the disk.
func (k *Kubelet) disk(ctx context.Context, dirs *spec.Builder, pod *corev1.Pod) (eviction.Disk, error) {
	out := eviction.Disk{Containers: map[string]int64{}, EmptyDirs: map[string]int64{}}
	answer, err := k.Runtime.ListContainerStats(ctx, &runtimeapi.ListContainerStatsRequest{
		Filter: &runtimeapi.ContainerStatsFilter{LabelSelector: map[string]string{cri.LabelPodUID: string(pod.UID)}}})
	if err != nil {
		return out, err
	}
	for _, c := range answer.Stats {
		name := c.GetAttributes().GetMetadata().GetName()
		written, err := eviction.Used(ctx, filepath.Join(dirs.PodLogDir(pod), name))
		if err != nil {
			return out, err
		}
		out.Containers[name] = written + int64(c.GetWritableLayer().GetUsedBytes().GetValue())
	}
	for i := range pod.Spec.Volumes {
		v := &pod.Spec.Volumes[i]
		if v.EmptyDir == nil || v.EmptyDir.Medium != corev1.StorageMediumDefault {
			continue
		}
		if out.EmptyDirs[v.Name], err = eviction.Used(ctx, dirs.EmptyDir(pod, v.Name)); err != nil {
			return out, err
		}
	}
	return out, nil
}

// collectImages removes unused images when the disk is nearly full.
func (k *Kubelet) collectImages(ctx context.Context) {
	span := k.Tracer.Begin("Images/GarbageCollect")
	defer span.End()
	ctx = span.Within(ctx)
	err := k.images.Observe(ctx)
	if err == nil {
		var signals []eviction.Signal
		if signals, err = k.Signals(); err == nil {
			for _, s := range signals {
				if used := s.Capacity - s.Available; s.Name == "nodefs.available" && used*100 > s.Capacity*imagesHigh {
					err = k.images.Free(ctx, used-s.Capacity/100*imagesLow)
				}
			}
		}
	}
	if err != nil && ctx.Err() == nil {
		k.log.Warn("collect images", "err", err)
	}
}
