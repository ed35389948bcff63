package disk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
)

// ErrCrashed is what every operation returns after the crash.
var ErrCrashed = errors.New("the machine has crashed")

// sector is what a disk writes whole or not at all.
const sector = 512

// Memory is a disk in memory that can crash: data that was not synced may then
// be there, be missing, or be there in part, and so may names that were not
// synced with the directory, though later ones never without earlier ones.
type Memory struct {
	// Before, when set, is asked before each operation that changes
	// anything; its error is returned instead. Set it before use.
	Before func(op, name string) error

	mu      sync.Mutex
	files   map[string]*memoryNode
	durable map[string]*memoryNode // names as they were at the last Sync
	renames []func(map[string]*memoryNode)
	locked  bool
}

type memoryNode struct {
	data, synced []byte
}

// NewMemory returns an empty disk.
func NewMemory() *Memory {
	return &Memory{files: map[string]*memoryNode{}, durable: map[string]*memoryNode{}}
}

// Crash returns the disk as it may be found after a power cut now. Chance
// decides on everything that was not synced.
func (m *Memory) Crash(chance *rand.Rand) *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := NewMemory()
	names := maps.Clone(m.durable)
	for _, op := range m.renames[:chance.IntN(len(m.renames)+1)] {
		op(names)
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		data := names[name].crash(chance)
		found.files[name] = &memoryNode{data: data, synced: slices.Clone(data)}
	}
	found.durable = maps.Clone(found.files)
	return found
}

func (n *memoryNode) crash(chance *rand.Rand) []byte {
	if !bytes.HasPrefix(n.data, n.synced) { // truncated
		if chance.IntN(2) == 0 {
			return slices.Clone(n.data)
		}
		return slices.Clone(n.synced)
	}
	keep := len(n.synced) + chance.IntN(len(n.data)-len(n.synced)+1)
	data := slices.Clone(n.data[:keep])
	for at := len(n.synced); at < keep; at = (at/sector + 1) * sector {
		if chance.IntN(4) == 0 {
			clear(data[at:min((at/sector+1)*sector, keep)])
		}
	}
	return data
}

// change runs an operation that changes something.
func (m *Memory) change(op, name string, do func() error) error {
	if m.Before != nil {
		if err := m.Before(op, name); err != nil {
			return fmt.Errorf("%s %s: %w", op, name, err)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return do()
}

// rename changes names now, and durably when chance or Sync will have it.
func (m *Memory) rename(op func(map[string]*memoryNode)) {
	op(m.files)
	m.renames = append(m.renames, op)
}

// Create implements FS.
func (m *Memory) Create(name string) (File, error) {
	node := &memoryNode{}
	err := m.change("create", name, func() error {
		m.rename(func(files map[string]*memoryNode) { files[name] = node })
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &memoryFile{disk: m, name: name, node: node}, nil
}

// Open implements FS.
func (m *Memory) Open(name string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	node, ok := m.files[name]
	if !ok {
		return nil, fmt.Errorf("open %s: %w", name, fs.ErrNotExist)
	}
	return &memoryFile{disk: m, name: name, node: node}, nil
}

// Rename implements FS.
func (m *Memory) Rename(from, to string) error {
	return m.change("rename", from, func() error {
		node, ok := m.files[from]
		if !ok {
			return fs.ErrNotExist
		}
		m.rename(func(files map[string]*memoryNode) { delete(files, from); files[to] = node })
		return nil
	})
}

// Remove implements FS.
func (m *Memory) Remove(name string) error {
	return m.change("remove", name, func() error {
		m.rename(func(files map[string]*memoryNode) { delete(files, name) })
		return nil
	})
}

// List implements FS.
func (m *Memory) List() ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.files)), nil
}

// Sync implements FS.
func (m *Memory) Sync() error {
	return m.change("sync", ".", func() error {
		m.durable, m.renames = maps.Clone(m.files), nil
		return nil
	})
}

// Lock implements FS.
func (m *Memory) Lock(name string) (io.Closer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.locked {
		return nil, fmt.Errorf("lock %s: %w", name, ErrLocked)
	}
	m.locked = true
	return unlock{m}, nil
}

type unlock struct{ disk *Memory }

func (u unlock) Close() error {
	u.disk.mu.Lock()
	defer u.disk.mu.Unlock()
	u.disk.locked = false
	return nil
}

// Damage flips a bit of a file, as a failing disk does.
func (m *Memory) Damage(name string, offset int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.files[name].data[offset] ^= 0x10
}

type memoryFile struct {
	disk *Memory
	name string
	node *memoryNode
	read int
}

func (f *memoryFile) Read(p []byte) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.read >= len(f.node.data) {
		return 0, io.EOF
	}
	n := copy(p, f.node.data[f.read:])
	f.read += n
	return n, nil
}

func (f *memoryFile) Write(p []byte) (int, error) {
	err := f.disk.change("write", f.name, func() error {
		f.node.data = append(f.node.data, p...)
		return nil
	})
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

func (f *memoryFile) Sync() error {
	return f.disk.change("fsync", f.name, func() error {
		f.node.synced = slices.Clone(f.node.data)
		return nil
	})
}

func (f *memoryFile) Truncate(size int64) error {
	return f.disk.change("truncate", f.name, func() error {
		f.node.data = slices.Clone(f.node.data[:size])
		return nil
	})
}

func (f *memoryFile) Size() (int64, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	return int64(len(f.node.data)), nil
}

func (f *memoryFile) Close() error { return nil }
