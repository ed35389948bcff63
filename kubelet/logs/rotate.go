package logs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"
)

// Rotation bounds the logs of running containers.
type Rotation struct {
	// MaxSize is the size in bytes above which a file is rotated; MaxFiles
	// counts the files of one start, the one written now included.
	MaxSize  int64
	MaxFiles int
	// Reopen makes the runtime write to a new file.
	Reopen func(ctx context.Context, containerID string) error
}

// Rotate rotates one log if it has grown too large. Killed between the rename
// and the reopening, it leaves no file of the base name; the next call repairs
// that by reopening.
func (r Rotation) Rotate(ctx context.Context, l Log, containerID string) error {
	root, err := l.dir()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer root.Close()
	base := filepath.Base(l.Base)
	info, err := root.Lstat(base)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return r.Reopen(ctx, containerID)
	case err != nil:
		return err
	case !info.Mode().IsRegular() || info.Size() < r.MaxSize:
		return nil
	}
	old := base + "." + time.Now().UTC().Format("20060102-150405.000")
	if err := root.Rename(base, old); err != nil {
		return fmt.Errorf("rotate log %s: %w", l.Base, err)
	}
	if err := r.Reopen(ctx, containerID); err != nil {
		// Without a new file the runtime goes on with the old one.
		return errors.Join(fmt.Errorf("rotate log %s: %w", l.Base, err), root.Rename(old, base))
	}
	names, err := generations(l.Dir, base)
	if err != nil {
		return err
	}
	for len(names) > r.MaxFiles {
		if err := root.Remove(names[0]); err != nil {
			return fmt.Errorf("remove rotated log: %w", err)
		}
		names = names[1:]
	}
	return nil
}
