package spec

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
)

// maxEnvFile bounds a file of variables, in bytes.
const maxEnvFile = 1 << 20

// fileKey is the value that a file in an emptyDir volume gives the key
// (KEP-3721); a container before this one has written it.
func (b *Builder) fileKey(pod *corev1.Pod, ref *corev1.FileKeySelector) (string, bool, error) {
	if !slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == ref.VolumeName && v.EmptyDir != nil }) {
		return "", false, &ConfigError{fmt.Errorf("cannot find the emptyDir volume %q of fileKeyRef", ref.VolumeName)}
	}
	text, err := readEnvFile(b.EmptyDir(pod, ref.VolumeName), ref.Path)
	if errors.Is(err, fs.ErrNotExist) && isTrue(ref.Optional) {
		return "", false, nil
	}
	if err != nil {
		return "", false, &ConfigError{fmt.Errorf("couldn't read env file %q of volume %q: %w", ref.Path, ref.VolumeName, err)}
	}
	value, err := envFileValue(text, ref.Key)
	switch {
	case err != nil:
		return "", false, &ConfigError{fmt.Errorf("couldn't parse env file %q of volume %q: %w", ref.Path, ref.VolumeName, err)}
	case value != "":
		return value, true, nil
	case isTrue(ref.Optional):
		return "", false, nil
	}
	return "", false, &ConfigError{fmt.Errorf("environment variable key %q not found in file %q of volume %q", ref.Key, ref.Path, ref.VolumeName)}
}

// readEnvFile reads what a container wrote: no link leads out of the volume,
// and nothing but a file is waited for.
func readEnvFile(dir, path string) (string, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", err
	}
	defer root.Close()
	f, err := root.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", errors.New("it is not a regular file")
	}
	data, err := io.ReadAll(io.LimitReader(f, maxEnvFile+1))
	if err == nil && len(data) > maxEnvFile {
		err = fmt.Errorf("it is larger than %d bytes", maxEnvFile)
	}
	return string(data), err
}

// envFileValue finds the key's value, which is empty when it is not there. The
// format is a part of the shell's: NAME='value', with nothing special between
// the quotes and line breaks allowed there, and comments. NAME= 'value' is the
// empty value, as it is to a shell.
func envFileValue(text, key string) (string, error) {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	rest := text
	wrong := func(what string) error {
		return fmt.Errorf("line %d: %s", 1+strings.Count(text[:len(text)-len(rest)], "\n"), what)
	}
	for {
		rest = strings.TrimLeft(rest, " \t\n")
		if rest == "" {
			return "", nil
		}
		if rest[0] == '#' {
			_, rest, _ = strings.Cut(rest, "\n")
			continue
		}
		equals := strings.IndexAny(rest, "=\n")
		if equals < 0 || rest[equals] != '=' {
			return "", wrong("missing '='")
		}
		name := rest[:equals]
		if name == "" {
			return "", wrong("empty variable name")
		}
		if strings.TrimRight(name, " \t") != name {
			return "", wrong("whitespace before '=' is not allowed")
		}
		value := rest[equals+1:]
		if strings.HasPrefix(value, " ") || strings.HasPrefix(value, "\t") {
			if name == key {
				return "", nil
			}
			_, rest, _ = strings.Cut(value, "\n")
			continue
		}
		if !strings.HasPrefix(value, "'") {
			return "", wrong("the value must be enclosed in single quotes")
		}
		value, after, closed := strings.Cut(value[1:], "'")
		if !closed {
			return "", wrong("unclosed single quote")
		}
		after, next, _ := strings.Cut(after, "\n")
		if after = strings.TrimLeft(after, " \t"); after != "" && after[0] != '#' {
			return "", wrong("unexpected content after the closing quote")
		}
		if name == key {
			return value, nil
		}
		rest = next
	}
}
