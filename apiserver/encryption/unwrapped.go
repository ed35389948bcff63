package encryption

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// maxUnwrapped bounds the ciphers that a plug-in's unwrapped seeds are kept as.
// There is one for each key of the plug-in and start of a server.
const maxUnwrapped = 1024

// unwrapped are the ciphers of what a plug-in has unwrapped, so that it is asked
// once for each.
type unwrapped struct {
	mu    sync.Mutex // guards all below
	kept  map[[sha256.Size]byte]cipherOf
	order [][sha256.Size]byte // the oldest first
	size  prometheus.Gauge    // how many are kept; it may be nil
}

// id tells one wrapped seed from another.
func (e *envelope) id() [sha256.Size]byte {
	h := sha256.New()
	part := func(b []byte) {
		_ = binary.Write(h, binary.LittleEndian, uint64(len(b)))
		h.Write(b)
	}
	part([]byte{byte(e.kind)})
	part(e.wrapped)
	part([]byte(e.keyID))
	for _, name := range sortedNames(e.annotations) {
		part([]byte(name))
		part(e.annotations[name])
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// get returns the cipher of id, made by unwrap if it is not kept.
func (u *unwrapped) get(id [sha256.Size]byte, unwrap func() (cipherOf, error)) (cipherOf, error) {
	u.mu.Lock()
	c, ok := u.kept[id]
	u.mu.Unlock()
	if ok {
		return c, nil
	}
	c, err := unwrap()
	if err != nil {
		return nil, err
	}
	u.keep(id, c)
	return c, nil
}

func (u *unwrapped) keep(id [sha256.Size]byte, c cipherOf) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.kept == nil {
		u.kept = map[[sha256.Size]byte]cipherOf{}
	}
	if _, ok := u.kept[id]; ok {
		return
	}
	if len(u.order) == maxUnwrapped {
		delete(u.kept, u.order[0])
		u.order = u.order[1:]
	}
	u.kept[id] = c
	u.order = append(u.order, id)
	if u.size != nil {
		u.size.Set(float64(len(u.order)))
	}
}
