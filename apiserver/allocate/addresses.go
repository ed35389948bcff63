package allocate

import (
	"errors"
	"math/big"
	"math/rand/v2"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
)

// Why an address or port cannot be had.
var (
	errTaken   = errors.New("provided IP is already allocated")
	errFull    = errors.New("range is full")
	errNoRange = errors.New("the provided network does not match the current range")
)

// addresses hands out the addresses of one range. The owner's lock guards it.
type addresses struct {
	prefix netip.Prefix
	// The first usable address is number 0: the network's own address is left
	// out, and IPv4's broadcast.
	set *bitmap
	// reserved is how many of the first numbers are taken last, so that fixed
	// addresses find place there (KEP-3070).
	reserved int
	// ready tells that new addresses may be taken.
	ready bool
}

// maxAddresses bounds the bitmap of a large IPv6 range.
const maxAddresses = 1 << 16

func newAddresses(prefix netip.Prefix) *addresses {
	prefix = prefix.Masked()
	free := prefix.Addr().BitLen() - prefix.Bits()
	size := maxAddresses
	if free < 16 {
		size = 1 << free
	}
	// Without the network's address; a range of one or two keeps at least one.
	size = max(size-1, 1)
	if prefix.Addr().Is4() && size > 1 && free <= 16 {
		size--
	}
	a := &addresses{prefix: prefix, set: newBitmap(size)}
	// A sixteenth of the range, at least 16 and at most 256 of it.
	if a.reserved = min(max(16, size/16), 256); a.reserved >= size {
		a.reserved = 0
	}
	return a
}

func (a *addresses) family() corev1.IPFamily {
	if a.prefix.Addr().Is4() {
		return corev1.IPv4Protocol
	}
	return corev1.IPv6Protocol
}

// at returns the address of a number.
func (a *addresses) at(i int) netip.Addr {
	n := new(big.Int).SetBytes(a.prefix.Addr().AsSlice())
	n.Add(n, big.NewInt(int64(i)+1))
	raw := n.FillBytes(make([]byte, a.prefix.Addr().BitLen()/8))
	addr, _ := netip.AddrFromSlice(raw)
	return addr
}

// index returns the number of an address; it is -1 outside the usable range.
func (a *addresses) index(ip netip.Addr) int {
	if !a.prefix.Contains(ip) {
		return -1
	}
	n := new(big.Int).SetBytes(ip.AsSlice())
	n.Sub(n, new(big.Int).SetBytes(a.prefix.Addr().AsSlice()))
	n.Sub(n, big.NewInt(1))
	if !n.IsInt64() || n.Int64() < 0 || n.Int64() >= int64(a.set.size) {
		return -1
	}
	return int(n.Int64())
}

// covers tells whether a service can have the address: it is neither the
// network's own nor IPv4's broadcast. Of a large range not every one is in set.
func (a *addresses) covers(ip netip.Addr) bool {
	if !a.prefix.Contains(ip) || a.prefix.Bits() < ip.BitLen()-1 && ip == a.prefix.Addr() {
		return false
	}
	return !ip.Is4() || a.prefix.Bits() >= 31 || a.prefix.Contains(ip.Next())
}

// mark notes that somebody has the address.
func (a *addresses) mark(ip netip.Addr) {
	if i := a.index(ip); i >= 0 {
		a.set.take(i)
	}
}

// any returns a free address, at random behind the reserved part.
func (a *addresses) any() (netip.Addr, error) {
	size := a.set.size
	start := a.reserved + rand.IntN(size-a.reserved)
	for _, part := range [][2]int{{start, size}, {a.reserved, start}, {0, a.reserved}} {
		if i := a.set.next(part[0], part[1]); i >= 0 {
			return a.at(i), nil
		}
	}
	return netip.Addr{}, errFull
}

func (a *addresses) release(ip netip.Addr) {
	if i := a.index(ip); i >= 0 {
		a.set.release(i)
	}
}
