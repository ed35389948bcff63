// Package carried holds the programs that the minke binary carries inside of
// it. `make build` puts them into files/ before minke itself is built; without
// them minke compiles all the same, and says what is missing when asked for it.
package carried

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"
)

//go:embed all:files
var files embed.FS

// Unpack writes the carried program into dir, unless this very one is already
// there, and returns its path.
func Unpack(name, dir string) (string, error) {
	packed, err := files.Open("files/" + name + ".zst")
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("unpack %s: this minke was built without it; build with: make build", name)
	}
	if err != nil {
		return "", fmt.Errorf("unpack %s: %w", name, err)
	}
	defer packed.Close()
	sum, err := fs.ReadFile(files, "files/"+name+".sum")
	if err != nil {
		return "", fmt.Errorf("unpack %s: %w", name, err)
	}
	path := filepath.Join(dir, name+"-"+string(sum[:16]))
	if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() {
		return path, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("unpack %s: %w", name, err)
	}
	return path, unpackTo(packed, path, string(sum))
}

// unpackTo writes beside path, checks the sum, and renames: whoever finds path
// finds the whole program.
func unpackTo(packed io.Reader, path, sum string) error {
	reader, err := zstd.NewReader(packed)
	if err != nil {
		return fmt.Errorf("unpack %s: %w", path, err)
	}
	defer reader.Close()
	f, err := os.CreateTemp(filepath.Dir(path), ".unpack-*")
	if err != nil {
		return fmt.Errorf("unpack %s: %w", path, err)
	}
	h := sha256.New()
	_, err = io.Copy(io.MultiWriter(f, h), reader)
	if got := hex.EncodeToString(h.Sum(nil)); err == nil && got != sum {
		err = fmt.Errorf("its sum is %s, not %s", got, sum)
	}
	if err := errors.Join(err, f.Chmod(0o755), f.Close()); err != nil {
		return fmt.Errorf("unpack %s: %w", path, errors.Join(err, os.Remove(f.Name())))
	}
	return os.Rename(f.Name(), path)
}
