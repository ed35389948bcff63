package encryption

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
)

// The sizes of a seed, of what tells one derived key from another, and of that
// key, in bytes.
const (
	seedSize = 32
	infoSize = 32
	keySize  = 32
)

// seeded derives a key for each value from a seed and 32 bytes of chance, which
// are stored in front of what AES-GCM with that key makes of the value. So no
// key is used twice, however long the seed lives (RFC 5869, KEP-3299).
type seeded struct{ seed []byte }

func newSeeded(seed []byte) (cipherOf, error) {
	if len(seed) < seedSize {
		return nil, fmt.Errorf("the seed has %d bytes, want %d", len(seed), seedSize)
	}
	return seeded{seed}, nil
}

func (s seeded) derive(info []byte) (cipherOf, error) {
	key, err := hkdf.Expand(sha256.New, s.seed, string(info), keySize)
	if err != nil {
		return nil, fmt.Errorf("derive a key: %w", err)
	}
	return newGCM(key)
}

func (s seeded) seal(aad, value []byte) ([]byte, error) {
	info := random(infoSize)
	derived, err := s.derive(info)
	if err != nil {
		return nil, err
	}
	sealed, err := derived.seal(aad, value)
	return append(info, sealed...), err
}

func (s seeded) open(aad, sealed []byte) ([]byte, error) {
	if len(sealed) < infoSize {
		return nil, errShort
	}
	derived, err := s.derive(sealed[:infoSize])
	if err != nil {
		return nil, err
	}
	return derived.open(aad, sealed[infoSize:])
}
