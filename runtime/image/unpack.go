package image

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	whiteout = ".wh."
	opaque   = ".wh..wh..opq"
)

// unpacker writes one layer beneath a directory. Every path is resolved by the
// kernel inside that directory (openat2 RESOLVE_IN_ROOT): whatever links and
// dots a layer has, nothing outside is read or written.
type unpacker struct {
	root int
	// The directory of the last entry, since entries come directory by
	// directory. Valid while no entry in between replaced a directory.
	lastName string
	lastFD   int
	times    []dirTime
}

type dirTime struct {
	name string
	at   time.Time
}

// unpack writes the layer in the tar stream into dir, in the form that
// overlayfs wants: a removed file is a character device 0:0, a replaced
// directory has the attribute trusted.overlay.opaque.
func unpack(r io.Reader, dir string) error {
	root, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("unpack: open %s: %w", dir, err)
	}
	u := &unpacker{root: root, lastFD: -1}
	defer u.close()
	t := tar.NewReader(r)
	for {
		h, err := t.Next()
		if err == io.EOF {
			return u.setDirTimes()
		}
		if err != nil {
			return fmt.Errorf("unpack: read: %w", err)
		}
		if err := u.entry(h, t); err != nil {
			return fmt.Errorf("unpack %q: %w", h.Name, err)
		}
	}
}

func (u *unpacker) close() {
	u.forgetParent()
	unix.Close(u.root)
}

func (u *unpacker) forgetParent() {
	if u.lastFD >= 0 {
		unix.Close(u.lastFD)
	}
	u.lastFD, u.lastName = -1, ""
}

func (u *unpacker) open(name string, flags int) (int, error) {
	how := unix.OpenHow{Flags: uint64(flags | unix.O_CLOEXEC), Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	for {
		fd, err := unix.Openat2(u.root, name, &how)
		if err != unix.EAGAIN && err != unix.EINTR {
			return fd, err
		}
	}
}

// parent returns the directory of a clean name, making what is missing. It
// stays open until the next call.
func (u *unpacker) parent(name string) (int, error) {
	dir := path.Dir(name)
	if u.lastFD >= 0 && u.lastName == dir {
		return u.lastFD, nil
	}
	u.forgetParent()
	fd, err := u.directory(dir)
	if err != nil {
		return -1, err
	}
	u.lastFD, u.lastName = fd, dir
	return fd, nil
}

func (u *unpacker) directory(dir string) (int, error) {
	fd, err := u.open(dir, unix.O_PATH|unix.O_DIRECTORY)
	if err != unix.ENOENT || dir == "." || dir == "/" {
		return fd, err
	}
	up, err := u.directory(path.Dir(dir))
	if err != nil {
		return -1, err
	}
	defer unix.Close(up)
	if err := unix.Mkdirat(up, path.Base(dir), 0o755); err != nil && err != unix.EEXIST {
		return -1, err
	}
	return u.open(dir, unix.O_PATH|unix.O_DIRECTORY)
}

func (u *unpacker) entry(h *tar.Header, r io.Reader) error {
	name := path.Clean("/" + h.Name)[1:]
	if name == "" {
		return u.attributes(u.root, ".", h, true)
	}
	at, err := u.parent(name)
	if err != nil {
		return err
	}
	base := path.Base(name)
	if base == opaque {
		return u.setOpaque(path.Dir(name))
	}
	if gone, ok := strings.CutPrefix(base, whiteout); ok {
		if gone == "" || gone == "." || gone == ".." {
			return errors.New("a whiteout without a name")
		}
		if err := u.clear(at, gone); err != nil {
			return err
		}
		return unix.Mknodat(at, gone, unix.S_IFCHR, 0)
	}
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	if err := u.place(at, base, h, r); err != nil {
		return err
	}
	if h.Typeflag == tar.TypeDir {
		u.times = append(u.times, dirTime{name, h.ModTime})
	}
	if h.Typeflag == tar.TypeLink {
		return nil // shares its target's attributes
	}
	return u.attributes(at, base, h, h.Typeflag == tar.TypeDir)
}

// clear removes what an earlier entry of the same layer put there.
func (u *unpacker) clear(at int, base string) error {
	err := unix.Unlinkat(at, base, 0)
	if err == unix.EISDIR {
		u.forgetOthers(at)
		return removeTreeAt(at, base)
	}
	if err == unix.ENOENT {
		return nil
	}
	return err
}

// forgetOthers keeps the parent in use: only what is below it may go.
func (u *unpacker) forgetOthers(at int) {
	if at != u.lastFD {
		u.forgetParent()
	}
}

func removeTreeAt(at int, base string) error {
	fd, err := unix.Openat(at, base, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	dir := os.NewFile(uintptr(fd), base)
	names, err := dir.Readdirnames(-1)
	for _, name := range names {
		if err == nil {
			if err = unix.Unlinkat(fd, name, 0); err == unix.EISDIR {
				err = removeTreeAt(fd, name)
			}
		}
	}
	return errors.Join(err, dir.Close(), unix.Unlinkat(at, base, unix.AT_REMOVEDIR))
}

func (u *unpacker) place(at int, base string, h *tar.Header, r io.Reader) error {
	if h.Typeflag == tar.TypeDir {
		err := unix.Mkdirat(at, base, 0o700)
		if err != unix.EEXIST {
			return err
		}
		var st unix.Stat_t
		if err := unix.Fstatat(at, base, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return err
		}
		if st.Mode&unix.S_IFMT == unix.S_IFDIR {
			return nil
		}
		if err := u.clear(at, base); err != nil {
			return err
		}
		return unix.Mkdirat(at, base, 0o700)
	}
	if h.Typeflag == tar.TypeLink {
		return u.hardLink(at, base, h.Linkname)
	}
	if err := u.clear(at, base); err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeReg, '\x00':
		return writeFile(at, base, r)
	case tar.TypeSymlink:
		return unix.Symlinkat(h.Linkname, at, base)
	case tar.TypeFifo:
		return unix.Mknodat(at, base, unix.S_IFIFO|0o600, 0)
	case tar.TypeChar:
		return unix.Mknodat(at, base, unix.S_IFCHR|0o600, int(unix.Mkdev(uint32(h.Devmajor), uint32(h.Devminor))))
	case tar.TypeBlock:
		return unix.Mknodat(at, base, unix.S_IFBLK|0o600, int(unix.Mkdev(uint32(h.Devmajor), uint32(h.Devminor))))
	}
	return fmt.Errorf("unknown type %q", h.Typeflag)
}

func (u *unpacker) hardLink(at int, base, target string) error {
	target = path.Clean("/" + target)[1:]
	from, err := u.open(path.Dir(target), unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return fmt.Errorf("link target %q: %w", target, err)
	}
	defer unix.Close(from)
	var a, b unix.Stat_t
	if unix.Fstatat(from, path.Base(target), &a, unix.AT_SYMLINK_NOFOLLOW) == nil &&
		unix.Fstatat(at, base, &b, unix.AT_SYMLINK_NOFOLLOW) == nil && a.Ino == b.Ino {
		return nil
	}
	if err := u.clear(at, base); err != nil {
		return err
	}
	if err := unix.Linkat(from, path.Base(target), at, base, 0); err != nil {
		return fmt.Errorf("link to %q: %w", target, err)
	}
	return nil
}

func writeFile(at int, base string, r io.Reader) error {
	fd, err := unix.Openat(at, base, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), base)
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}
