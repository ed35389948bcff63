package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/store/cache"
)

// encrypt is nil when nothing is encrypted: then nothing is paid.
func (s *Server) encrypt() func(schema.GroupResource) cache.Sealer {
	if s.encryption == nil {
		return nil
	}
	return s.encryption.For
}

func (s *Server) runEncryption(ctx context.Context) error {
	if s.encryption == nil {
		return nil
	}
	if !s.cfg.API.Encryption.Reload {
		return s.encryption.Run(ctx, nil)
	}
	touched, stop, err := watchFile(string(s.cfg.API.Encryption.ConfigFile))
	if err != nil {
		return err
	}
	defer stop()
	return s.encryption.Run(ctx, touched)
}

// watchFile tells when file may have changed, be it written, replaced, or a
// link that now leads elsewhere. stop ends it.
func watchFile(file string) (touched <-chan struct{}, stop func(), err error) {
	dir := filepath.Dir(file)
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, nil, fmt.Errorf("watch %s: %w", dir, err)
	}
	events := os.NewFile(uintptr(fd), "inotify")
	if _, err := unix.InotifyAddWatch(fd, dir, unix.IN_CLOSE_WRITE|unix.IN_CREATE|unix.IN_MOVED_TO); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("watch %s: %w", dir, err), events.Close())
	}
	signal, done := make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 4096)
		for {
			if _, err := events.Read(buf); err != nil {
				return // stop closed it
			}
			select {
			case signal <- struct{}{}:
			default: // one wake-up is enough for any number of changes
			}
		}
	}()
	return signal, func() { events.Close(); <-done }, nil
}
