package nft

import (
	"encoding/binary"
	"net"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Expr is a part of a rule: one match or one action.
type Expr []expr.Any

// Reg is the first of the 32-bit registers (NFT_REG32_00), where single values
// are loaded and where concatenations start.
const Reg = 8

func native32(v uint32) []byte {
	b := make([]byte, 4)
	binary.NativeEndian.PutUint32(b, v)
	return b
}

// Src loads the source address.
func (f Family) Src(reg uint32) Expr { return network(f.src, uint32(f.Bits/8), reg) }

// Dst loads the destination address.
func (f Family) Dst(reg uint32) Expr { return network(f.dst, uint32(f.Bits/8), reg) }

func network(offset, length, reg uint32) Expr {
	return Expr{&expr.Payload{DestRegister: reg, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: length}}
}

// L4Proto loads the transport protocol.
func L4Proto(reg uint32) Expr {
	return Expr{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: reg}}
}

// DstPort loads the destination port of TCP, UDP and SCTP alike.
func DstPort(reg uint32) Expr {
	return Expr{&expr.Payload{DestRegister: reg, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2}}
}

// Join makes one part of several.
func Join(parts ...Expr) Expr {
	var all Expr
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// ProtoPort loads protocol and destination port from reg on.
func ProtoPort(reg uint32) Expr { return Join(L4Proto(reg), DstPort(reg+1)) }

// In matches when the set has what is loaded at Reg.
func In(s *nftables.Set) Expr {
	return Expr{&expr.Lookup{SourceRegister: Reg, SetName: s.Name, SetID: s.ID}}
}

// NotIn matches when the set lacks what is loaded at Reg.
func NotIn(s *nftables.Set) Expr {
	return Expr{&expr.Lookup{SourceRegister: Reg, SetName: s.Name, SetID: s.ID, Invert: true}}
}

// VMap goes where the verdict map sends what is loaded at Reg, if anywhere.
func VMap(s *nftables.Set) Expr {
	return Expr{&expr.Lookup{SourceRegister: Reg, DestRegister: 0, IsDestRegSet: true, SetName: s.Name, SetID: s.ID}}
}

// Map replaces what is loaded at Reg by the map's value, written at dst; the
// rule ends when there is none.
func Map(s *nftables.Set, dst uint32) Expr {
	return Expr{&expr.Lookup{SourceRegister: Reg, DestRegister: dst, IsDestRegSet: true, SetName: s.Name, SetID: s.ID}}
}

// Equal compares what is loaded at Reg.
func Equal(value []byte) Expr { return Expr{&expr.Cmp{Op: expr.CmpOpEq, Register: Reg, Data: value}} }

// NotEqual compares what is loaded at Reg.
func NotEqual(value []byte) Expr {
	return Expr{&expr.Cmp{Op: expr.CmpOpNeq, Register: Reg, Data: value}}
}

// NFProto matches packets of the family in a table of family inet.
func (f Family) NFProto() Expr {
	return Join(Expr{&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: Reg}}, Equal([]byte{f.Proto}))
}

// Proto matches the transport protocol.
func Proto(proto byte) Expr { return Join(L4Proto(Reg), Equal([]byte{proto})) }

// NotProto matches any other transport protocol.
func NotProto(proto byte) Expr { return Join(L4Proto(Reg), NotEqual([]byte{proto})) }

// SrcIn matches sources within the prefix.
func (f Family) SrcIn(p netip.Prefix) Expr { return f.within(f.Src(Reg), p, Equal) }

// SrcOutside matches sources outside the prefix.
func (f Family) SrcOutside(p netip.Prefix) Expr { return f.within(f.Src(Reg), p, NotEqual) }

// DstIn matches destinations within the prefix.
func (f Family) DstIn(p netip.Prefix) Expr { return f.within(f.Dst(Reg), p, Equal) }

// DstOutside matches destinations outside the prefix.
func (f Family) DstOutside(p netip.Prefix) Expr { return f.within(f.Dst(Reg), p, NotEqual) }

func (f Family) within(load Expr, p netip.Prefix, compare func([]byte) Expr) Expr {
	return Join(load, Expr{&expr.Bitwise{SourceRegister: Reg, DestRegister: Reg, Len: uint32(f.Bits / 8),
		Mask: net.CIDRMask(p.Bits(), f.Bits), Xor: make([]byte, f.Bits/8)}}, compare(p.Masked().Addr().AsSlice()))
}

// DstLocal matches packets to one of the namespace's own addresses.
func DstLocal() Expr {
	return Join(Expr{&expr.Fib{Register: Reg, ResultADDRTYPE: true, FlagDADDR: true}}, Equal(native32(unix.RTN_LOCAL)))
}

// SrcLocal matches packets from one of the namespace's own addresses.
func SrcLocal() Expr {
	return Join(Expr{&expr.Fib{Register: Reg, ResultADDRTYPE: true, FlagSADDR: true}}, Equal(native32(unix.RTN_LOCAL)))
}

// bits of a connection's state, as the ct expression gives it
// (include/uapi/linux/netfilter/nf_conntrack_common.h).
const (
	stateEstablished = 1 << 1
	stateRelated     = 1 << 2
	stateNew         = 1 << 3
	statusDstNAT     = 1 << 5
)

// New matches the first packet of a connection.
func New() Expr { return connection(expr.CtKeySTATE, stateNew) }

// Established matches packets of, or related to, a known connection.
func Established() Expr { return connection(expr.CtKeySTATE, stateEstablished|stateRelated) }

// Translated matches packets of a connection whose destination was rewritten.
func Translated() Expr { return connection(expr.CtKeySTATUS, statusDstNAT) }

func connection(key expr.CtKey, bits uint32) Expr {
	return Join(Expr{&expr.Ct{Key: key, Register: Reg}}, anyOf(bits))
}

func anyOf(bits uint32) Expr {
	return Join(Expr{&expr.Bitwise{SourceRegister: Reg, DestRegister: Reg, Len: 4, Mask: native32(bits), Xor: native32(0)}},
		NotEqual(native32(0)))
}

// Marked matches packets whose mark has all or some of the bits.
func Marked(bits uint32) Expr {
	return Join(Expr{&expr.Meta{Key: expr.MetaKeyMARK, Register: Reg}}, anyOf(bits))
}

// Mark sets bits in the packet's mark.
func Mark(bits uint32) Expr { return setMark(^bits, bits) }

// Unmark clears bits in the packet's mark.
func Unmark(bits uint32) Expr { return setMark(^bits, 0) }

func setMark(mask, xor uint32) Expr {
	return Expr{&expr.Meta{Key: expr.MetaKeyMARK, Register: Reg},
		&expr.Bitwise{SourceRegister: Reg, DestRegister: Reg, Len: 4, Mask: native32(mask), Xor: native32(xor)},
		&expr.Meta{Key: expr.MetaKeyMARK, Register: Reg, SourceRegister: true}}
}

// DstPortIn matches destination ports from first to last.
func DstPortIn(first, last uint16) Expr {
	return Join(DstPort(Reg), Expr{&expr.Range{Op: expr.CmpOpEq, Register: Reg, FromData: Port(first), ToData: Port(last)}})
}

// ICMPType loads the type of an ICMP or ICMPv6 message.
func ICMPType(reg uint32) Expr {
	return Expr{&expr.Payload{DestRegister: reg, Base: expr.PayloadBaseTransportHeader, Len: 1}}
}

// ICMPTypeIn matches types from first to last.
func ICMPTypeIn(first, last byte) Expr {
	return Join(ICMPType(Reg), Expr{&expr.Range{Op: expr.CmpOpEq, Register: Reg, FromData: []byte{first}, ToData: []byte{last}}})
}
