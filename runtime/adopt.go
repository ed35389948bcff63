package runtime

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"minke/runtime/shim"
)

// adopt takes up the sandboxes and containers that State has. What has no
// record was being made or removed when the agent ended, and goes.
func (r *Runtime) adopt() error {
	if err := each(r.sandboxesDir(), r.adoptSandbox); err != nil {
		return err
	}
	if err := each(r.containersDir(), r.adoptContainer); err != nil {
		return err
	}
	err := each(r.layersDir(), func(id string) error {
		if r.containers[id] != nil {
			return nil
		}
		return os.RemoveAll(r.writableDir(id)) // of before a reboot
	})
	return errors.Join(err, r.images.Collect())
}

func each(dir string, f func(name string) error) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		errs = append(errs, f(e.Name()))
	}
	return errors.Join(errs...)
}

func (r *Runtime) adoptSandbox(id string) error {
	dir := r.sandboxDir(id)
	var rec sandboxRecord
	if err := loadRecord(dir, &rec); errors.Is(err, os.ErrNotExist) {
		return errors.Join(unmount(filepath.Join(dir, "netns")), unmount(filepath.Join(dir, "shm")), os.RemoveAll(dir))
	} else if err != nil {
		return err
	}
	s, err := decodeSandbox(rec)
	if err != nil {
		return err
	}
	s.shim, err = shim.Connect(dir, &listener{r, id})
	if errors.Is(err, shim.ErrGone) {
		s.Ready = false // a set-up that was not finished, or the helper was ended
	} else if err != nil {
		return err
	}
	r.mu.Lock()
	r.sandboxes[id] = s
	r.mu.Unlock()
	return nil
}

// adoptContainer connects first and reads the files then: an end in between is
// told by the one or found in the other.
func (r *Runtime) adoptContainer(id string) error {
	var rec containerRecord
	if err := loadRecord(r.containerDir(id), &rec); errors.Is(err, os.ErrNotExist) {
		return errors.Join(os.RemoveAll(r.writableDir(id)), os.RemoveAll(r.containerDir(id)))
	} else if err != nil {
		return err
	}
	c, err := decodeContainer(rec)
	if err != nil {
		return err
	}
	r.images.Hold(c.allLayers())
	if c.Launched {
		c.startedAt = readStarted(r.containerDir(id))
	}
	// From here on its end may be told, on the connection's own goroutine: it
	// must not find r.mu held by us while we wait for an answer.
	r.mu.Lock()
	r.containers[id] = c
	r.mu.Unlock()
	if !c.Launched {
		return nil
	}
	running, err := r.stillRuns(c)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case c.state == runtimeapi.ContainerState_CONTAINER_EXITED:
	case running:
		if c.startedAt == 0 {
			c.startedAt = time.Now().UnixNano()
		}
		c.state = runtimeapi.ContainerState_CONTAINER_RUNNING
	case r.neverStarted(c):
		c.Launched = false
		return r.saveContainer(c)
	default:
		r.adoptEnded(c)
	}
	return nil
}

// neverStarted tells that the agent ended between its note of a start and the
// helper's doing: the helper has the container neither running nor in its files.
// It is one that was created. Called an ended one, it would count as restarted.
func (r *Runtime) neverStarted(c *container) bool {
	dir := r.containerDir(c.ID)
	_, _, _, ended := readExit(dir)
	return !ended && c.Lost == 0 && readStarted(dir) == 0
}

func (r *Runtime) stillRuns(c *container) (bool, error) {
	r.mu.RLock()
	s := r.sandboxes[c.SandboxID]
	r.mu.RUnlock()
	if s == nil || s.shim == nil {
		return false, nil
	}
	_, _, err := s.shim.Running(r.ctx, c.ID)
	if errors.Is(err, shim.ErrNotFound) || errors.Is(err, shim.ErrGone) {
		return false, nil
	}
	return err == nil, err
}

// adoptEnded needs r.mu held.
func (r *Runtime) adoptEnded(c *container) {
	code, at, text, ok := readExit(r.containerDir(c.ID))
	switch {
	case ok && c.startedAt == 0:
		c.finish(code, at, reasonStartError, text)
	case ok:
		if s := r.sandboxes[c.SandboxID]; s != nil && code != 0 && !c.OOMKilled {
			if g, err := r.group(c, s.config, noResources()); err == nil {
				c.OOMKilled = g.OOMKills() > 0
			}
		}
		c.finish(code, at, exitReason(code, c.OOMKilled), text)
	case c.Lost != 0:
		c.finish(137, time.Unix(0, c.Lost), reasonLost, "")
	default:
		c.finish(137, time.Now(), reasonLost, "the container ended while nobody watched")
	}
	if s := r.sandboxes[c.SandboxID]; s != nil {
		if g, err := r.group(c, s.config, noResources()); err == nil {
			r.background.Go(func() { r.dispose(c, g) })
		}
	}
}

// readExit reads the helper's "<code> <nanoseconds> <text>".
func readExit(dir string) (code int32, at time.Time, text string, ok bool) {
	data, err := os.ReadFile(filepath.Join(dir, "exit"))
	if err != nil {
		return 0, at, "", false
	}
	fields := strings.SplitN(string(data), " ", 3)
	if len(fields) < 2 {
		return 0, at, "", false
	}
	n, err1 := strconv.ParseInt(fields[0], 10, 32)
	ns, err2 := strconv.ParseInt(fields[1], 10, 64)
	if err1 != nil || err2 != nil {
		return 0, at, "", false
	}
	if len(fields) == 3 {
		text = fields[2]
	}
	return int32(n), time.Unix(0, ns), text, true
}

func readStarted(dir string) int64 {
	data, err := os.ReadFile(filepath.Join(dir, "started"))
	if err != nil {
		return 0
	}
	var pid, at int64
	if _, err := fmt.Sscan(string(data), &pid, &at); err != nil {
		return 0
	}
	return at
}
