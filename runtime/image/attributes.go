package image

import (
	"archive/tar"
	"fmt"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// xattrs is how PAX headers name extended attributes.
const xattrs = "SCHILY.xattr."

// attributes gives base in the directory at what the header says. It never
// follows a link: base was just made there, by us.
func (u *unpacker) attributes(at int, base string, h *tar.Header, isDir bool) error {
	if err := unix.Fchownat(at, base, h.Uid, h.Gid, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return fmt.Errorf("owner: %w", err)
	}
	for key, value := range h.PAXRecords {
		if name, ok := strings.CutPrefix(key, xattrs); ok && !strings.HasPrefix(name, "trusted.") {
			if err := lsetXattr(at, base, name, value); err != nil && err != unix.ENOTSUP {
				return fmt.Errorf("attribute %s: %w", name, err)
			}
		}
	}
	if h.Typeflag != tar.TypeSymlink {
		// After the owner, whose change clears set-user-ID.
		if err := unix.Fchmodat(at, base, uint32(h.Mode)&0o7777, 0); err != nil {
			return fmt.Errorf("mode: %w", err)
		}
	}
	if isDir {
		return nil // later entries would change its time again
	}
	return utimes(at, base, h.ModTime.UnixNano())
}

func utimes(at int, base string, ns int64) error {
	t := unix.NsecToTimespec(ns)
	return unix.UtimesNanoAt(at, base, []unix.Timespec{t, t}, unix.AT_SYMLINK_NOFOLLOW)
}

func (u *unpacker) setDirTimes() error {
	for _, d := range u.times {
		at, err := u.parent(d.name)
		if err != nil {
			continue // replaced by a later entry
		}
		if err := utimes(at, path.Base(d.name), d.at.UnixNano()); err != nil && err != unix.ENOENT {
			return fmt.Errorf("unpack: time of %s: %w", d.name, err)
		}
	}
	return nil
}

// lsetXattr sets an attribute of base in at, through the directory's own entry
// in /proc, since there is no setxattrat on the kernels that we run on.
func lsetXattr(at int, base, name, value string) error {
	return unix.Lsetxattr(fmt.Sprintf("/proc/self/fd/%d/%s", at, base), name, []byte(value), 0)
}

// setOpaque marks a directory that hides what lower layers have in it.
func (u *unpacker) setOpaque(dir string) error {
	fd, err := u.directory(dir)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Setxattr(fmt.Sprintf("/proc/self/fd/%d", fd), "trusted.overlay.opaque", []byte("y"), 0)
}
