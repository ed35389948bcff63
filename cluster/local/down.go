package local

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Down stops the cluster and removes every trace of it: processes, mounts,
// namespaces, network devices, nftables tables, cgroups and files. Called for
// a cluster that is not there, it finds nothing to do.
func Down(name, dataDir string, out io.Writer) error {
	p, err := PathsOf(name, dataDir)
	if err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		return errors.New("minke down needs root; try sudo")
	}
	show := newProgress(out)
	spec, err := p.LoadSpec()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if spec == nil {
		// Without its Spec nothing proves that the directory is a cluster's.
		if _, err := os.Lstat(p.Run); errors.Is(err, fs.ErrNotExist) {
			show.stage("", "nothing to do: there is no cluster "+name)
			return nil
		}
	}
	errs := []error{p.stop(spec, show)}
	if spec != nil {
		errs = append(errs, wrap("remove data directory", os.RemoveAll(p.Data)))
	}
	if err := os.Remove(p.Run + ".data"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		errs = append(errs, err)
	}
	removeIfEmpty(filepath.Dir(p.Run), filepath.Dir(p.Data), filepath.Dir(filepath.Dir(p.Data)))
	if err := errors.Join(errs...); err != nil {
		return err
	}
	show.stage("", "gone")
	return nil
}

// Stop ends the cluster but keeps its data: `minke up` takes it up again, with
// new containers for its pods.
func Stop(name, dataDir string, out io.Writer) error {
	p, err := PathsOf(name, dataDir)
	if err != nil {
		return err
	}
	spec, err := p.LoadSpec()
	if err != nil {
		return err
	}
	return p.stop(spec, newProgress(out))
}

// stop ends everything that runs and takes the host's part of the network away.
func (p Paths) stop(spec *Spec, show *progress) error {
	if err := stopProcesses(p, show); err != nil {
		return err
	}
	show.stage("", "mounts, namespaces, network")
	return errors.Join(releaseRun(p), unwireUplink(p, spec), removeCgroups(p.Name))
}

// removeIfEmpty removes Minke's own parent directories when no other cluster
// is in them; that they are not empty is no error.
func removeIfEmpty(dirs ...string) {
	for _, dir := range dirs {
		if base := filepath.Base(dir); base == "minke" || base == "clusters" {
			_ = os.Remove(dir)
		}
	}
}

// stopProcesses ends the nodes' processes first, which would otherwise start
// again what is being ended, then everything that lives in the cluster's
// namespaces: containers and their helpers.
func stopProcesses(p Paths, show *progress) error {
	namespaces, err := keptNamespaces(p)
	if err != nil {
		return err
	}
	nodes, err := filepath.Glob(filepath.Join(p.Run, "*", "pid"))
	if err != nil {
		return err
	}
	for _, file := range nodes {
		node := filepath.Base(filepath.Dir(file))
		if alive, err := running(p, node); err != nil || !alive {
			continue
		}
		pid, err := readPid(p, node)
		if err != nil {
			return fmt.Errorf("stop %s: %w", node, err)
		}
		show.stage(node, "stop")
		mine := func() bool { alive, err := running(p, node); return err == nil && alive }
		if err := endProcess(pid, mine); err != nil {
			return fmt.Errorf("stop %s: %w", node, err)
		}
	}
	show.stage("", "stop containers")
	deadline := time.Now().Add(10 * time.Second)
	for {
		pids, err := members(p, namespaces)
		if err != nil {
			return err
		}
		if len(pids) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("stop containers: processes %v did not end", pids)
		}
		for _, pid := range pids {
			mine := func() bool { return inNamespace(pid, namespaces) || inCgroup(pid, p.Name) }
			if err := endProcess(pid, mine); err != nil {
				return fmt.Errorf("stop containers: %w", err)
			}
		}
	}
}

// endProcess kills the process and waits until it is gone, through a pidfd. It
// asks once more whether the process is meant when it has hold of it: from then
// on the pid cannot come to mean another process, before that it may have.
func endProcess(pid int, mine func() bool) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if !mine() {
		return nil
	}
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return err
	}
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 5000)
	if err == nil && n == 0 {
		return fmt.Errorf("process %d did not end within 5 s of SIGKILL", pid)
	}
	if errors.Is(err, unix.EINTR) {
		return nil
	}
	return err
}

// keptNamespaces returns the identities of the cluster's namespaces.
func keptNamespaces(p Paths) (map[string]bool, error) {
	ids := map[string]bool{}
	files, err := filepath.Glob(filepath.Join(p.Run, "*", "*"))
	if err != nil {
		return nil, err
	}
	for _, file := range append(files, filepath.Join(p.Run, "net")) {
		kind := filepath.Base(file)
		var st unix.Stat_t
		if !isNamespace(file) || unix.Stat(file, &st) != nil {
			continue
		}
		ids[fmt.Sprintf("%s:[%d]", kind, st.Ino)] = true
	}
	return ids, nil
}

// members returns the processes that are in one of the namespaces or in the
// cluster's cgroups.
func members(p Paths, namespaces map[string]bool) ([]int, error) {
	pids, err := cgroupMembers(p.Name)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if pid != os.Getpid() && inNamespace(pid, namespaces) {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// inNamespace tells whether the process is in one of the namespaces. It may end
// at any moment: what cannot be read is gone.
func inNamespace(pid int, namespaces map[string]bool) bool {
	for _, kind := range []string{"net", "mnt"} {
		if id, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", pid, kind)); err == nil && namespaces[id] {
			return true
		}
	}
	return false
}

// releaseRun lets go of the kept namespaces, and with them of their devices
// and mounts, and removes the run directory.
func releaseRun(p Paths) error {
	if mounted, err := isMountPoint(p.Run); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err == nil && mounted {
		files, err := filepath.Glob(filepath.Join(p.Run, "*", "*"))
		if err != nil {
			return err
		}
		for _, file := range append(files, filepath.Join(p.Run, "net")) {
			if !isNamespace(file) {
				continue
			}
			if err := unix.Unmount(file, unix.MNT_DETACH); err != nil {
				return fmt.Errorf("release %s: %w", file, err)
			}
		}
		if err := unix.Unmount(p.Run, unix.MNT_DETACH); err != nil {
			return fmt.Errorf("unmount %s: %w", p.Run, err)
		}
	}
	return wrap("remove "+p.Run, os.RemoveAll(p.Run))
}
