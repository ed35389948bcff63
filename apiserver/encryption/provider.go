package encryption

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"
)

// provider is one way of sealing. Its prefix, which marks what it has sealed,
// is neither passed to open nor returned by seal.
type provider interface {
	prefix() string
	// seal returns value as it is to be stored.
	seal(ctx context.Context, at place, value []byte) ([]byte, error)
	// open is the inverse. Stale tells that seal would do it otherwise now.
	open(ctx context.Context, at place, stored []byte) (value []byte, stale bool, err error)
}

// place is where a value is stored, and who counts it.
type place struct {
	key, resource string
	metrics       *metrics
}

// providers are those of one resource, in the order of the configuration.
type providers []provider

var errNoProvider = errors.New("no matching prefix found")

func (ps providers) seal(ctx context.Context, at place, value []byte) ([]byte, error) {
	first, began := ps[0], time.Now()
	sealed, err := first.seal(ctx, at, value)
	at.metrics.transformed(at.resource, toStorage, first.prefix(), began, err)
	if err != nil {
		return nil, err
	}
	if first.prefix() == "" {
		return sealed, nil
	}
	return append([]byte(first.prefix()), sealed...), nil
}

// open tries each provider whose prefix the stored bytes have: two may have the
// same, with different keys.
func (ps providers) open(ctx context.Context, at place, stored []byte) (value []byte, stale bool, err error) {
	var failed []error
	began := time.Now()
	for i, p := range ps {
		rest, ok := bytes.CutPrefix(stored, []byte(p.prefix()))
		if !ok {
			continue
		}
		value, stale, err := p.open(ctx, at, rest)
		prefix := p.prefix()
		if prefix == "" {
			if err != nil {
				continue // identity fails because another is meant
			}
			prefix = "identity"
		}
		at.metrics.transformed(at.resource, fromStorage, prefix, began, err)
		if err == nil {
			return value, stale || i > 0, nil
		}
		failed = append(failed, err)
	}
	if len(failed) == 0 {
		at.metrics.transformed(at.resource, fromStorage, "unknown", began, errNoProvider)
		return nil, false, errNoProvider
	}
	return nil, false, errors.Join(failed...)
}

// keys are the named keys of a local provider: the first seals.
type keys struct {
	marker string // without a key's name
	named  []namedKey
}

type namedKey struct {
	prefix string // "name:"
	cipher cipherOf
}

// cipherOf seals with one key.
type cipherOf interface {
	seal(aad, value []byte) ([]byte, error)
	open(aad, sealed []byte) ([]byte, error)
}

func (k *keys) prefix() string { return k.marker }

// seal counts by the key's name too, as Kubernetes does.
func (k *keys) seal(_ context.Context, at place, value []byte) ([]byte, error) {
	began := time.Now()
	sealed, err := k.named[0].cipher.seal([]byte(at.key), value)
	at.metrics.transformed(at.resource, toStorage, k.named[0].prefix, began, err)
	if err != nil {
		return nil, err
	}
	return append([]byte(k.named[0].prefix), sealed...), nil
}

func (k *keys) open(_ context.Context, at place, stored []byte) (value []byte, stale bool, err error) {
	var failed []error
	began := time.Now()
	for i, named := range k.named {
		sealed, ok := bytes.CutPrefix(stored, []byte(named.prefix))
		if !ok {
			continue
		}
		value, err = named.cipher.open([]byte(at.key), sealed)
		at.metrics.transformed(at.resource, fromStorage, named.prefix, began, err)
		if err == nil {
			return value, i > 0, nil
		}
		failed = append(failed, err)
	}
	if len(failed) == 0 {
		at.metrics.transformed(at.resource, fromStorage, "unknown", began, errNoProvider)
		return nil, false, fmt.Errorf("no key of %s has the name: %w", k.marker, errNoProvider)
	}
	return nil, false, errors.Join(failed...)
}

// sealedMark begins everything that any provider but identity has sealed.
const sealedMark = "k8s:enc:"

// identity stores values as they are.
type identity struct{}

var errSealed = errors.New("identity transformer tried to read encrypted data")

func (identity) prefix() string { return "" }

func (identity) seal(_ context.Context, _ place, value []byte) ([]byte, error) { return value, nil }

func (identity) open(_ context.Context, _ place, stored []byte) ([]byte, bool, error) {
	if bytes.HasPrefix(stored, []byte(sealedMark)) {
		return nil, false, errSealed
	}
	return stored, false, nil
}
