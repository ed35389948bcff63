package options

import (
	"fmt"
	"path/filepath"
	"strings"
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

// Files are several, by a list with commas or a flag that is given again.
type Files []string

// Set implements pflag.Value.
func (f *Files) Set(names string) error {
	for _, name := range strings.Split(names, ",") {
		var one File
		if err := one.Set(name); err != nil {
			return err
		}
		*f = append(*f, string(one))
	}
	return nil
}

// String implements pflag.Value.
func (f *Files) String() string { return strings.Join(*f, ",") }

// Type implements pflag.Value.
func (f *Files) Type() string { return "files" }
