package volume

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
)

// openBeneath opens sub below dir without ever leaving dir, whatever symlinks
// a container has put there. What is missing is made, as directories.
//
// The kernel does the check while it walks (openat2, RESOLVE_BENEATH), so there
// is no moment between check and use.
func openBeneath(dir, sub string) (*os.File, error) {
	at, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: dir, Err: err}
	}
	defer unix.Close(at)
	fd, err := openat2(at, sub)
	if err == unix.ENOENT {
		if err := mkdirBeneath(at, sub); err != nil {
			return nil, err
		}
		fd, err = openat2(at, sub)
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open beneath " + dir, Path: sub, Err: err}
	}
	return os.NewFile(uintptr(fd), filepath.Join(dir, sub)), nil
}

func openat2(at int, name string) (int, error) {
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS}
	for {
		fd, err := unix.Openat2(at, name, &how)
		if err != unix.EAGAIN && err != unix.EINTR { // EAGAIN: a rename ran meanwhile
			return fd, err
		}
	}
}

// mkdirBeneath makes the directories of sub one by one, each in a parent that
// was itself opened beneath at. They are as open as the volume itself, since
// any user of the container may be meant to write there.
func mkdirBeneath(at int, sub string) error {
	var volume unix.Stat_t
	if err := unix.Fstat(at, &volume); err != nil {
		return os.NewSyscallError("fstat", err)
	}
	parts := strings.Split(sub, "/")
	for i, part := range parts {
		parent := at
		if i > 0 {
			fd, err := openat2(at, strings.Join(parts[:i], "/"))
			if err != nil {
				return &fs.PathError{Op: "open beneath volume", Path: strings.Join(parts[:i], "/"), Err: err}
			}
			parent = fd
		}
		err := mkdirIn(parent, part, volume.Mode&0o777)
		if parent != at {
			unix.Close(parent)
		}
		if err != nil {
			return &fs.PathError{Op: "mkdir beneath volume", Path: sub, Err: err}
		}
	}
	return nil
}

// mkdirIn makes one directory with that very mode, whatever the umask; one that
// exists is left as it is.
func mkdirIn(parent int, name string, mode uint32) error {
	err := unix.Mkdirat(parent, name, mode)
	if err == unix.EEXIST {
		return nil
	}
	if err != nil {
		return err
	}
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC | unix.O_DIRECTORY | unix.O_NOFOLLOW, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS}
	fd, err := unix.Openat2(parent, name, &how)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Chmod("/proc/self/fd/"+strconv.Itoa(fd), mode)
}

// SubPath names one use of a part of a volume.
type SubPath struct {
	Pod       *corev1.Pod
	Container string
	// Index of the volumeMount in its container.
	Index  int
	Volume string
	// Dir is the volume, Path the part of it.
	Dir, Path string
}

// Mount binds the part to a path of the kubelet's own, which stays that very
// file or directory, and returns that path.
func (m *Manager) MountSubPath(s SubPath) (string, error) {
	if !filepath.IsLocal(s.Path) {
		return "", fmt.Errorf("subPath %q must not leave the volume %s", s.Path, s.Volume)
	}
	source, err := openBeneath(s.Dir, filepath.Clean(s.Path))
	if err != nil {
		return "", fmt.Errorf("failed to prepare subPath for volumeMount %q of container %q: %w", s.Volume, s.Container, err)
	}
	defer source.Close()
	target := filepath.Join(m.podDir(s.Pod.UID), "volume-subpaths", s.Volume, s.Container, strconv.Itoa(s.Index))
	if err := m.freshTarget(source, target); err != nil {
		return "", fmt.Errorf("prepare subPath of volume %s: %w", s.Volume, err)
	}
	if err := m.Mounter.Bind(source, target); err != nil {
		return "", fmt.Errorf("bind subPath of volume %s: %w", s.Volume, err)
	}
	return target, nil
}

// freshTarget makes an empty file or directory to mount on. A mount that an
// earlier start of the container left is replaced: its source may be gone.
func (m *Manager) freshTarget(source *os.File, target string) error {
	if err := os.MkdirAll(filepath.Dir(target), 0o750); err != nil {
		return err
	}
	at, err := m.Mounter.Mounted(target)
	if err != nil {
		return err
	}
	if at {
		if err := m.Mounter.Unmount(target); err != nil {
			return err
		}
	}
	if err := os.Remove(target); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	info, err := source.Stat()
	if err != nil {
		return err
	}
	if info.IsDir() {
		return os.Mkdir(target, 0o750)
	}
	f, err := os.OpenFile(target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	return f.Close()
}
