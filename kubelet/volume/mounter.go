package volume

import (
	"bufio"
	"fmt"
	"os"
	"sort"
	"strings"

	"golang.org/x/sys/unix"
)

// Mounter is the kernel's side of volumes.
type Mounter interface {
	// Tmpfs mounts memory at path, with options as in "size=1048576".
	Tmpfs(path, options string) error
	// Bind mounts what source is open on at target, wherever names lead by then.
	Bind(source *os.File, target string) error
	Unmount(path string) error
	// Mounted tells whether path is the root of a mount.
	Mounted(path string) (bool, error)
	// Beneath lists the mounts at and below path, each before what lies on it.
	Beneath(path string) ([]string, error)
}

// Kernel is the Mounter of the mount namespace in which the kubelet runs.
type Kernel struct{}

// Tmpfs mounts memory at path.
func (Kernel) Tmpfs(path, options string) error {
	return os.NewSyscallError("mount tmpfs", unix.Mount("tmpfs", path, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, options))
}

// Bind mounts the open source at target.
func (Kernel) Bind(source *os.File, target string) error {
	from := fmt.Sprintf("/proc/self/fd/%d", source.Fd())
	return os.NewSyscallError("mount bind", unix.Mount(from, target, "", unix.MS_BIND|unix.MS_REC, ""))
}

// Unmount detaches the mount at path.
func (Kernel) Unmount(path string) error {
	err := unix.Unmount(path, unix.UMOUNT_NOFOLLOW|unix.MNT_DETACH)
	if err == unix.EINVAL || err == unix.ENOENT {
		return nil // not mounted any more
	}
	return os.NewSyscallError("umount", err)
}

// Mounted tells whether path is a mount's root.
func (Kernel) Mounted(path string) (bool, error) {
	var st unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, 0, &st)
	if err == unix.ENOENT {
		return false, nil
	}
	if err != nil {
		return false, os.NewSyscallError("statx", err)
	}
	return st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0, nil
}

var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

// Beneath reads the mount table.
func (Kernel) Beneath(path string) ([]string, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out []string
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 5 {
			continue
		}
		at := unescape.Replace(fields[4])
		if at == path || strings.HasPrefix(at, path+"/") {
			out = append(out, at)
		}
	}
	sort.Strings(out)
	return out, lines.Err()
}
