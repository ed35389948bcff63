package logs

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// watcher tells when something in a directory is written, made or renamed.
type watcher struct {
	file    *os.File
	changed chan struct{}
	done    chan struct{}
}

func watchDir(dir string) (*watcher, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", dir, err)
	}
	w := &watcher{file: os.NewFile(uintptr(fd), "inotify"), changed: make(chan struct{}, 1), done: make(chan struct{})}
	if _, err := unix.InotifyAddWatch(fd, dir, unix.IN_MODIFY|unix.IN_CREATE|unix.IN_MOVED_TO|unix.IN_CLOSE_WRITE); err != nil {
		w.file.Close()
		return nil, fmt.Errorf("watch %s: %w", dir, err)
	}
	go w.run()
	return w, nil
}

func (w *watcher) run() {
	defer close(w.done)
	buf := make([]byte, 4096)
	for {
		if _, err := w.file.Read(buf); err != nil {
			return
		}
		select {
		case w.changed <- struct{}{}:
		default: // one wake-up is enough for any number of changes
		}
	}
}

// Close ends the watch.
func (w *watcher) Close() {
	w.file.Close()
	<-w.done
}
