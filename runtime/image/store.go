// Package image keeps container images: what they are, and their layers,
// unpacked once and shared by all containers.
//
// On disk, beneath the root directory:
//
//	images/<config digest, hex>.json   a record of an image (type record)
//	layers/<chain ID, 24 hex digits>/  an unpacked layer: fs/ is its tree
//	temp/                              what is being written; emptied at start
//
// A layer's directory appears by rename when it is complete, a record by
// rename when all its layers are there. So whatever is found is whole, and
// layers that no record names are garbage.
package image

import (
	_ "crypto/sha256" // digests
	_ "crypto/sha512" // likewise
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"
)

// ErrNotFound means that the store has no such image.
var ErrNotFound = errors.New("image not found")

// Image is an image in the store. It is not changed once it is handed out.
type Image struct {
	ID      digest.Digest // of its configuration
	Tags    []string      // full names with tag
	Digests []string      // repository@digest
	Size    int64         // bytes of configuration and layers as they came
	Layers  []string      // directories beneath layers/, the lowest first
	Config  ocispec.ImageConfig
	Created time.Time // when it came into the store
}

type record struct {
	Image
}

// Store is the images of a node. Its methods may be called concurrently.
type Store struct {
	root string

	mu     sync.RWMutex // guards images; taken for a record's write, too
	images map[digest.Digest]*Image
	busy   map[string]int // layers in the making or used by containers, by how many
	layers keyedLocks     // one unpacking of the same layer at a time
}

// Open reads the store beneath root, making it if need be, and removes what a
// crash has left.
func Open(root string) (*Store, error) {
	s := &Store{root: root, images: map[digest.Digest]*Image{}, busy: map[string]int{}}
	if err := removeAll(filepath.Join(root, "temp")); err != nil {
		return nil, fmt.Errorf("image store %s: %w", root, err)
	}
	for _, dir := range []string{"images", "layers", "temp"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o700); err != nil {
			return nil, fmt.Errorf("image store: %w", err)
		}
	}
	files, err := filepath.Glob(filepath.Join(root, "images", "*.json"))
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			return nil, fmt.Errorf("image store: %w", err)
		}
		var r record
		if err := json.Unmarshal(data, &r); err != nil {
			return nil, fmt.Errorf("image store: record %s: %w", f, err)
		}
		s.images[r.ID] = &r.Image
	}
	return s, nil
}

// LayersDir is the directory that Image.Layers are relative to.
func (s *Store) LayersDir() string { return filepath.Join(s.root, "layers") }

// List returns all images, the newest first.
func (s *Store) List() []*Image {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := make([]*Image, 0, len(s.images))
	for _, i := range s.images {
		list = append(list, i)
	}
	slices.SortFunc(list, func(a, b *Image) int { return b.Created.Compare(a.Created) })
	return list
}

// Get finds an image by name, by name and digest, by its ID or by the start of
// its ID.
func (s *Store) Get(name string) (*Image, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if i := s.find(name); i != nil {
		return i, nil
	}
	return nil, fmt.Errorf("image %q: %w", name, ErrNotFound)
}

// find needs s.mu held.
func (s *Store) find(name string) *Image {
	if i := s.images[digest.Digest(name)]; i != nil {
		return i
	}
	if ref, err := ParseReference(name); err == nil {
		full := ref.String()
		for _, i := range s.images {
			if slices.Contains(i.Tags, full) || slices.Contains(i.Digests, full) {
				return i
			}
		}
	}
	return s.findPrefix(strings.TrimPrefix(name, "sha256:"))
}

func (s *Store) findPrefix(hex string) *Image {
	var found *Image
	if len(hex) < 8 {
		return nil
	}
	for id, i := range s.images {
		if strings.HasPrefix(id.Encoded(), hex) {
			if found != nil {
				return nil
			}
			found = i
		}
	}
	return found
}

// put records an image whose layers are complete, gives it the names, and
// takes the tags from whatever had them.
func (s *Store) put(i *Image) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.images[i.ID]; old != nil {
		i.Tags = union(old.Tags, i.Tags)
		i.Digests = union(old.Digests, i.Digests)
		i.Created = old.Created
	}
	for _, other := range s.images {
		if other.ID == i.ID {
			continue
		}
		kept := slices.DeleteFunc(slices.Clone(other.Tags), func(t string) bool { return slices.Contains(i.Tags, t) })
		if len(kept) != len(other.Tags) {
			without := *other
			without.Tags = kept
			if err := s.write(&without); err != nil {
				return err
			}
		}
	}
	return s.write(i)
}

func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// write makes the record durable. s.mu must be held.
func (s *Store) write(i *Image) error {
	data, err := json.Marshal(record{Image: *i})
	if err != nil {
		return fmt.Errorf("image %s: encode: %w", i.ID, err)
	}
	path := filepath.Join(s.root, "images", i.ID.Encoded()+".json")
	f, err := os.CreateTemp(filepath.Join(s.root, "temp"), "record")
	if err != nil {
		return fmt.Errorf("image %s: %w", i.ID, err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("image %s: write record: %w", i.ID, err)
	}
	if err := errors.Join(os.Rename(f.Name(), path), syncDir(filepath.Dir(path))); err != nil {
		return fmt.Errorf("image %s: write record: %w", i.ID, err)
	}
	s.images[i.ID] = i
	return nil
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Tag gives an image a further name.
func (s *Store) Tag(image, name string) error {
	i, err := s.Get(image)
	if err != nil {
		return err
	}
	ref, err := ParseReference(name)
	if err != nil {
		return err
	}
	tagged := *i
	tagged.Tags = union(i.Tags, []string{ref.String()})
	return s.put(&tagged)
}

// Remove forgets an image with all its names. Layers that are held stay until
// they are released and collected. A missing image is no error.
func (s *Store) Remove(name string) error {
	s.mu.Lock()
	i := s.find(name)
	if i == nil {
		s.mu.Unlock()
		return nil
	}
	err := os.Remove(filepath.Join(s.root, "images", i.ID.Encoded()+".json"))
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		delete(s.images, i.ID)
		err = nil
	}
	s.mu.Unlock()
	if err != nil {
		return fmt.Errorf("image %s: remove: %w", i.ID, err)
	}
	return s.Collect()
}

// Collect removes the layers that neither an image nor a holder names. Open
// leaves that to whoever knows the containers.
func (s *Store) Collect() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	used := map[string]bool{}
	for _, i := range s.images {
		for _, l := range i.Layers {
			used[l] = true
		}
	}
	entries, err := os.ReadDir(s.LayersDir())
	if err != nil {
		return fmt.Errorf("image store: %w", err)
	}
	for _, e := range entries {
		if used[e.Name()] || s.busy[e.Name()] > 0 {
			continue
		}
		// Away by rename first: a half-removed layer must not look whole.
		gone := filepath.Join(s.root, "temp", "gone-"+e.Name())
		if err := errors.Join(os.Rename(filepath.Join(s.LayersDir(), e.Name()), gone), removeAll(gone)); err != nil {
			return fmt.Errorf("image store: remove layer %s: %w", e.Name(), err)
		}
	}
	return nil
}

// removeAll removes a tree and what is mounted nowhere; a missing one is fine.
func removeAll(path string) error {
	if err := os.RemoveAll(path); err != nil && !errors.Is(err, unix.ENOENT) {
		return err
	}
	return nil
}

// Usage is what the store's files take up.
func (s *Store) Usage() (bytes, inodes uint64, err error) { return DiskUsage(s.root) }

// DiskUsage sums the blocks and inodes of a tree.
func DiskUsage(root string) (bytes, inodes uint64, err error) {
	err = filepath.WalkDir(root, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil // removed meanwhile
			}
			return err
		}
		info, err := d.Info()
		if err != nil {
			return nil
		}
		if st, ok := statOf(info); ok {
			bytes += uint64(st.Blocks) * 512
		}
		inodes++
		return nil
	})
	return bytes, inodes, err
}
