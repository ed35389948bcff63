package encryption

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/apis/apiserver"

	"minke/store/cache"
)

// Config says where the configuration is, and how it is read.
type Config struct {
	File string
	// Parse decodes and defaults the file's content.
	Parse func([]byte) (*apiserver.EncryptionConfiguration, error)
	Log   *slog.Logger
	// ServerID tells this API server's metrics from others'.
	ServerID string
}

// Encryption seals and opens as the configuration says, which may be replaced.
type Encryption struct {
	cfg     Config
	metrics *metrics

	mu      sync.Mutex // guards all below
	hash    [sha256.Size]byte
	set     *set
	changed chan struct{} // closed when set is replaced
}

// New reads the configuration. Plug-ins are asked when they are needed, and
// regularly once Run runs.
func New(cfg Config) (*Encryption, error) {
	e := &Encryption{cfg: cfg, metrics: newMetrics(cfg.ServerID), changed: make(chan struct{})}
	fresh, hash, err := e.read()
	if err != nil {
		return nil, err
	}
	e.set, e.hash = fresh, hash
	e.metrics.reloads.InUse(shown(hash))
	return e, nil
}

// read returns the configuration in the file; nil when it has not changed.
func (e *Encryption) read() (*set, [sha256.Size]byte, error) {
	data, err := os.ReadFile(e.cfg.File)
	if err != nil {
		return nil, e.hash, fmt.Errorf("read the encryption provider configuration: %w", err)
	}
	hash := sha256.Sum256(data)
	if e.set != nil && hash == e.hash {
		return nil, hash, nil
	}
	config, err := e.cfg.Parse(data)
	if err != nil {
		return nil, hash, fmt.Errorf("read the encryption provider configuration %s: %w", e.cfg.File, err)
	}
	fresh, err := newSet(config, e.cfg.Log, e.metrics)
	if err != nil {
		return nil, hash, fmt.Errorf("use the encryption provider configuration %s: %w", e.cfg.File, err)
	}
	return fresh, hash, nil
}

// retryPause is how long after a failed reload the next is tried.
const retryPause = time.Minute

// Run asks the plug-ins how they are, and reads the configuration again
// whenever touched tells so, until ctx ends. A configuration that is wrong, or
// whose plug-ins do not answer, does not replace the one in use; it is tried
// again a minute later.
func (e *Encryption) Run(ctx context.Context, touched <-chan struct{}) error {
	e.now().start(ctx)
	var retired sync.WaitGroup
	defer retired.Wait()
	var retry <-chan time.Time
	for {
		select {
		case <-touched:
		case <-retry:
		case <-ctx.Done():
			return errors.Join(ctx.Err(), e.now().stop())
		}
		retry = nil
		old, err := e.reload(ctx)
		if err != nil || old != nil {
			e.metrics.reloads.Reloaded(shown(e.sum()), err)
		}
		if err != nil {
			retry = time.After(retryPause)
			e.cfg.Log.Error("reload encryption: what was configured before stays in use", "error", err)
		}
		if old != nil {
			e.cfg.Log.Info("encryption is configured anew", "file", e.cfg.File)
			retired.Go(func() { e.retire(ctx, old) })
		}
	}
}

// reload returns the configuration that was replaced, if it was.
func (e *Encryption) reload(ctx context.Context) (*set, error) {
	fresh, hash, err := e.read()
	if err != nil || fresh == nil {
		return nil, err
	}
	if err := fresh.healthy(ctx); err != nil {
		return nil, errors.Join(err, fresh.closePlugIns())
	}
	fresh.start(ctx)
	e.mu.Lock()
	defer e.mu.Unlock()
	old := e.set
	e.set, e.hash = fresh, hash
	close(e.changed)
	e.changed = make(chan struct{})
	return old, nil
}

// retire stops a set once those who still use it are done.
func (e *Encryption) retire(ctx context.Context, old *set) {
	timer := time.NewTimer(old.grace())
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	if err := old.stop(); err != nil {
		e.cfg.Log.Warn("leave KMS providers", "error", err)
	}
}

// shown is a hash as metrics show it.
func shown(hash [sha256.Size]byte) string { return fmt.Sprintf("sha256:%x", hash) }

// sum is the hash of the configuration in use.
func (e *Encryption) sum() [sha256.Size]byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.hash
}

func (e *Encryption) now() *set {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.set
}

// Healthy tells which KMS plug-ins are not well.
func (e *Encryption) Healthy(ctx context.Context) error { return e.now().healthy(ctx) }

// For returns what seals the objects of a resource.
func (e *Encryption) For(resource schema.GroupResource) cache.Sealer {
	return &sealer{encryption: e, resource: resource, name: resource.String()}
}

// sealer is one resource's share.
type sealer struct {
	encryption *Encryption
	resource   schema.GroupResource
	name       string
}

func (s *sealer) at(key string) place {
	return place{key: key, resource: s.name, metrics: s.encryption.metrics}
}

// Active implements cache.Sealer.
func (s *sealer) Active() bool { return s.encryption.now().of(s.resource) != nil }

// Seal implements cache.Sealer.
func (s *sealer) Seal(ctx context.Context, key string, value []byte) ([]byte, error) {
	ps := s.encryption.now().of(s.resource)
	if ps == nil {
		return value, nil
	}
	sealed, err := ps.seal(ctx, s.at(key), value)
	if err != nil {
		return nil, fmt.Errorf("encrypt %s: %w", key, err)
	}
	return sealed, nil
}

// Open implements cache.Sealer.
func (s *sealer) Open(ctx context.Context, key string, stored []byte) (value []byte, stale bool, err error) {
	if ps := s.encryption.now().of(s.resource); ps != nil {
		value, stale, err = ps.open(ctx, s.at(key), stored)
	} else {
		value, stale, err = identity{}.open(ctx, s.at(key), stored)
	}
	if err != nil {
		return nil, false, fmt.Errorf("unable to transform key %q: %w", key, err)
	}
	return value, stale, nil
}

// Changed implements cache.Sealer.
func (s *sealer) Changed() <-chan struct{} {
	s.encryption.mu.Lock()
	defer s.encryption.mu.Unlock()
	return s.encryption.changed
}
