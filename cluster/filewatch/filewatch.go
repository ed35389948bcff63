// Package filewatch follows the content of configuration files. It listens to
// their directories (inotify), so that it sees files that are replaced, as
// editors and mounted ConfigMaps do, and not only those that are written over.
package filewatch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// events are those after which a file may be another.
const events = unix.IN_CLOSE_WRITE | unix.IN_MOVED_TO | unix.IN_CREATE | unix.IN_MOVED_FROM | unix.IN_DELETE

// Follow calls changed with the content of file each time that it differs from
// before, beginning with known, until ctx ends. While the file is missing or
// empty nothing is called: it is being replaced.
func Follow(ctx context.Context, file string, known []byte, changed func(content []byte)) error {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return fmt.Errorf("follow %s: %w", file, err)
	}
	// A non-blocking descriptor waits in the runtime's poller, and Close ends it.
	queue := os.NewFile(uintptr(fd), "inotify")
	defer queue.Close()
	stop := context.AfterFunc(ctx, func() { _ = queue.Close() })
	defer stop()
	buffer := make([]byte, 16*(unix.SizeofInotifyEvent+unix.NAME_MAX+1))
	for {
		if err := listen(fd, file); err != nil {
			return fmt.Errorf("follow %s: %w", file, err)
		}
		content, err := os.ReadFile(file)
		if err == nil && len(content) > 0 && !bytes.Equal(content, known) {
			known = content
			changed(content)
		}
		if _, err := queue.Read(buffer); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("follow %s: %w", file, err)
		}
	}
}

// listen adds the file's directory, and that of what it links to. One that is
// there already is not added twice.
func listen(fd int, file string) error {
	dirs := []string{filepath.Dir(file)}
	if real, err := filepath.EvalSymlinks(file); err == nil && filepath.Dir(real) != dirs[0] {
		dirs = append(dirs, filepath.Dir(real))
	}
	for n, dir := range dirs {
		_, err := unix.InotifyAddWatch(fd, dir, events)
		// What a link led to may be gone again.
		if err != nil && (n == 0 || !errors.Is(err, unix.ENOENT)) {
			return fmt.Errorf("watch %s: %w", dir, err)
		}
	}
	return nil
}
