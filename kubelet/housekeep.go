package kubelet

import (
	"context"
	"path/filepath"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"minke/kubelet/cri"
	"minke/kubelet/logs"
)

const (
	rotatePeriod = 10 * time.Second
	maxLogSize   = 10 << 20
	maxLogFiles  = 5
)

// housekeep does what needs no haste: it bounds the logs of running containers.
func (k *Kubelet) housekeep(ctx context.Context) {
	tick := time.NewTicker(rotatePeriod)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			k.rotateLogs(ctx)
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
