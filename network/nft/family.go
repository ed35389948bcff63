package nft

import (
	"net/netip"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

// Family is IPv4 or IPv6 as rules need to know it.
type Family struct {
	// Table is the family of tables that see only this protocol.
	Table nftables.TableFamily
	// Proto is NFPROTO_IPV4 or NFPROTO_IPV6.
	Proto byte
	// Bits is the length of an address.
	Bits int
	// AddrType is the set type of an address.
	AddrType nftables.SetDatatype
	// Regs is how many 32-bit registers an address fills.
	Regs uint32
	src  uint32
	dst  uint32
}

// The two families.
var (
	IPv4 = Family{Table: nftables.TableFamilyIPv4, Proto: unix.NFPROTO_IPV4, Bits: 32, AddrType: nftables.TypeIPAddr, Regs: 1, src: 12, dst: 16}
	IPv6 = Family{Table: nftables.TableFamilyIPv6, Proto: unix.NFPROTO_IPV6, Bits: 128, AddrType: nftables.TypeIP6Addr, Regs: 4, src: 8, dst: 24}
)

// Families lists both.
var Families = []Family{IPv4, IPv6}

// FamilyOf returns the family of a, which must be valid.
func FamilyOf(a netip.Addr) Family {
	if a.Unmap().Is4() {
		return IPv4
	}
	return IPv6
}

// Has tells whether a belongs to the family.
func (f Family) Has(a netip.Addr) bool { return a.IsValid() && FamilyOf(a).Bits == f.Bits }

// Suffix is "4" or "6", for names.
func (f Family) Suffix() string {
	if f.Bits == 32 {
		return "4"
	}
	return "6"
}

// Concat is the set type of a concatenation.
func Concat(types ...nftables.SetDatatype) nftables.SetDatatype {
	return nftables.MustConcatSetType(types...)
}

// Key concatenates values as a set of a concatenated type holds them: each
// padded to whole registers of 4 bytes.
func Key(parts ...[]byte) []byte {
	var key []byte
	for _, p := range parts {
		key = append(key, p...)
		for len(key)%4 != 0 {
			key = append(key, 0)
		}
	}
	return key
}

// Addr is an address as set elements hold it.
func Addr(a netip.Addr) []byte { return a.Unmap().AsSlice() }

// Port is a port as set elements hold it (network order).
func Port(p uint16) []byte { return []byte{byte(p >> 8), byte(p)} }

// Interval returns the two elements that stand for prefix in a set of
// intervals.
func Interval(prefix netip.Prefix) []nftables.SetElement {
	first := prefix.Masked().Addr()
	end := first.AsSlice()
	// The end is the first address after the prefix; all zeros when it wraps.
	for i, carry := len(end)-1, true; carry && i >= 0; i-- {
		low := max(0, prefix.Bits()-i*8)
		if low >= 8 {
			end[i]++
			carry = end[i] == 0
		} else {
			step := byte(1) << (8 - low)
			if low == 0 {
				end[i] = 0
				continue
			}
			end[i] += step
			carry = end[i] == 0
		}
	}
	return []nftables.SetElement{{Key: first.AsSlice()}, {Key: end, IntervalEnd: true}}
}
