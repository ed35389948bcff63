package cluster

import (
	"fmt"
	"path/filepath"
)

// File is a file that a flag names. It is made absolute at once: the server of
// a local cluster works in another directory than the command that starts it.
type File string

// Set implements pflag.Value.
func (f *File) Set(name string) error {
	if name == "" {
		*f = ""
		return nil
	}
	path, err := filepath.Abs(name)
	if err != nil {
		return fmt.Errorf("find %s: %w", name, err)
	}
	*f = File(path)
	return nil
}

// String implements pflag.Value.
func (f *File) String() string { return string(*f) }

// Type implements pflag.Value.
func (f *File) Type() string { return "file" }
