package pods

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"minke/kubelet/cri"
)

// finish tidies up after a pod whose containers are dead, asks the API to drop
// it if it is marked so, and removes the last traces once it is gone there.
func (j *job) finish(ctx context.Context) (time.Duration, error) {
	if running := j.rt.Running(); len(running) > 0 {
		// Started by a worker that was killed in between: end them too.
		j.mu.Lock()
		j.w.stage = terminating
		j.mu.Unlock()
		return j.terminate(ctx)
	}
	j.publish(true)
	if err := j.Volumes.Unmount(j.pod.UID); err != nil {
		return 0, err
	}
	if err := j.Cgroups.Remove(j.pod); err != nil {
		return 0, err
	}
	j.Probes.Forget(j.pod.UID)
	if j.Forget != nil {
		j.Forget(j.pod.UID)
	}
	j.Puller.Forget(string(j.pod.UID))
	j.backoff.Forget(func(key string) bool { return strings.HasPrefix(key, string(j.pod.UID)+"/") })
	if j.gone {
		return 0, j.remove(ctx)
	}
	if j.pod.DeletionTimestamp != nil {
		j.Status.Finish(j.api)
	}
	return 0, nil
}

// remove deletes containers, sandboxes, files and logs, and ends the worker.
func (j *job) remove(ctx context.Context) error {
	for _, c := range j.rt.Containers {
		if _, err := j.Runtime.RemoveContainer(ctx, &runtimeapi.RemoveContainerRequest{ContainerId: c.Id}); err != nil && !cri.IsNotFound(err) {
			return fmt.Errorf("remove container %s: %w", c.Id, err)
		}
		j.removeLink(c)
	}
	for _, box := range j.rt.Sandboxes {
		if _, err := j.Runtime.RemovePodSandbox(ctx, &runtimeapi.RemovePodSandboxRequest{PodSandboxId: box.Id}); err != nil && !cri.IsNotFound(err) {
			return fmt.Errorf("remove sandbox %s: %w", box.Id, err)
		}
	}
	if err := j.Volumes.Remove(j.pod.UID); err != nil {
		return err
	}
	if err := removeBeneath(j.Spec.LogDir, filepath.Base(j.Spec.PodLogDir(j.pod))); err != nil {
		return err
	}
	j.Status.Forget(j.pod.UID)
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.workers, j.pod.UID)
	return nil
}

// removeBeneath deletes name in dir without following links out of it.
func removeBeneath(dir, name string) error {
	root, err := os.OpenRoot(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer root.Close()
	return root.RemoveAll(name)
}

// removeLogs deletes the log files of a dead container that was removed.
func (j *job) removeLogs(c *runtimeapi.ContainerStatus) {
	j.removeLink(c)
	name := c.GetMetadata().GetName()
	dir := filepath.Join(j.Spec.PodLogDir(j.pod), name)
	root, err := os.OpenRoot(dir)
	if err != nil {
		return
	}
	defer root.Close()
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	base := filepath.Base(c.LogPath)
	for _, e := range entries {
		if e.Name() == base || strings.HasPrefix(e.Name(), base+".") {
			if err := root.Remove(e.Name()); err != nil {
				j.log.Warn("remove log", "file", e.Name(), "err", err)
			}
		}
	}
}

func (j *job) removeLink(c *runtimeapi.ContainerStatus) {
	if j.ContainerLogs == "" {
		return
	}
	link := fmt.Sprintf("%s_%s_%s-%s.log", j.pod.Name, j.pod.Namespace, c.GetMetadata().GetName(), c.Id)
	if err := removeBeneath(j.ContainerLogs, link); err != nil {
		j.log.Warn("remove link of container log", "link", link, "err", err)
	}
}
