package local

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// inThread runs f on a thread of its own that ends with it, so that whatever
// namespaces f moves to, nothing else is moved with it.
func inThread(f func() error) error {
	done := make(chan error, 1)
	go func() {
		// Never unlocked: the thread is not to be used again.
		runtime.LockOSThread()
		done <- f()
	}()
	return <-done
}

// keepNamespaces makes new namespaces and binds them to files, by which they
// live on when no process is in them. prepare runs inside of them.
func keepNamespaces(files map[string]string, prepare func() error) error {
	flags := 0
	for kind := range files {
		flags |= namespaceFlags[kind]
	}
	made, bound := make(chan int, 1), make(chan struct{})
	release := sync.OnceFunc(func() { close(bound) })
	defer release()
	failed := make(chan error, 1)
	go func() {
		failed <- inThread(func() error {
			if err := unix.Unshare(flags); err != nil {
				return fmt.Errorf("create namespaces: %w", err)
			}
			if prepare != nil {
				if err := prepare(); err != nil {
					return err
				}
			}
			made <- unix.Gettid()
			<-bound
			return nil
		})
	}()
	select {
	case err := <-failed:
		return err
	case tid := <-made:
		for kind, file := range files {
			if err := bindNamespace(fmt.Sprintf("/proc/self/task/%d/ns/%s", tid, kind), file); err != nil {
				return err
			}
		}
	}
	release()
	return <-failed
}

var namespaceFlags = map[string]int{"net": unix.CLONE_NEWNET, "mnt": unix.CLONE_NEWNS | unix.CLONE_FS}

func bindNamespace(namespace, file string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("keep namespace: %w", err)
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDONLY, 0o600)
	if err != nil {
		return fmt.Errorf("keep namespace: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("keep namespace: %w", err)
	}
	if err := unix.Mount(namespace, file, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("keep namespace %s: %w", file, err)
	}
	return nil
}

// isNamespace tells whether file holds a kept namespace.
func isNamespace(file string) bool {
	var st unix.Statfs_t
	return unix.Statfs(file, &st) == nil && st.Type == unix.NSFS_MAGIC
}

// enter moves the calling thread, which must belong to inThread, into kept
// namespaces, the mount namespace last: the files are not visible from there.
func enter(net, mnt string) error {
	if err := enterOne(net, unix.CLONE_NEWNET); err != nil {
		return err
	}
	if mnt == "" {
		return nil
	}
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return fmt.Errorf("enter namespace: %w", err)
	}
	return enterOne(mnt, unix.CLONE_NEWNS)
}

func enterOne(file string, kind int) error {
	fd, err := unix.Open(file, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("enter namespace %s: %w", file, err)
	}
	err = unix.Setns(fd, kind)
	return errors.Join(wrap("enter namespace "+file, err), unix.Close(fd))
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// mountRun makes the cluster's run directory: a tmpfs that is private, since
// the kernel lets a mount namespace be kept only on such a one.
func mountRun(p Paths) error {
	if err := os.MkdirAll(p.Run, 0o700); err != nil {
		return fmt.Errorf("create %s: %w", p.Run, err)
	}
	var st unix.Statfs_t
	if err := unix.Statfs(filepath.Join(p.Run, "."), &st); err != nil {
		return fmt.Errorf("look at %s: %w", p.Run, err)
	}
	mounted, err := isMountPoint(p.Run)
	if err != nil || mounted {
		return err
	}
	err = unix.Mount("minke", p.Run, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0700")
	if err == nil {
		err = unix.Mount("", p.Run, "", unix.MS_PRIVATE, "")
	}
	return wrap("mount "+p.Run, err)
}

// isMountPoint tells whether path is on another mount than its parent.
func isMountPoint(path string) (bool, error) {
	var here, above unix.Statx_t
	err1 := unix.Statx(unix.AT_FDCWD, path, unix.AT_NO_AUTOMOUNT, unix.STATX_MNT_ID, &here)
	err2 := unix.Statx(unix.AT_FDCWD, filepath.Dir(path), unix.AT_NO_AUTOMOUNT, unix.STATX_MNT_ID, &above)
	return here.Mnt_id != above.Mnt_id, wrap("look at "+path, errors.Join(err1, err2))
}

// ownMounts cuts the new mount namespace off from the host's: what a node
// mounts is seen by the node alone.
func ownMounts() error {
	return wrap("make mounts private", unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, ""))
}
