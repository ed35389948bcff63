package allocate

import (
	"errors"
	"fmt"
	"math/rand/v2"
)

var errPortTaken = errors.New("provided port is already allocated")

// ports hands out node ports. A port is taken once for each protocol that uses
// it within one service, but by one service only. The owner's lock guards it.
type ports struct {
	base int32
	set  *bitmap
	// reserved is how many of the first ports are taken last (KEP-3668).
	reserved int
}

func newPorts(base, size int32) *ports {
	p := &ports{base: base, set: newBitmap(int(size))}
	if p.reserved = min(max(16, int(size)/32), 128); p.reserved >= int(size) {
		p.reserved = 0
	}
	return p
}

func (p *ports) take(port int32) error {
	i := int(port - p.base)
	if i < 0 || i >= p.set.size {
		return fmt.Errorf("the provided port is not in the valid range. The range of valid ports is %d-%d", p.base, int(p.base)+p.set.size-1)
	}
	if !p.set.take(i) {
		return errPortTaken
	}
	return nil
}

func (p *ports) any() (int32, error) {
	size := p.set.size
	start := p.reserved + rand.IntN(size-p.reserved)
	for _, part := range [][2]int{{start, size}, {p.reserved, start}, {0, p.reserved}} {
		if i := p.set.next(part[0], part[1]); i >= 0 {
			p.set.take(i)
			return p.base + int32(i), nil
		}
	}
	return 0, errFull
}

func (p *ports) release(port int32) {
	if i := int(port - p.base); i >= 0 && i < p.set.size {
		p.set.release(i)
	}
}
