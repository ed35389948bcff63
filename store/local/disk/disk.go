// Package disk is the little of a file system that store/local needs: OS is
// the real one, Memory one whose crash can be simulated.
package disk

import "io"

// FS is one directory of files. Names are plain, without a path.
type FS interface {
	// Create makes an empty file, or empties an existing one.
	Create(name string) (File, error)
	// Open opens an existing file, to be read from its start and appended to
	// at its end.
	Open(name string) (File, error)
	Rename(from, to string) error
	Remove(name string) error
	// List returns the names of all files, sorted.
	List() ([]string, error)
	// Sync makes creations, renamings and removals durable.
	Sync() error
	// Lock takes the directory for this process alone until the result is
	// closed. It fails at once with ErrLocked when somebody else has it.
	Lock(name string) (io.Closer, error)
}

// File is read from its start; what is written goes to its end.
type File interface {
	io.Reader
	io.Writer
	io.Closer
	// Sync makes all that was written durable.
	Sync() error
	Truncate(size int64) error
	Size() (int64, error)
}
