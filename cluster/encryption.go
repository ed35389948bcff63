package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/cluster/options"
	"minke/store/cache"
)

// encrypt is nil when nothing is encrypted: then nothing is paid.
func (s *Server) encrypt() func(schema.GroupResource) cache.Sealer {
	if s.encryption == nil {
		return nil
	}
	prefix := s.cfg.API.Datastore.KeyPrefix()
	if prefix == options.StoreRoot {
		return s.encryption.For
	}
	return func(resource schema.GroupResource) cache.Sealer {
		return placed{s.encryption.For(resource), prefix}
	}
}

// placed seals a value for the key that it has in etcd, as kube-apiserver does,
// where that is not the store's.
type placed struct {
	cache.Sealer
	prefix string
}

func (p placed) at(key string) string { return p.prefix + strings.TrimPrefix(key, options.StoreRoot) }

func (p placed) Seal(ctx context.Context, key string, value []byte) ([]byte, error) {
	return p.Sealer.Seal(ctx, p.at(key), value)
}

func (p placed) Open(ctx context.Context, key string, stored []byte) ([]byte, bool, error) {
	return p.Sealer.Open(ctx, p.at(key), stored)
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
