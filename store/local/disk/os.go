package disk

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sort"

	"golang.org/x/sys/unix"
)

// ErrLocked tells that another process holds the directory.
var ErrLocked = errors.New("the directory is in use by another process")

// osFS works below one directory, and os.Root sees to it that it stays there.
type osFS struct {
	root *os.Root
	dir  *os.File
}

// OS opens the directory, making it if need be. Only its owner may look inside:
// the store holds secrets.
func OS(path string) (FS, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	dir, err := os.Open(path)
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return &osFS{root: root, dir: dir}, nil
}

// Close releases the directory; open files stay usable.
func (f *osFS) Close() error { return errors.Join(f.root.Close(), f.dir.Close()) }

func (f *osFS) Create(name string) (File, error) {
	file, err := f.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{file}, nil
}

func (f *osFS) Open(name string) (File, error) {
	file, err := f.root.OpenFile(name, os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return nil, err
	}
	return osFile{file}, nil
}

func (f *osFS) Rename(from, to string) error { return f.root.Rename(from, to) }
func (f *osFS) Remove(name string) error     { return f.root.Remove(name) }
func (f *osFS) Sync() error                  { return f.dir.Sync() }

func (f *osFS) List() ([]string, error) {
	dir, err := f.root.Open(".")
	if err != nil {
		return nil, err
	}
	names, err := dir.Readdirnames(-1)
	sort.Strings(names)
	return names, errors.Join(err, dir.Close())
}

func (f *osFS) Lock(name string) (io.Closer, error) {
	file, err := f.root.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == unix.EWOULDBLOCK {
		err = ErrLocked
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", name, err), file.Close())
	}
	return file, nil
}

type osFile struct{ *os.File }

// Sync leaves out what is not needed to read the data again, such as times.
func (f osFile) Sync() error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); err != unix.EINTR {
			return err
		}
	}
}

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
