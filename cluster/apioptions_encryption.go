package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/apiserver/encryption"
	"minke/cluster/configfile"
	"minke/store/cache"
)

// EncryptionOptions say what is encrypted at rest.
type EncryptionOptions struct {
	// ConfigFile holds an EncryptionConfiguration. Reload reads it again when
	// it changes.
	ConfigFile File `json:"configFile,omitempty"`
	Reload     bool `json:"reload,omitempty"`
}

func (o *EncryptionOptions) addFlags(flags *pflag.FlagSet) {
	flags.Var(&o.ConfigFile, "encryption-provider-config", "`file` with an EncryptionConfiguration (apiserver.config.k8s.io/v1), which says what is encrypted at rest and how")
	flags.BoolVar(&o.Reload, "encryption-provider-config-automatic-reload", false, "read that file again when it changes")
}

func (o *EncryptionOptions) open(name string, log *slog.Logger) (*encryption.Encryption, error) {
	if o.ConfigFile == "" {
		if o.Reload {
			return nil, errors.New("--encryption-provider-config-automatic-reload needs --encryption-provider-config")
		}
		return nil, nil
	}
	return encryption.New(encryption.Config{File: string(o.ConfigFile), Parse: configfile.Encryption, Log: log, ServerID: name})
}

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
