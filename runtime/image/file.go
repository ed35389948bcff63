package image

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// maxSmallFile bounds what ReadFile reads, bytes.
const maxSmallFile = 4 << 20

// ReadFile reads a small regular file of the image as a container would find
// it, looking from the top layer down. No link leads out of a layer; one that
// leads from a layer to another is not followed.
func (s *Store) ReadFile(i *Image, name string) ([]byte, error) {
	for _, layer := range slices.Backward(i.Layers) {
		data, err := readInLayer(filepath.Join(s.LayersDir(), layer, "fs"), name)
		if err == nil || !os.IsNotExist(err) {
			return data, err
		}
		if hidden(filepath.Join(s.LayersDir(), layer, "fs"), name) {
			break
		}
	}
	return nil, fmt.Errorf("read %s: %w", name, fs.ErrNotExist)
}

func readInLayer(dir, name string) ([]byte, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	info, err := root.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fs.ErrNotExist
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxSmallFile))
}

// hidden tells whether the layer removes the file or what is below its parent.
func hidden(dir, name string) bool {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return false
	}
	defer root.Close()
	if info, err := root.Lstat(name); err == nil && info.Mode()&fs.ModeCharDevice != 0 {
		return true
	}
	var value [1]byte
	parent, err := root.Open(filepath.Dir(name))
	if err != nil {
		return false
	}
	defer parent.Close()
	path := fmt.Sprintf("/proc/self/fd/%d", parent.Fd())
	n, err := syscall.Getxattr(path, "trusted.overlay.opaque", value[:])
	return err == nil && n == 1 && value[0] == 'y'
}
