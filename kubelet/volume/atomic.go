package volume

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// file is one file of a payload.
type file struct {
	Data []byte
	Mode fs.FileMode
	// UID owns the file; -1 leaves it to the kubelet's user.
	UID int
}

// payload is the content of a volume, by slash-separated path.
type payload map[string]file

func (p payload) equal(q payload) bool {
	return maps.EqualFunc(p, q, func(a, b file) bool {
		return a.Mode == b.Mode && a.UID == b.UID && bytes.Equal(a.Data, b.Data)
	})
}

const (
	dataLink    = "..data"
	dataLinkNew = "..data_tmp"
)

// write makes content the volume's, all of it at one moment:
//
//	volume/key           -> ..data/key
//	volume/sub           -> ..data/sub
//	volume/..data        -> ..2026_01_02_03_04_05.123456789
//	volume/..2026_…/key     the file
//	volume/..2026_…/sub/x   the file
//
// A reader that holds ..data's target open keeps seeing the old content whole.
// A kubelet killed at any line leaves at most a directory that the next write
// removes.
func write(dir string, content payload, gid *int64, now time.Time) error {
	for name := range content {
		if err := validPath(name); err != nil {
			return err
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	current, err := root.Readlink(dataLink)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	fresh := current == "" || !same(root, current, content, gid)
	if fresh {
		next := now.UTC().Format("..2006_01_02_15_04_05.") + rand.Text()[:10]
		if err := fill(root, next, content, gid); err != nil {
			return err
		}
		if err := root.Remove(dataLinkNew); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := root.Symlink(next, dataLinkNew); err != nil {
			return err
		}
		if err := root.Rename(dataLinkNew, dataLink); err != nil {
			return err
		}
		current = next
	}
	return tidy(root, current, content)
}

func validPath(name string) error {
	if !filepath.IsLocal(name) || name == "." {
		return fmt.Errorf("invalid path %q: must be relative and stay inside the volume", name)
	}
	for _, part := range strings.Split(name, "/") {
		if part == ".." {
			return fmt.Errorf("invalid path %q: must not contain '..'", name)
		}
	}
	if strings.HasPrefix(name, "..") {
		return fmt.Errorf("invalid path %q: must not start with '..'", name)
	}
	return nil
}

func fill(root *os.Root, dir string, content payload, gid *int64) error {
	mkdir := func(name string) error {
		if err := root.Mkdir(name, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		mode := fs.FileMode(0o755)
		if gid != nil {
			mode |= fs.ModeSetgid
			if err := root.Lchown(name, -1, int(*gid)); err != nil {
				return err
			}
		}
		return root.Chmod(name, mode)
	}
	if err := mkdir(dir); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(content)) {
		parts := strings.Split(name, "/")
		for i := 1; i < len(parts); i++ {
			if err := mkdir(dir + "/" + strings.Join(parts[:i], "/")); err != nil {
				return err
			}
		}
		if err := put(root, dir+"/"+name, content[name], gid); err != nil {
			return err
		}
	}
	return nil
}

func put(root *os.Root, name string, f file, gid *int64) error {
	if err := root.WriteFile(name, f.Data, 0o600); err != nil {
		return err
	}
	if group := groupOf(gid); f.UID >= 0 || group >= 0 {
		if err := root.Lchown(name, f.UID, group); err != nil {
			return err
		}
	}
	return root.Chmod(name, modeOf(f, gid))
}

func groupOf(gid *int64) int {
	if gid == nil {
		return -1
	}
	return int(*gid)
}

// modeOf lets the pod's group read what its owner may.
func modeOf(f file, gid *int64) fs.FileMode {
	if gid != nil {
		return f.Mode | 0o440
	}
	return f.Mode
}

// same tells whether dir holds exactly content.
func same(root *os.Root, dir string, content payload, gid *int64) bool {
	for name, f := range content {
		info, err := root.Lstat(dir + "/" + name)
		if err != nil || !info.Mode().IsRegular() || info.Mode().Perm() != modeOf(f, gid).Perm() {
			return false
		}
		data, err := root.ReadFile(dir + "/" + name)
		if err != nil || !bytes.Equal(data, f.Data) {
			return false
		}
	}
	count := 0
	err := fs.WalkDir(root.FS(), dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			count++
		}
		return err
	})
	return err == nil && count == len(content)
}

// tidy makes the links that users see and removes what is not of this content.
func tidy(root *os.Root, current string, content payload) error {
	want := map[string]bool{}
	for name := range content {
		top, _, _ := strings.Cut(name, "/")
		want[top] = true
	}
	for _, top := range slices.Sorted(maps.Keys(want)) {
		err := root.Symlink(dataLink+"/"+top, top)
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if name := e.Name(); !want[name] && name != dataLink && name != current {
			if err := root.RemoveAll(name); err != nil {
				return err
			}
		}
	}
	return nil
}
